"""Functions of the dialect (Cloudflare's SQL reference, 2025): what SQLite runs, and the type of what comes out.

Times are whole seconds since the epoch inside a query, and text only in an answer.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

INTEGERS = ("UInt8", "UInt32", "UInt64", "Int64")

Typing = Callable[[Sequence[str]], str]


class Scalar(NamedTuple):
    """``run`` on ``least`` to ``most`` arguments."""

    run: Callable[..., Any]
    least: int
    most: int
    type: Typing


class Aggregate(NamedTuple):
    """``run(values, parameters)`` over a list of argument tuples; ``parameters`` are those in front."""

    run: Callable[[list[tuple[Any, ...]], tuple[Any, ...]], Any]
    arguments: int
    type: Typing
    parameters: int = 0


def _constant(name: str) -> Typing:
    return lambda _types: name


def _first(types: Sequence[str]) -> str:
    return types[0]


def summed(types: Sequence[str]) -> str:
    """Sums of integers are 64 bits wide."""
    return "UInt64" if types[0] in INTEGERS else "Float64"


_STRING, _NUMBER, _WHOLE, _TIME = _constant("String"), _constant("Float64"), _constant("UInt32"), _constant("DateTime")
_LONG, _FLAG = _constant("UInt64"), _constant("UInt8")

UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
"""Seconds of a unit of time."""


def interval(value: Any, unit: str, factor: int = 1) -> Callable[[int], int]:
    """Moves a time by ``factor`` times so many units; months and years by the calendar."""

    def move(moment: int) -> int:
        amount = int(value) * factor
        if unit in UNITS:
            return moment + amount * UNITS[unit]
        months = amount * {"month": 1, "quarter": 3, "year": 12}[unit]
        at = datetime.fromtimestamp(moment, UTC)
        count = at.year * 12 + at.month - 1 + months
        year, month = divmod(count, 12)
        first = at.replace(year=year, month=month + 1, day=1)
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return int(first.replace(day=min(at.day, last.day)).timestamp())

    return move


def start_of(moment: int, value: int, unit: str, zone: str = "UTC") -> int:
    """The beginning of the step of ``value`` units that a time lies in; weeks begin on Monday."""
    at = datetime.fromtimestamp(moment, ZoneInfo(zone))
    if unit in ("second", "minute", "hour"):
        step = int(value) * UNITS[unit]
        away = int(at.utcoffset().total_seconds()) if at.utcoffset() else 0  # type: ignore[union-attr]
        return (moment + away) // step * step - away
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "day":
        days = day.toordinal() - datetime(1970, 1, 1).toordinal()
        day -= timedelta(days=days % int(value))
    elif unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1, month=(day.month - 1) // int(value) * int(value) + 1)
    else:
        day = day.replace(day=1, month=1)
    return int(day.timestamp())


def _start(unit: str, value: int = 1) -> Scalar:
    return Scalar(lambda moment, zone="UTC": start_of(moment, value, unit, zone), 1, 2, _TIME)


def _part(name: str) -> Scalar:
    return Scalar(
        lambda moment, zone="UTC": getattr(datetime.fromtimestamp(moment, ZoneInfo(zone)), name), 1, 2, _WHOLE
    )


def to_date_time(value: Any, zone: str = "UTC") -> int:
    """Seconds, or text such as ``2026-01-31 12:00:00``."""
    if isinstance(value, int | float):
        return int(value)
    if re.fullmatch(r"\d+", value):
        return int(value)
    return int(datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone)).timestamp())


_FORMATS = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "i": "%M", "R": "%H:%M", "D": "%m/%d/%y", "e": "%d", "s": "%S"}


def format_date_time(moment: int, pattern: str, zone: str = "UTC") -> str:
    """``%Y-%m-%d %H:%M:%S`` and the further letters of ClickHouse."""
    plain = re.sub(r"%([A-Za-z])", lambda found: _FORMATS.get(found[1], found[0]), pattern)
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime(plain)


def _extract(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if not found:
        return ""
    return found[1] if found.re.groups else found[0]


def _format(pattern: str, *values: Any) -> str:
    given = iter(values)
    return re.sub(r"\{(\d*)\}", lambda hole: str(values[int(hole[1])] if hole[1] else next(given)), pattern)


def _int_div(left: Any, right: Any) -> int | None:
    if right == 0:
        return None
    whole = int(abs(left) // abs(right))
    return whole if (left < 0) == (right < 0) else -whole  # towards zero, as in ClickHouse


def _if(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if condition else otherwise


def _widest(types: Sequence[str]) -> str:
    """What holds both: a fraction if one is, else the wider integer."""
    if "Float64" in types:
        return "Float64"
    return max(types, key=lambda kind: INTEGERS.index(kind) if kind in INTEGERS else -1)


SCALARS: dict[str, Scalar] = {
    "if": Scalar(_if, 3, 3, lambda types: _widest(types[1:])),
    "intdiv": Scalar(_int_div, 2, 2, _first),
    "log": Scalar(lambda value: math.log(value) if value > 0 else None, 1, 1, _NUMBER),
    "pow": Scalar(math.pow, 2, 2, _NUMBER),
    "round": Scalar(lambda value, digits=0: round(value, int(digits)), 1, 2, _first),
    "floor": Scalar(lambda value, digits=0: math.floor(value * 10**digits) / 10**digits, 1, 2, _first),
    "ceil": Scalar(lambda value, digits=0: math.ceil(value * 10**digits) / 10**digits, 1, 2, _first),
    "touint8": Scalar(lambda value: int(value) & 0xFF, 1, 1, _FLAG),
    "touint32": Scalar(lambda value: int(value) & 0xFFFFFFFF, 1, 1, _WHOLE),
    "length": Scalar(lambda text: len(text.encode()), 1, 1, _LONG),
    "empty": Scalar(lambda text: int(text == ""), 1, 1, _FLAG),
    "lower": Scalar(str.lower, 1, 1, _STRING),
    "lcase": Scalar(str.lower, 1, 1, _STRING),
    "upper": Scalar(str.upper, 1, 1, _STRING),
    "ucase": Scalar(str.upper, 1, 1, _STRING),
    "startswith": Scalar(lambda text, head: int(text.startswith(head)), 2, 2, _FLAG),
    "endswith": Scalar(lambda text, tail: int(text.endswith(tail)), 2, 2, _FLAG),
    "position": Scalar(lambda text, needle: text.find(needle) + 1, 2, 2, _LONG),
    "substring": Scalar(lambda text, at, size=None: text[at - 1 :][:size], 2, 3, _STRING),
    "format": Scalar(_format, 1, 20, _STRING),
    "extract": Scalar(_extract, 2, 2, _STRING),
    "now": Scalar(lambda: 0, 0, 0, _TIME),  # the compiler puts the account's clock here
    "today": Scalar(lambda: 0, 0, 0, _TIME),
    "todatetime": Scalar(to_date_time, 1, 2, _TIME),
    "tounixtimestamp": Scalar(to_date_time, 1, 2, _WHOLE),
    "formatdatetime": Scalar(format_date_time, 2, 3, _STRING),
    "toyyyymm": Scalar(lambda moment, zone="UTC": int(format_date_time(moment, "%Y%m", zone)), 1, 2, _WHOLE),
    "toyear": _part("year"),
    "tomonth": _part("month"),
    "todayofmonth": _part("day"),
    "tohour": _part("hour"),
    "tominute": _part("minute"),
    "tosecond": _part("second"),
    "todayofweek": Scalar(lambda moment: datetime.fromtimestamp(moment, UTC).isoweekday(), 1, 1, _FLAG),
    "tostartofyear": _start("year"),
    "tostartofmonth": _start("month"),
    "tostartofweek": _start("week"),
    "tostartofday": _start("day"),
    "tostartofhour": _start("hour"),
    "tostartoffifteenminutes": _start("minute", 15),
    "tostartoftenminutes": _start("minute", 10),
    "tostartoffiveminutes": _start("minute", 5),
    "tostartofminute": _start("minute"),
    "bitand": Scalar(lambda left, right: left & right, 2, 2, _first),
    "bitor": Scalar(lambda left, right: left | right, 2, 2, _first),
    "bitxor": Scalar(lambda left, right: left ^ right, 2, 2, _first),
    "bitnot": Scalar(lambda value: ~value, 1, 1, _first),
    "bitcount": Scalar(lambda value: value.bit_count(), 1, 1, _FLAG),
    "bitshiftleft": Scalar(lambda value, by: value << by, 2, 2, _first),
    "bitshiftright": Scalar(lambda value, by: value >> by, 2, 2, _first),
    "bittest": Scalar(lambda value, at: value >> at & 1, 2, 2, _FLAG),
    "hex": Scalar(
        lambda value: value.encode().hex().upper() if isinstance(value, str) else f"{int(value):X}", 1, 1, _STRING
    ),
    "bin": Scalar(lambda value: f"{int(value):b}", 1, 1, _STRING),
}
"""Functions of one row, by their names in small letters."""


def _column(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [row[0] for row in rows]


def _mean(rows: list[tuple[Any, ...]]) -> float | None:
    return sum(_column(rows)) / len(rows) if rows else None


def weighted_quantile(rows: list[tuple[Any, ...]], parameters: tuple[Any, ...]) -> Any:
    """The least value below which, weights counted, ``parameters[0]`` of all lies."""
    (part,) = parameters
    ordered = sorted((value, weight) for value, weight in rows if weight > 0)
    wanted, sum_so_far = part * sum(weight for _, weight in ordered), 0.0
    for value, weight in ordered:
        sum_so_far += weight
        if sum_so_far >= wanted:
            return value
    return ordered[-1][0] if ordered else None


def _top(rows: list[tuple[Any, ...]], parameters: tuple[Any, ...]) -> str:
    weights: Counter[Any] = Counter()
    for value, *weight in rows:
        weights[value] += weight[0] if weight else 1
    return repr([value for value, _ in weights.most_common(int(parameters[0]))])


def _true(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [row[:-1] for row in rows if row[-1]]


AGGREGATES: dict[str, Aggregate] = {
    "count": Aggregate(lambda rows, _: len(rows), 0, _LONG),
    "countif": Aggregate(lambda rows, _: len(_true(rows)), 1, _LONG),
    "sum": Aggregate(lambda rows, _: sum(_column(rows)), 1, summed),
    "sumif": Aggregate(lambda rows, _: sum(_column(_true(rows))), 2, summed),
    "avg": Aggregate(lambda rows, _: _mean(rows), 1, _NUMBER),
    "avgif": Aggregate(lambda rows, _: _mean(_true(rows)), 2, _NUMBER),
    "min": Aggregate(lambda rows, _: min(_column(rows), default=None), 1, _first),
    "max": Aggregate(lambda rows, _: max(_column(rows), default=None), 1, _first),
    "argmin": Aggregate(lambda rows, _: min(rows, key=lambda row: row[1])[0] if rows else None, 2, _first),
    "argmax": Aggregate(lambda rows, _: max(rows, key=lambda row: row[1])[0] if rows else None, 2, _first),
    "first_value": Aggregate(lambda rows, _: rows[0][0] if rows else None, 1, _first),
    "last_value": Aggregate(lambda rows, _: rows[-1][0] if rows else None, 1, _first),
    "quantileexactweighted": Aggregate(weighted_quantile, 2, _NUMBER, 1),
    "quantileweighted": Aggregate(weighted_quantile, 2, _NUMBER, 1),
    "topk": Aggregate(_top, 1, _STRING, 1),
    "topkweighted": Aggregate(_top, 2, _STRING, 1),
}
"""Functions of many rows. ``count``, ``sum``, ``min``, ``max`` and ``avg`` are SQLite's own where the compiler can."""


