"""A report as people read it in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from edgewright.usage.bill import Bill
from edgewright.usage.report import INTERVALS, Report, Row

BARS = "▁▂▃▄▅▆▇█"

_UNBOUNDED = 1_000

Shown = tuple[str, str, Callable[[Any], str]]

TRAFFIC: tuple[Shown, ...] = (
    ("requests", "requests", lambda value: f"{value:,.0f}"),
    ("refused", "refused", lambda value: f"{value:,.0f}"),
    ("errors", "error_rate", lambda value: f"{value:.1%}"),
    ("fallback", "fallback_rate", lambda value: f"{value:.1%}"),
    ("hit", "hit_rate", lambda value: f"{value:.0%}"),
)
USE: tuple[Shown, ...] = (
    ("tokens in", "tokens_in", lambda value: f"{value:,.0f}"),
    ("out", "tokens_out", lambda value: f"{value:,.0f}"),
    ("first byte p50", "first_byte_p50_ms", lambda value: "-" if value is None else f"{value:,.0f} ms"),
    ("p95", "first_byte_p95_ms", lambda value: "-" if value is None else f"{value:,.0f} ms"),
    ("cost", "cost", lambda value: dollars(value)),
    ("saved", "saved", lambda value: dollars(value)),
)
COLUMNS = TRAFFIC + USE

NAMELESS = "(none)"
"""A request that was refused before its model was known, an answer without a target, and the like."""


def dollars(value: float) -> str:
    """US dollars with as many digits as a small amount needs."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.6f}".rstrip("0")


def table(report: Report) -> RenderableType:
    """The groups of a report, the dearest first, and their total."""
    notes = []
    if report.sample_interval > 1:
        notes.append(f"sampled: a point stands for up to {report.sample_interval:g}; sums are weighted by that")
    if report.truncated:
        notes.append("cut off: there are more rows; ask for a shorter time or fewer names")
    return Group(_Fitting(report), *(Text(note, style="yellow") for note in notes))


@dataclass(frozen=True)
class _Fitting:
    """One table where it fits, else two below one another: no figure is ever cut off."""

    report: Report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        whole = _figures(self.report, COLUMNS)
        if console.measure(whole, options=options.update(max_width=_UNBOUNDED)).maximum <= options.max_width:
            yield whole
            return
        yield _figures(self.report, TRAFFIC)
        yield ""
        yield _figures(self.report, USE)


def _figures(report: Report, columns: Sequence[Shown]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for name in report.query.group_by:
        shown.add_column(name, overflow="fold")
    for title, _, _ in columns:
        shown.add_column(title, justify="right", no_wrap=True)
    for row in sorted_rows(report):
        shown.add_row(*(Text(named(row, name)) for name in report.query.group_by), *cells(row, columns))
    if report.query.group_by:
        blanks = [""] * (len(report.query.group_by) - 1)
        shown.add_row("total", *blanks, *cells(report.total, columns), style="bold")
    return shown


def named(row: Row, name: str) -> str:
    """A group's name for people."""
    return str(row[name]) or NAMELESS


def over_time(report: Report) -> RenderableType:
    """Sparklines of a report by time."""
    assert report.query.interval is not None
    step = INTERVALS[report.query.interval]
    known = {row["start"]: row for row in report.rows}
    starts = range(report.query.start // step * step, report.query.end, step)
    lines = Table(box=None, pad_edge=False, show_header=False)
    for title, name in (("requests", "requests"), ("cost", "cost"), ("first byte p95", "first_byte_p95_ms")):
        values = [known.get(start, {}).get(name) or 0.0 for start in starts]
        lines.add_row(title, Text(sparkline(values), style="cyan"), f"a bar for {report.query.interval}")
    return lines


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value; nothing is a blank."""
    most = max(values, default=0.0)
    if most <= 0:
        return " " * len(values)
    return "".join(" " if value <= 0 else BARS[min(7, int(value / most * 8))] for value in values)


def bill(found: Bill) -> RenderableType:
    """A bill with its arithmetic."""
    title = bill_title(found)
    shown = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("product", "a month", "how"):
        shown.add_column(name, justify="right" if name == "a month" else "left")
    for name, cost, how in bill_lines(found):
        shown.add_row(name, dollars(cost), Text(how, style="dim"))
    shown.add_row("total", dollars(found.total), "", style="bold")
    return shown


def bill_title(found: Bill) -> str:
    """What a bill is a projection of."""
    return f"A month at the pace of these {span(found.seconds)}, at prices of {found.as_of}"


def span(seconds: float) -> str:
    """A span of time in the unit that suits it: ``30 minutes``, ``24 hours``, ``7 days``."""
    units = (("minutes", 60, 2 * 3_600), ("hours", 3_600, 2 * 86_400), ("days", 86_400, math.inf))
    return next(f"{seconds / size:.3g} {name}" for name, size, below in units if seconds < below)


def bill_lines(found: Bill) -> list[tuple[str, float, str]]:
    """What a bill consists of: name, US dollars, how; products that are not used are left out."""
    lines = [(found.plan, found.base, "the plan")]
    lines += [(line.name, line.cost, line.arithmetic) for line in found.lines if line.amount]
    if found.upstreams:
        lines.append(("other upstreams", found.upstreams, "their tokens at the stack's prices"))
    return lines


def sorted_rows(report: Report) -> list[Row]:
    """The dearest groups first."""
    return sorted(report.rows, key=lambda row: (-row["cost"], -row["requests"]))


def cells(row: Row, columns: Sequence[Shown] = COLUMNS) -> list[str]:
    """A row's figures for people."""
    return [shown(row[name]) for _, name, shown in columns]
