"""``edgewright promote``: what one stack has live and verified, released to another."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from edgewright.cli.console import err, out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, config_of, project_of
from edgewright.cli.rollout import Pace, release, script_of, show
from edgewright.errors import ConfigError

if TYPE_CHECKING:
    from edgewright.lifecycle.content import Difference

_LONGEST_VALUE = 60


def promote(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Stack that has it live and verified")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Stack that gets it")],
    steps: Annotated[str, typer.Option(help="Per cent of the requests, one after the other")] = "1,10,50,100",
    watch: Annotated[str, typer.Option(help="How long each step is watched: 30s, 5m, 1h; 0: not at all")] = "5m",
    min_requests: Annotated[int, typer.Option(min=1, help="Requests of the new version that a judgement needs")] = 20,
    evidence: Annotated[
        Path | None, typer.Option(help="Signed evidence of FROM from elsewhere; default: the stack's own")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="Section of the configuration that may differ, e.g. models; repeatable")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it may be promoted, and what differs")
    ] = False,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Release to TO what FROM has live and verified: same code, fresh evidence. Exit codes as `rollout`."""
    root, pace = project_of(project), Pace.of(steps, watch, min_requests)
    if source == target:
        raise ConfigError(f"promote: {source!r} is both stacks.", fix="name two, e.g. staging prod")
    found = _checked(root, source, target, engine, evidence, accept or [])
    if check:
        _show_check(source, target, found, as_json=as_json)
        return
    for each in found:
        err.print(f" {escape(_told(each))}", style="dim")
    ended = release(root, target, engine, pace)
    show(ended, as_json=as_json)
    sys.exit(ended.exit_code)


def _checked(
    root: Path, source: str, target: str, engine: str, evidence: Path | None, accepted: list[str]
) -> list[Difference]:
    from edgewright_verify.settings import SUITES

    from edgewright.engine.select import select
    from edgewright.lifecycle.evidence import Live, Place, held_against
    from edgewright.lifecycle.promotion import LASTS_SECONDS, Promotion

    place = Place.of(root, source, embedded=select(root, source, engine).embedded)

    def misfits(live: Live) -> list[str]:
        return held_against(evidence or place.envelope, place.public, live, time.time(), LASTS_SECONDS)

    wanted = Promotion(source, target, config_of(root, source), config_of(root, target), SUITES, accepted)
    with working(f"looking at what {source} has live"):
        return wanted.check(script_of(root, source, engine), misfits)


def _show_check(source: str, target: str, found: list[Difference], *, as_json: bool) -> None:
    if as_json:
        rows = [{"key": each.key, source: each.source, target: each.target} for each in found]
        print_json({"promotable": True, "differences": rows})
        return
    for each in found:
        out.print(escape(_told(each)))
    out.print(f"{source} can be promoted to {target}; {len(found)} values differ, all where they may")


def _told(each: Difference) -> str:
    return f"{each.key}: {_short(each.source)} -> {_short(each.target)}"


def _short(value: Any) -> str:
    text = "(none)" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
