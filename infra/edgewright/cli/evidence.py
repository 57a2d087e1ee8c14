"""``edgewright evidence``: does signed evidence of a verification stand for what is live?"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from edgewright.cli.console import out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, Stack, project_of, seconds_of
from edgewright.errors import ConfigError

if TYPE_CHECKING:
    from edgewright.engine.select import Engine

app = typer.Typer(help="Signed evidence of a verification.", no_args_is_help=True)

_AGE = re.compile(r"(\d+(?:\.\d+)?)([hd])")


@app.callback()
def evidence() -> None:
    """Signed evidence of a verification."""


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="Evidence from elsewhere; default: the stack's own")] = None,
    stack: Stack = "local",
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="The key to trust; default: the one beside the stack's evidence")
    ] = None,
    max_age: Annotated[str, typer.Option("--max-age", help="How old it may be: 12h, 7d")] = "7d",
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Check signature, what is live, age, suites and results. Exit 0: it stands; 1: it does not; 2: could not run."""
    from edgewright.engine.select import select
    from edgewright.lifecycle.evidence import Place, of_another_key, read

    seconds, root = _age(max_age), project_of(project)
    chosen = select(root, stack, engine)
    place = Place.of(root, stack, embedded=chosen.embedded)
    trusted = public_key or place.public
    statement = read(file or place.envelope, trusted)
    if statement is None:
        found = [of_another_key(trusted)]
    else:
        found = _held_against_live(statement, root, stack, chosen, seconds)
    if as_json:
        print_json({"stands": not found, "misfits": found})
    else:
        _show(found, statement)
    sys.exit(1 if found else 0)


def _held_against_live(statement: dict[str, Any], root: Path, stack: str, chosen: Engine, max_age: float) -> list[str]:
    from edgewright_verify.settings import SUITES

    from edgewright.engine.select import api_of
    from edgewright.lifecycle.evidence import Live, misfits
    from edgewright.lifecycle.script import Script

    outputs = chosen.outputs()
    script = Script(api_of(root, stack, chosen), outputs["account_id"], outputs["worker"])
    with working(f"reading what is live of {stack}"):
        deployment = script.live()
        content_hash = script.version(deployment.whole).hash if deployment.whole else ""
    live = Live(stack, outputs["worker"], deployment, content_hash, SUITES)
    return list(misfits(statement, live, time.time(), max_age))


def _show(found: list[str], statement: dict[str, Any] | None) -> None:
    for each in found:
        out.print(f"[bold red]does not fit[/]: {escape(each)}")
    if statement is not None and not found:
        told, kept = statement["predicate"]["edgewright"], len(statement["predicate"]["passedTests"])
        said = f"{kept} promises kept by version {told['version_id']} at {told['url']}, {told['started']}"
        out.print(f"[green]the evidence stands[/]: {escape(said)}")


def _age(given: str) -> float:
    seconds = seconds_of(_AGE, given)
    if seconds is None:
        raise ConfigError(f"--max-age: {given!r} is no age.", fix="write e.g. 12h or 7d")
    return seconds
