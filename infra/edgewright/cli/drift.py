"""``edgewright drift``: does the account have what the stack says, and does it still behave as it was verified?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.markup import escape

from edgewright.cli.console import out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, Stack, project_of

if TYPE_CHECKING:
    from edgewright.lifecycle.drift import Drift


def drift(
    stack: Stack = "local",
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Compare the account with the stack. Exit 0: no drift; 1: drift; 2: could not run."""
    from edgewright.engine.embedded import EmbeddedEngine
    from edgewright.engine.select import api_of, select
    from edgewright.lifecycle.drift import Account, mends

    root = project_of(project)
    chosen = select(root, stack, engine)
    outputs = chosen.outputs()
    api = api_of(root, stack, chosen)
    commands = mends(stack, outputs, embedded=isinstance(chosen, EmbeddedEngine))
    with working(f"comparing {stack} with its account"):
        found = Account(api, outputs, chosen.intended(api), commands).drift()
    _show(found, stack, as_json=as_json)
    sys.exit(1 if found else 0)


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
