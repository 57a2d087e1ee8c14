"""``edgewright drift``: does the account have what the stack says, and does it still behave as it was verified?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from edgewright.cli.console import out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, Stack, project_of
from edgewright.errors import EvidenceError, VerifyError

if TYPE_CHECKING:
    from edgewright.lifecycle.drift import Drift
    from edgewright.lifecycle.evidence import Place


def drift(
    stack: Stack = "local",
    behaviour: Annotated[
        bool, typer.Option("--behaviour", help="Verify too: promises that the last evidence says were kept")
    ] = False,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Compare the account with the stack, line by line. Exit 0: no drift; 1: drift; 2: could not run."""
    from edgewright.engine.select import api_of, select
    from edgewright.lifecycle.drift import Account, mends
    from edgewright.lifecycle.evidence import Place

    root = project_of(project)
    chosen = select(root, stack, engine)
    evidence = _evidence(Place.of(root, stack, embedded=chosen.embedded)) if behaviour else None
    outputs = chosen.outputs()
    api = api_of(root, stack, chosen)
    commands = mends(stack, outputs, embedded=chosen.embedded)
    with working(f"comparing {stack} with its account"):
        found = Account(api, outputs, chosen.intended(api), commands).drift()
    if evidence is not None:
        found += _broken(evidence, chosen.outputs(reveal=True), stack)
    _show(found, stack, as_json=as_json)
    sys.exit(1 if found else 0)


def _evidence(place: Place) -> dict[str, Any]:
    """What was kept, before anything is run.

    Raises:
        EvidenceError: there is none, or none that can be trusted.
    """
    from edgewright.lifecycle.evidence import of_another_key, read

    statement = read(place.envelope, place.public)
    if statement is None:
        raise EvidenceError(
            f"{place.envelope}: {of_another_key(place.public)}.",
            fix="verify anew: edgewright verify --stack NAME --evidence",
        )
    return statement


def _broken(statement: dict[str, Any], outputs: dict[str, Any], stack: str) -> list[Drift]:
    """What was kept then and is not now, by whatever answers, with the suites that were run then."""
    from edgewright.cli.harness import examined
    from edgewright.lifecycle.drift import Drift
    from edgewright.lifecycle.evidence import no_longer_kept

    document = examined(outputs, None, statement["predicate"]["edgewright"]["suites"])
    if document["verdict"] == "could_not_run":
        raise VerifyError(f"drift --behaviour: {document['problem']}")
    mend = f"find out why, then edgewright verify --stack {stack} --evidence"
    return [Drift(f"promise {said}", "kept", now, mend) for said, now in no_longer_kept(statement, document)]


def _show(found: list[Drift], stack: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"stack": stack, "drift": [each.as_json() for each in found]})
        return
    for each in found:
        out.print(
            f"[bold]{escape(each.what)}[/]: expected {escape(each.expected)}, found {escape(each.found)}; "
            f"mend: {escape(each.mend)}"
        )
    if not found:
        out.print(f"[green]no drift[/]: the account has what stack {escape(stack)} says")
