"""A report as one self-contained HTML page: no script, no request to anybody."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pygal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pygal.style import CleanStyle

from edgewright.usage.bill import Bill
from edgewright.usage.report import INTERVALS, Query, Report
from edgewright.usage.terminal import COLUMNS, NAMELESS, bill_lines, bill_title, cells, dollars, named, sorted_rows

# pygal leaves a finder behind for plugins that we do not use; Python warns of its kind at every import after.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

FIRST_BYTE = {"p99": "first_byte_p99_ms", "p95": "first_byte_p95_ms", "p50": "first_byte_p50_ms"}
"""The lower ones are drawn later, so that they are seen where all are equal."""

_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)
"""pygal writes its settings into every plot as one, for a script of tooltips that the page does not have."""

LABELS = 8
"""Moments that are written below a plot."""


def page(title: str, groups: Report, times: Report, by_model: Report, bill: Bill) -> str:
    """``groups``: by any name; ``times``: by time; ``by_model``: by time and model."""
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    names = groups.query.group_by
    blanks = [""] * max(0, len(names) - 1)
    return environment.get_template("page.html.j2").render(
        title=title,
        start=_moment(groups.query.start),
        end=_moment(groups.query.end),
        sampled=groups.sample_interval,
        head=[*names, *(column for column, _, _ in COLUMNS)],
        rows=[[*(named(row, name) for name in names), *cells(row)] for row in sorted_rows(groups)],
        total=[*(["total"] if names else []), *blanks, *cells(groups.total)],
        figures=[
            ("Cost by model, US dollars", _cost(by_model)),
            ("First byte, ms", _lines(times, FIRST_BYTE)),
            ("Hit rate, %", _lines(times, {"from the cache": "hit_rate"}, scale=100)),
        ],
        bill_title=bill_title(bill),
        bill_lines=[(name, dollars(cost), how) for name, cost, how in bill_lines(bill)],
        bill_total=dollars(bill.total),
    )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _starts(query: Query) -> list[int]:
    """Every step of the time, also those in which nothing happened."""
    step = INTERVALS[query.interval or "1d"]
    return list(range(query.start // step * step, query.end, step))


def _cost(report: Report) -> str:
    starts = _starts(report.query)
    cost = {(row["model"], row["start"]): row["cost"] for row in report.rows}
    chart = _chart(pygal.StackedBar, starts, dollars)
    for model in sorted({row["model"] for row in report.rows}):
        chart.add(model or NAMELESS, [cost.get((model, start), 0) for start in starts])
    return _svg(chart)


def _lines(report: Report, names: dict[str, str], scale: float = 1) -> str:
    starts = _starts(report.query)
    known = {row["start"]: row for row in report.rows}
    chart = _chart(pygal.Line, starts, lambda value: f"{value:,.4g}")
    for title, name in names.items():
        values = [known.get(start, {}).get(name) for start in starts]
        chart.add(title, [None if value is None else value * scale for value in values], allow_interruptions=True)
    return _svg(chart)


def _chart(kind: Any, starts: list[int], written: Callable[[float], str]) -> Any:
    labels = [_moment(start)[len("2027-") :] for start in starts]
    chart = kind(
        width=960,
        height=280,
        style=CleanStyle,
        js=[],
        value_formatter=written,
        dots_size=2,
        disable_xml_declaration=True,
        show_minor_x_labels=False,
        legend_at_bottom=True,
        truncate_label=-1,
        no_data_text="no requests in this time",
        include_x_axis=True,  # from nought; also, pygal never ends on values that are all but equal
    )
    chart.x_labels = labels
    chart.x_labels_major = labels[:: max(1, len(labels) // LABELS)]
    return chart


def _svg(chart: Any) -> str:
    return _SCRIPT.sub("", chart.render(is_unicode=True))
