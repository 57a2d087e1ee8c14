"""``edgewright verify``: the harness against a stack or any URL."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from edgewright.cli.console import err
from edgewright.cli.harness import pin_of, subject_of, target_of
from edgewright.cli.options import EngineChoice, Json, Project, project_of
from edgewright.cli.wall import Wanted, local_wall, url_wall
from edgewright.errors import VerifyError

if TYPE_CHECKING:
    from edgewright_verify.runner import Options

    from edgewright.lifecycle.evidence import Place

COULD_NOT_RUN = 2


def verify(
    url: Annotated[str | None, typer.Option(envvar="EDGE_URL", help="Address of any proxy; or use --stack")] = None,
    key: Annotated[str | None, typer.Option(envvar="EDGE_API_KEY", help="Client key")] = None,
    other_key: Annotated[
        str | None, typer.Option(envvar="EDGE_OTHER_KEY", help="Client key of another tenant, who must see nothing")
    ] = None,
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Take URL and keys from this stack")] = None,
    model: Annotated[str | None, typer.Option(envvar="EDGE_MODEL", help="Model to ask; default: the first")] = None,
    drill_secret: Annotated[
        str | None, typer.Option(envvar="EDGE_DRILL_SECRET", help="Signs the faults of the fallback suite")
    ] = None,
    pin: Annotated[
        str | None, typer.Option(envvar="EDGE_PIN", help="WORKER=VERSION_ID: the version that is to answer")
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Only this suite; repeatable")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a JSON report")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Append a summary, e.g. to $GITHUB_STEP_SUMMARY")] = None,
    github: Annotated[
        bool, typer.Option("--github", help="In a workflow of GitHub: write the step's summary and annotations")
    ] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="With --stack: sign what was found, and keep it beside the outputs")
    ] = False,
    wall: Annotated[
        bool, typer.Option("--wall", help="The fault wall: a local stack before a scripted upstream, or --url's proxy")
    ] = False,
    upstream: Annotated[
        str | None, typer.Option(envvar="EDGE_WALL_UPSTREAM", help="With --wall --url: the scripted upstream behind it")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=20, help="With --wall: so many times in a row")] = 1,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Check that a deployed proxy keeps its promises. Exit 0: all kept; 1: one broken; 2: could not run."""
    from edgewright_verify.runner import Options, run

    if wall:
        given = {"--suite": suite, "--junit": junit, "--github": github, "--pin": pin, "--evidence": evidence}
        unfit = [name for name, value in {"--stack": stack, **given}.items() if value]
        sys.exit(_wall(url, key, upstream, Wanted(repeat, report, markdown, as_json), project, unfit))
    if evidence and (stack is None or url is not None or pin is not None):
        raise VerifyError("verify --evidence: it is of a stack.", fix="give --stack, and neither --url nor --pin")
    deployed = _deployed(project, stack, engine) if stack is not None else None
    asked = {"url": url, "key": key, "other_key": other_key, "drill_secret": drill_secret, "model": model}
    options = Options(
        **_target(asked, deployed),
        pin=pin,
        suites=suite or [],
        junit=junit,
        json=report,
        markdown=markdown,
        json_stdout=as_json,
        github=github,
    )
    sys.exit(_signed(options, deployed) if evidence and deployed else run(options))


class Deployed(NamedTuple):
    """A stack that is deployed: its outputs with their secrets, and where its evidence is."""

    stack: str
    outputs: dict[str, Any]
    place: Place


def _deployed(project: Path | None, stack: str, engine: str) -> Deployed:
    from edgewright.engine.select import select
    from edgewright.lifecycle.evidence import Place

    root = project_of(project)
    chosen = select(root, stack, engine)
    return Deployed(stack, chosen.outputs(reveal=True), Place.of(root, stack, embedded=chosen.embedded))


def _target(asked: dict[str, str | None], deployed: Deployed | None) -> dict[str, Any]:
    """Whom to ask, and as whom: as the options say it, the rest by the stack's outputs."""
    known = target_of(deployed.outputs) if deployed else {}
    target = {name: given or known.get(name, given) for name, given in asked.items()}
    if target["url"] is None:
        raise VerifyError("verify: no target.", fix="give --url URL --key KEY, or --stack NAME")
    return target


def _signed(options: Options, deployed: Deployed) -> int:
    """Verify what the stack's outputs say is live, and sign what came of it."""
    from edgewright_verify.runner import run

    from edgewright.lifecycle.evidence import statement_of, write
    from edgewright.lifecycle.signing import Signer

    stack, outputs, place = deployed
    Signer.of(place.private)  # a key that is none is told before the run
    version = outputs["version_id"]
    with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
        report = options.json or Path(folder, "report.json")
        code = run(replace(options, json=report, pin=pin_of(outputs, version)))
        if code == COULD_NOT_RUN:
            return code
        document = json.loads(report.read_text("utf8"))
    subject = subject_of(stack, outputs, version, outputs["content_hash"], options.suites)
    write(place, statement_of(document, subject))
    err.print(f"evidence: {place.envelope}")
    if options.suites:
        err.print("it is of some suites only: `evidence check` and `promote` ask for all", style="yellow")
    return code


def _wall(
    url: str | None, key: str | None, upstream: str | None, wanted: Wanted, project: Path | None, unfit: list[str]
) -> int:
    from edgewright_verify.runner import Options, problem_with

    _refuse(unfit, url, upstream)
    here = "http://127.0.0.1"  # stands for the stack that is yet to come: its address is not what could be wrong
    options = Options(url or here, key, wall_upstream=upstream, json=wanted.report, markdown=wanted.markdown)
    problem = problem_with(options)
    if problem is not None:
        raise VerifyError(f"verify --wall: {problem}")
    return url_wall(options, wanted) if url else local_wall(project_of(project), wanted)


def _refuse(unfit: list[str], url: str | None, upstream: str | None) -> None:
    """What does not go together with ``--wall``."""
    if unfit:
        raise VerifyError(f"verify --wall: {', '.join(unfit)} does not go with it.", fix="leave it out")
    if (url is None) != (upstream is None):
        raise VerifyError(
            "verify --wall: --url and --upstream go together.",
            fix="give both for a proxy of your own, or neither for a local stack",
        )
