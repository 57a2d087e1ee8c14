"""``edgewright rollout``, ``rollback`` and ``versions``: which version of a deployed stack answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from edgewright.cli.console import err, out, print_json, working
from edgewright.cli.harness import subject_of
from edgewright.cli.options import EngineChoice, Json, Project, Stack, project_of, span
from edgewright.errors import ConfigError, EvidenceError, VerifyError

if TYPE_CHECKING:
    from edgewright.engine.api import CloudflareApi
    from edgewright.engine.select import Engine
    from edgewright.lifecycle.evidence import Place, Subject
    from edgewright.lifecycle.rollout import Outcome, Verify
    from edgewright.lifecycle.script import Deployment, Script, Version
    from edgewright.lifecycle.watch import Watch

_SMALLEST_STEP = 0.01


def rollout(
    stack: Stack = "local",
    steps: Annotated[str, typer.Option(help="Per cent of the requests, one after the other")] = "1,10,50,100",
    watch: Annotated[str, typer.Option(help="How long each step is watched: 30s, 5m, 1h; 0: not at all")] = "5m",
    min_requests: Annotated[
        int, typer.Option(min=1, help="Requests of the new version that a judgement needs; fewer stretch the step")
    ] = 20,
    suite: Annotated[list[str] | None, typer.Option(help="Verify only this suite; repeatable")] = None,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Release by steps: verify beside what is live, raise, watch. Exit 0: done; 1: taken back; 2: could not run."""
    ended = release(project_of(project), stack, engine, Pace.of(steps, watch, min_requests, suite))
    show(ended, as_json=as_json)
    sys.exit(ended.exit_code)


@dataclass(frozen=True)
class Pace:
    """How a release goes: ``steps`` in per cent, each watched for ``watch`` seconds; ``suites`` empty: all."""

    steps: list[float]
    watch: float
    min_requests: int
    suites: list[str]

    @classmethod
    def of(cls, steps: str, watch: str, min_requests: int, suites: list[str] | None = None) -> Pace:
        """From what is written on the command line.

        Raises:
            ConfigError: the steps, the span of time or a suite are none.
        """
        return cls(_steps(steps), span("--watch", watch), min_requests, _suites(suites or []))


def release(root: Path, stack: str, engine: str, pace: Pace) -> Outcome:
    """Release what a stack's program says now.

    Raises:
        RolloutError: see `Rollout.run`.
    """
    from edgewright.engine.select import api_of, select
    from edgewright.lifecycle.evidence import Place
    from edgewright.lifecycle.rollout import Rollout

    chosen = select(root, stack, engine)
    outputs = chosen.outputs(reveal=True)
    api = api_of(root, stack, chosen)
    script = _script(api, outputs)
    place = Place.of(root, stack, embedded=chosen.embedded)
    made = Rollout(
        engine=chosen,
        script=script,
        verify=_verifier(outputs, script, pace.suites, stack, place),
        watch=_watch(api, outputs, pace.watch, pace.min_requests) if pace.watch else None,
        steps=pace.steps,
        tell=lambda said: err.print(f" {escape(said)}"),
    )
    try:
        with working(f"rolling out {stack}"):
            return made.run()
    except KeyboardInterrupt:
        err.print("left as it is; `edgewright rollout` goes on, `edgewright rollback` takes it back", style="yellow")
        raise


