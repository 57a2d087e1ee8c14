"""The fault wall's scorecard, ``schema: "edgewright-wall/1"``: a row for each fault, a column for each way to ask."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from edgewright_verify.report.document import EXIT_CODES

SCHEMA = "edgewright-wall/1"
VERDICTS = ("pass", "safe", "n/a", "error", "fail")
"""From the best to the worst; a cell that was tried several times shows its worst."""

Run = tuple[str | None, dict[str, Any]]
"""What the run's proxy is called where several are tried, and the document of the run."""


def build(runs: Sequence[Run], began: float) -> dict[str, Any]:
    """Lay the runs over each other. ``began`` is in seconds since the epoch."""
    tries: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for label, document in runs:
        for record in document["promises"]:
            if "cell" in record:
                column = record["cell"]["mode"] + (f", {label}" if label else "")
                tries.setdefault((record["cell"]["row"], column), []).append(_try(record))
    cells = [_cell(row, column, tried) for (row, column), tried in tries.items()]
    counted = Counter(cell["verdict"] for cell in cells)
    verdict = max((document["verdict"] for _, document in runs), key=lambda name: EXIT_CODES[name])
    return {
        "schema": SCHEMA,
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 2),
        "verdict": verdict,
        "exit_code": EXIT_CODES[verdict],
        "problem": next((document["problem"] for _, document in runs if document["problem"]), None),
        "counts": {name: counted[name] for name in VERDICTS},
        "cells": cells,
        "runs": [{"label": label, "document": document} for label, document in runs],
    }


def render(card: dict[str, Any]) -> str:
    """A table that reads as plain text and as Markdown, the counts, and a line for each cell that failed."""
    columns = list(dict.fromkeys(cell["column"] for cell in card["cells"]))
    table = [["fault", *columns], ["---"] * (len(columns) + 1)]
    found = {(cell["row"], cell["column"]): cell for cell in card["cells"]}
    for row in dict.fromkeys(cell["row"] for cell in card["cells"]):
        table.append([row, *(_shown(found.get((row, column))) for column in columns)])
    lines = _aligned(table) if card["cells"] else []
    counts = ", ".join(f"{count} {name}" for name, count in card["counts"].items() if count) or "nothing tried"
    lines += ["", f"{counts}, in {len(card['runs'])} runs of {card['seconds']:.1f} s together"]
    if card["problem"]:
        lines += ["", f"could not run: {card['problem']}"]
    for cell in card["cells"]:
        if cell["verdict"] in {"fail", "error"}:
            lines += ["", f"- {cell['row']}, {cell['column']}: {cell['reason']}"]
    return "\n".join(lines) + "\n"


def _try(record: dict[str, Any]) -> dict[str, Any]:
    names = {"kept": record["cell"]["verdict"], "broken": "fail", "not_applicable": "n/a"}
    evidence = record.get("evidence")
    reason = f"expected {evidence['expected']}; observed {evidence['observed']}" if evidence else record.get("reason")
    return {**record["cell"], "verdict": names.get(record["outcome"], "error"), "reason": reason}


def _cell(row: str, column: str, tried: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst try stands for the cell; times are the longest of all."""
    worst = max(tried, key=lambda one: VERDICTS.index(one["verdict"]))
    cell = {**worst, "row": row, "column": column, "tries": len(tried)}
    cell["tries_so"] = sum(one["verdict"] == worst["verdict"] for one in tried)
    for name in {"seconds", "cancel_ms"} & set(worst):
        cell[name] = max(one[name] for one in tried if name in one)
    return cell


def _shown(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    parts = [cell["verdict"].upper() if cell["verdict"] == "fail" else cell["verdict"]]
    if cell["tries_so"] != cell["tries"]:
        parts.append(f"{cell['tries_so']}/{cell['tries']}")
    if "cancel_ms" in cell:
        parts.append(f"{cell['cancel_ms']:.0f} ms")
    elif "seconds" in cell:
        parts.append(f"{cell['seconds']:.1f} s")
    return " ".join(parts)


def _aligned(table: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in table) for place in range(len(table[0]))]
    return [f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |" for line in table]
