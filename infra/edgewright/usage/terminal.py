"""A report as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgewright.usage.bill import Bill
from edgewright.usage.report import INTERVALS, Report, Row

BARS = "▁▂▃▄▅▆▇█"

Shown = tuple[str, str, Callable[[Any], str]]

COLUMNS: tuple[Shown, ...] = (
    ("requests", "requests", lambda value: f"{value:,.0f}"),
    ("hit", "hit_rate", lambda value: f"{value:.0%}"),
    ("fallback", "fallback_rate", lambda value: f"{value:.1%}"),
    ("errors", "error_rate", lambda value: f"{value:.1%}"),
    ("tokens in", "tokens_in", lambda value: f"{value:,.0f}"),
    ("out", "tokens_out", lambda value: f"{value:,.0f}"),
    ("first byte p50", "first_byte_p50_ms", lambda value: "-" if value is None else f"{value:,.0f} ms"),
    ("p95", "first_byte_p95_ms", lambda value: "-" if value is None else f"{value:,.0f} ms"),
    ("cost", "cost", lambda value: dollars(value)),
    ("saved", "saved", lambda value: dollars(value)),
)


def dollars(value: float) -> str:
    """US dollars with as many digits as a small amount needs."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.6f}".rstrip("0")


def table(report: Report) -> RenderableType:
    """The groups of a report, the dearest first, and their total."""
    shown = Table(box=None, pad_edge=False)
    for name in report.query.group_by:
        shown.add_column(name)
    for title, _, _ in COLUMNS:
        shown.add_column(title, justify="right")
    for row in sorted_rows(report):
        shown.add_row(*(Text(str(row[name]) or "-") for name in report.query.group_by), *_cells(row))
    if report.query.group_by:
        blanks = [""] * (len(report.query.group_by) - 1)
        shown.add_row("total", *blanks, *_cells(report.total), style="bold")
    notes = []
    if report.sample_interval > 1:
        notes.append(f"sampled: a point stands for up to {report.sample_interval:g}; sums are weighted by that")
    if report.truncated:
        notes.append("cut off: there are more rows; ask for a shorter time or fewer names")
    return Group(shown, *(Text(note, style="yellow") for note in notes))


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
    title = f"a month at this pace, prices of {found.as_of}"
    shown = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("product", "a month", "how"):
        shown.add_column(name, justify="right" if name == "a month" else "left")
    for name, cost, how in bill_lines(found):
        shown.add_row(name, dollars(cost), Text(how, style="dim"))
    shown.add_row("total", dollars(found.total), "", style="bold")
    return shown


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


def _cells(row: Row) -> list[str]:
    return [shown(row[name]) for _, name, shown in COLUMNS]