def rollback(
    stack: Stack = "local",
    to: Annotated[str | None, typer.Option("--to", help="Number, id or hash of a version; default: the last")] = None,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Give all requests back to a version that has been."""
    from edgewright.lifecycle.rollback import roll_back

    script = script_of(project_of(project), stack, engine)
    version = roll_back(script, to)
    if as_json:
        print_json({"version": version})
        return
    made = script.version(version)
    out.print(f"{version} has all requests (no. {made.number}, hash {made.hash[:8]})")
    out.print(f"what the stack says now is not live: mend it, then `edgewright rollout --stack {stack}`")


def versions(
    stack: Stack = "local", project: Project = None, engine: EngineChoice = "auto", as_json: Json = False
) -> None:
    """List the versions that can be deployed, and the requests that each has."""
    script = script_of(project_of(project), stack, engine)
    with working(f"reading the versions of {stack}"):
        found, live = script.versions(), script.live()
    if as_json:
        print_json({"versions": [_row(version, live) for version in found], "deployment": live.message})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("no.", "version", "hash", "made", "share"):
        table.add_column(column, justify="right" if column in ("no.", "share") else "left", no_wrap=True)
    for version in found:
        share = f"{live.shares[version.id]:g} %" if version.id in live.shares else ""
        table.add_row(str(version.number), version.id, version.hash[:8], version.created[:16], share)
    out.print(table)
    if live.message:
        out.print(f"\n{escape(live.message)}")


def _row(version: Version, live: Deployment) -> dict[str, Any]:
    return {
        "number": version.number,
        "id": version.id,
        "content_hash": version.hash,
        "created": version.created,
        "share": live.shares.get(version.id),
    }


def show(ended: Outcome, *, as_json: bool) -> None:
    """How a release ended."""
    if as_json:
        print_json({"outcome": ended.ended, "version": ended.version, "reason": ended.reason})
        return
    style = "green" if ended.exit_code == 0 else "bold red"
    words = {
        "unchanged": "nothing to do",
        "done": "released",
        "rolled_back": "taken back",
        "broken": "live, and broken",
        "could_not_run": "could not be verified",
    }
    out.print(f"[{style}]{words[ended.ended]}[/]: {escape(ended.reason)}")
    if ended.ended not in ("done", "unchanged"):
        out.print(f"{ended.version} has all requests")


def script_of(root: Path, stack: str, engine: str) -> Script:
    """The Worker of a deployed stack.

    Raises:
        EngineError: it is not deployed.
    """
    from edgewright.engine.select import api_of, select

    chosen: Engine = select(root, stack, engine)
    outputs = chosen.outputs()
    return _script(api_of(root, stack, chosen), outputs)


def _script(api: CloudflareApi, outputs: dict[str, Any]) -> Script:
    from edgewright.lifecycle.script import Script

    return Script(api, outputs["account_id"], outputs["worker"])


def _verifier(outputs: dict[str, Any], script: Script, suites: list[str], stack: str, place: Place) -> Verify:
    """The harness against one version of the deployed stack, in a process of its own; what it keeps is signed."""
    from edgewright.cli.harness import examined
    from edgewright.lifecycle.rollout import Checked

    def verify(version: str) -> Checked:
        try:
            document = examined(outputs, version, suites)
        except VerifyError as error:
            return Checked("could_not_run", str(error))
        if document["verdict"] == "kept":
            _sign(document, subject_of(stack, outputs, version, script.version(version).hash, suites), place)
        return Checked(document["verdict"], document["problem"] or _broken(document))

    return verify


def _sign(document: dict[str, Any], subject: Subject, place: Place) -> None:
    """A release is not held up by a key that is not there."""
    from edgewright.lifecycle.evidence import statement_of, write

    try:
        write(place, statement_of(document, subject))
    except EvidenceError as error:
        err.print(f"[yellow]no evidence is written: {escape(str(error))}[/]")


def _broken(document: dict[str, Any]) -> str:
    broken = [record["promise"] for record in document["promises"] if record["outcome"] == "broken"]
    more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    return f"{broken[0]}{more}" if broken else ""


def _watch(api: CloudflareApi, outputs: dict[str, Any], seconds: float, min_requests: int) -> Watch:
    from edgewright.lifecycle.watch import Watch
    from edgewright.usage import from_dataset

    account, dataset = outputs["account_id"], outputs.get("dataset")
    if not dataset:
        raise ConfigError(
            "--watch: the stack writes no usage, so that no step can be watched.",
            fix="set usage.enabled in its stack file and deploy it, or give --watch 0: then verification alone decides",
        )
    return Watch(lambda query: from_dataset(api.url, api.token, account, dataset, query), seconds, min_requests)


def _suites(given: list[str]) -> list[str]:
    from edgewright_verify.settings import SUITES

    unknown = [name for name in given if name not in SUITES]
    if unknown:
        raise ConfigError(f"--suite: there is none called {', '.join(unknown)}.", fix=f"use {', '.join(SUITES)}")
    return given


def _steps(given: str) -> list[float]:
    """Per cent, rising; all requests are the last step, also where it is not said."""
    try:
        shares = [float(part) for part in given.split(",")]
    except ValueError:
        shares = []
    rising = all(less < more for less, more in pairwise(shares))
    if not shares or not rising or not all(_SMALLEST_STEP <= share <= 100 for share in shares):
        raise ConfigError(f"--steps: {given!r} are no rising per cents from 0.01 to 100.", fix="write e.g. 1,10,50,100")
    return shares if shares[-1] == 100 else [*shares, 100.0]
