"""``edgewright usage``: what a stack used and cost, and what a month of it would."""

from __future__ import annotations

import csv
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewright.cli.console import err, out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, project_of, seconds_of
from edgewright.errors import UsageError

if TYPE_CHECKING:
    from edgewright.usage import Query, Report

_SPAN = re.compile(r"(\d{1,4})([mhd])")
_MOST_BARS = 60
_DAY = 86_400
_MOST_DAYS = 92

Read = Callable[["Query"], "Report"]


def usage(
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Take URL and keys from this stack")] = None,
    url: Annotated[str | None, typer.Option(envvar="EDGE_URL", help="Address of a proxy; or use --stack")] = None,
    key: Annotated[str | None, typer.Option(envvar="EDGE_API_KEY", help="Client key; its tenant is shown")] = None,
    tenants: Annotated[
        bool,
        typer.Option("--all-tenants", help="Ask Analytics Engine itself, with CLOUDFLARE_API_TOKEN; needs --stack"),
    ] = False,
    since: Annotated[str, typer.Option(help="So long until now: 30m, 24h, 7d")] = "24h",
    start: Annotated[str | None, typer.Option("--from", help="From this time instead: 2027-01-31T00:00:00Z")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until this time instead of now")] = None,
    group_by: Annotated[str, typer.Option(help="model, key, user, protocol, cache, target, ..., by commas")] = "model",
    interval: Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 6h or 1d; for --json and --csv")] = None,
    bill: Annotated[bool, typer.Option("--bill", help="And a month at this pace, with the arithmetic")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table for spreadsheets on stdout")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="With --watch: seconds between")] = 5.0,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Show what a deployed proxy used: requests, tokens, latencies, cost, and what the cache saved."""
    chosen = [name for name, on in {"--json": as_json, "--csv": as_csv, "--html": html, "--watch": watch}.items() if on]
    if len(chosen) > 1:
        raise UsageError(f"usage: {' and '.join(chosen)} do not go together.", fix="give one of them")
    if bill and as_csv:
        raise UsageError("usage: --bill does not go with --csv.", fix="leave one out, or use --json")
    target = _target(stack, url, key, project, engine, tenants=tenants)
    wanted = Wanted(since, start, end, _names(group_by), interval, bill)
    if watch:
        _watch(target, wanted, every)
    elif html is not None:
        _page(target, wanted, html)
    elif as_csv or as_json:
        _data(target, wanted, as_csv=as_csv)
    else:
        with working("reading usage"):
            shown = _shown(target, wanted)
        for part in shown:
            out.print(part)


@dataclass(frozen=True)
class Wanted:
    """What is to be shown, as the options say it."""

    since: str
    start: str | None
    end: str | None
    group_by: tuple[str, ...]
    interval: str | None
    bill: bool

    def query(self, interval: str | None = None, group_by: tuple[str, ...] = ()) -> Query:
        """The time that is meant, now."""
        from edgewright.usage import Query

        end = _moment("--to", self.end) if self.end else int(time.time()) + 1
        start = _moment("--from", self.start) if self.start else end - _span(self.since)
        if not 0 < end - start <= _MOST_DAYS * _DAY:
            raise UsageError("--from: must be before --to, by at most 92 days.", fix="Analytics Engine keeps 3 months")
        return Query(start, end, interval, group_by)

    def bars(self) -> str:
        """The shortest interval that gives a line of bars that fits."""
        from edgewright.usage.report import INTERVALS

        query = self.query()
        fits = (name for name, seconds in INTERVALS.items() if (query.end - query.start) / seconds <= _MOST_BARS)
        return next(fits, "1d")


@dataclass(frozen=True)
class Target:
    """Where reports come from; ``features`` are the stack's."""

    name: str
    read: Read
    features: tuple[str, ...]


def _target(
    stack: str | None, url: str | None, key: str | None, project: Path | None, engine: str, *, tenants: bool
) -> Target:
    from edgewright.usage import from_dataset, from_endpoint

    if stack is None:
        if url is None:
            raise UsageError("usage: no target.", fix="give --stack NAME, or --url URL and a key by EDGE_API_KEY")
        if tenants:
            raise UsageError("--all-tenants: needs --stack.", fix="give --stack NAME; its dataset is in its outputs")
        return Target(url, lambda query: from_endpoint(url, key, query), ())
    from edgewright.engine.select import api_of, select

    root = project_of(project)
    chosen = select(root, stack, engine)
    outputs = chosen.outputs(reveal=True)
    features = tuple(outputs.get("features") or ())
    if "usage" not in features:
        raise UsageError(f"stack {stack} writes no usage.", fix="set usage.enabled in its stack file, and deploy it")
    if not tenants and (url or "reports" in features):
        address, known = url or outputs["url"], key or outputs.get("verify_key")
        return Target(stack, lambda query: from_endpoint(address, known, query), features)
    api = api_of(root, stack, chosen)
    account, dataset = outputs["account_id"], outputs["dataset"]
    return Target(stack, lambda query: from_dataset(api.url, api.token, account, dataset, query), features)


def _names(given: str) -> tuple[str, ...]:
    from edgewright.usage import schema

    names = tuple(name.strip() for name in given.split(",") if name.strip())
    known = ["tenant", *schema().blobs]
    for name in names:
        if name not in known:
            raise UsageError(f"--group-by: {name!r} is not known.", fix=f"use one of {', '.join(sorted(known))}")
    return names


def _span(given: str) -> int:
    seconds = seconds_of(_SPAN, given)
    if seconds is None:
        raise UsageError(f"--since: {given!r} is no span of time.", fix="write e.g. 30m, 24h or 7d")
    return int(seconds)


def _moment(option: str, given: str) -> int:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError(f"{option}: {given!r} is no time.", fix="write e.g. 2027-01-31T00:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _shown(target: Target, wanted: Wanted) -> list[Any]:
    from edgewright.usage import terminal

    report = target.read(wanted.query(group_by=wanted.group_by))
    parts = [terminal.table(report), "", terminal.over_time(target.read(wanted.query(wanted.bars())))]
    if wanted.bill:
        parts += ["", terminal.bill(_bill(target, wanted))]
    return parts


def _bill(target: Target, wanted: Wanted) -> Any:
    from edgewright.usage.bill import projected

    query = wanted.query(group_by=("upstream",))
    report = target.read(query)
    return projected(report.total, query.end - query.start, report.rows, target.features)


def _data(target: Target, wanted: Wanted, *, as_csv: bool) -> None:
    report = target.read(wanted.query(wanted.interval, wanted.group_by))
    if as_csv:
        rows = csv.DictWriter(sys.stdout, report.columns, extrasaction="ignore")
        rows.writeheader()
        rows.writerows({name: _cell(value) for name, value in row.items()} for row in report.rows)
        return
    print_json({**report.document(), **({"bill": _bill(target, wanted).document()} if wanted.bill else {})})


def _cell(value: Any) -> Any:
    """What a spreadsheet would take for a formula is text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _page(target: Target, wanted: Wanted, path: Path) -> None:
    from edgewright.usage.page import page

    with working("reading usage"):
        bars = wanted.bars()
        groups = target.read(wanted.query(group_by=wanted.group_by))
        times = target.read(wanted.query(bars))
        by_model = target.read(wanted.query(bars, ("model",)))
        text = page(f"Usage of {target.name}", groups, times, by_model, _bill(target, wanted))
    path.write_text(text, "utf8")
    out.print(f"written to {path}")


def _watch(target: Target, wanted: Wanted, every: float) -> None:
    from rich.console import Group
    from rich.live import Live

    with Live(console=out, auto_refresh=False) as live:
        while True:
            try:
                shown = Group(*_shown(target, wanted))
                if out.is_terminal:
                    live.update(shown, refresh=True)
                else:
                    out.print(shown)
            except UsageError as error:
                err.print(str(error), style="yellow", markup=False)
            time.sleep(every)