def install(connection: sqlite3.Connection) -> None:
    """Gives a connection all functions, as ``ae_<name>``; parameters come behind the arguments."""
    for name, scalar in SCALARS.items():
        connection.create_function(f"ae_{name}", -1, _forgiving(scalar.run), deterministic=True)
    for name, aggregate in AGGREGATES.items():
        connection.create_aggregate(f"ae_{name}", -1, _collector(aggregate))
    connection.create_function("ae_moved", 4, lambda at, value, unit, sign: interval(value, unit, sign)(at))
    connection.create_function("ae_start_of", 4, start_of)


def _forgiving(run: Callable[..., Any]) -> Callable[..., Any]:
    """Of nothing comes nothing."""
    return lambda *values: None if None in values else run(*values)


def _collector(aggregate: Aggregate) -> Any:
    class Collector:
        def __init__(self) -> None:
            self._rows: list[tuple[Any, ...]] = []
            self._parameters: tuple[Any, ...] = ()

        def step(self, *values: Any) -> None:
            self._rows.append(values[: aggregate.arguments])
            self._parameters = values[aggregate.arguments :]

        def finalize(self) -> Any:
            return aggregate.run(self._rows, self._parameters) if self._rows else _of_none(aggregate)

    return Collector


def _of_none(aggregate: Aggregate) -> Any:
    return 0 if aggregate.type in (_LONG, summed) else None
