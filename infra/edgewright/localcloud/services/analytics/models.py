"""Points as they were written, sampled if wanted, and queries over them.

A query runs in a database of its own that holds its dataset's points alone: no secret of the account is there.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from sqlglot import exp

from edgewright.localcloud.account import Account
from edgewright.localcloud.services.analytics.compiler import COLUMNS, Compiled, compile_select, parse
from edgewright.localcloud.services.analytics.errors import SqlError
from edgewright.localcloud.services.analytics.formats import FORMATS, Table
from edgewright.localcloud.services.analytics.functions import install

MOST_ROWS = 100_000
"""Rows of one answer."""

_SHOW = re.compile(r"\s*(tables|timezones|timezone)(?:\s+format\s+(\w+))?\s*;?\s*", re.IGNORECASE)

_MADE = f"create table points ({', '.join(COLUMNS)})"
_WORD = re.compile(r"\w+")


def answer(account: Account, sql: str) -> tuple[Table, str]:
    """The answer to a query, and the name of its format (a key of ``FORMATS``).

    Raises:
        SqlError: the query is refused.
    """
    if not sql.strip():
        raise SqlError("no query", 400)
    statement = parse(sql)
    if isinstance(statement, exp.Command) and str(statement.this).upper() == "SHOW":
        return _shown(account, str(statement.expression.this if statement.expression else ""))
    named = statement.args.get("format")
    compiled = compile_select(statement, int(account.clock.now()))
    return _table(account, compiled), _format(str(named.this if named else "JSON"))


def _format(name: str) -> str:
    if name.lower() not in FORMATS:
        raise SqlError(f"unknown format {name}; use JSON, JSONEachRow or TabSeparated", 400)
    return name.lower()


def _shown(account: Account, what: str) -> tuple[Table, str]:
    found = _SHOW.fullmatch(what)
    if not found:
        raise SqlError(f"SHOW {what[:50]} is not known; use SHOW TABLES, SHOW TIMEZONES or SHOW TIMEZONE", 400)
    name = _format(found[2] or "JSON")
    match found[1].lower():
        case "tables":
            return Table(
                [("dataset", "String"), ("type", "String")], [(each, "analytics") for each in _datasets(account)]
            ), name
        case "timezones":
            return Table([("timezone", "String")], [(each,) for each in sorted(available_timezones())]), name
        case _:
            return Table([("timezone", "String")], [("Etc/UTC",)]), name


def _datasets(account: Account) -> list[str]:
    return [row[0] for row in account.database.rows("select distinct dataset from data_points order by dataset")]


def _table(account: Account, compiled: Compiled) -> Table:
    connection = sqlite3.connect(":memory:")
    try:
        install(connection)
        connection.execute(_MADE)
        if compiled.dataset is not None:
            _fill(connection, account, compiled.dataset, set(_WORD.findall(compiled.sql)))
        rows = connection.execute(compiled.sql).fetchmany(MOST_ROWS)
    except sqlite3.Error as error:
        raise SqlError(str(error)) from None
    finally:
        connection.close()
    times = [place for place, (_, kind) in enumerate(compiled.columns) if kind == "DateTime"]
    return Table(compiled.columns, [_with_times(row, times) for row in rows])


def _fill(connection: sqlite3.Connection, account: Account, dataset: str, words: set[str]) -> None:
    """The columns that a query names; to copy all of them takes most of its time."""
    named = [name for name in COLUMNS if name in words] or ["dataset"]
    names = ", ".join(f'"{name}"' for name in named)
    found = account.database.rows(f"select {names} from data_points where dataset = ? order by id", dataset)
    if not found:
        raise SqlError(f"unable to find table: {dataset} (nothing has been written to it)")
    connection.executemany(f"insert into points ({names}) values ({', '.join('?' for _ in named)})", found)


def _with_times(row: tuple[Any, ...], places: list[int]) -> tuple[Any, ...]:
    if not places:
        return row
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = datetime.fromtimestamp(values[place], UTC).strftime("%Y-%m-%d %H:%M:%S")
    return tuple(values)
