"""The forms of an answer: ``FORMAT JSON`` (unless another is named), ``JSONEachRow``, ``TabSeparated``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Table:
    """``columns``: name and type (``String``, ``Float64``, ``UInt64``, ``DateTime``, ...); ``rows``: their values."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]

    def objects(self) -> list[dict[str, Any]]:
        """Rows by the columns' names. 64-bit integers are text, as the API writes them: JavaScript has none."""
        return [
            {name: _json(value, kind) for (name, kind), value in zip(self.columns, row, strict=True)}
            for row in self.rows
        ]


def _json(value: Any, kind: str) -> Any:
    return str(value) if kind in ("UInt64", "Int64") and value is not None else value


def _whole(table: Table) -> tuple[str, str]:
    document = {
        "meta": [{"name": name, "type": kind} for name, kind in table.columns],
        "data": table.objects(),
        "rows": len(table.rows),
        "rows_before_limit_at_least": len(table.rows),
    }
    return json.dumps(document), "application/json"


def _each_row(table: Table) -> tuple[str, str]:
    return "".join(f"{json.dumps(row)}\n" for row in table.objects()), "application/x-ndjson"


def _tabs(table: Table) -> tuple[str, str]:
    lines = ("\t".join(str(value).translate(_ESCAPES) for value in row) for row in table.rows)
    return "".join(f"{line}\n" for line in lines), "text/tab-separated-values; charset=utf-8"


FORMATS: dict[str, Callable[[Table], tuple[str, str]]] = {
    "json": _whole,
    "jsoneachrow": _each_row,
    "tabseparated": _tabs,
}
"""Name in small letters -> body and content type of a table."""
