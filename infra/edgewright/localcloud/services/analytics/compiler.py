"""A query of Analytics Engine's dialect -> one of SQLite's. What is not listed here is refused.

sqlglot parses; every function is kept under the name it was written with, so that none changes its meaning on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import SqlglotError
from sqlglot.parsers.clickhouse import ClickHouseParser

from edgewright.localcloud.services.analytics.errors import SqlError
from edgewright.localcloud.services.analytics.functions import AGGREGATES, INTEGERS, SCALARS, UNITS
from edgewright.localcloud.storage import POINT_COLUMNS

_TYPES = {"timestamp": "DateTime", "_sample_interval": "UInt32"}
COLUMNS = {name: _TYPES.get(name, "Float64" if name.startswith("double") else "String") for name in POINT_COLUMNS}
"""Columns of every dataset and their types, in the order of ``SELECT *``."""

_NATIVE = {"sum", "min", "max", "avg", "count"}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_COMPARISON: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip
_LOGIC: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
_CLAUSES = {"expressions", "from_", "where", "group", "having", "order", "limit", "offset", "format", "distinct"}
_LONGER_UNITS = {"month", "quarter", "year"}


class _Parser(ClickHouseParser):
    FUNCTIONS: ClassVar[Any] = {}
    FUNCTION_PARSERS: ClassVar[Any] = {}


class _Dialect(ClickHouse):
    Parser = _Parser


@dataclass(frozen=True)
class Compiled:
    """``sql`` for SQLite over a table ``points``; ``columns`` of the answer: name and type; ``dataset``: its source."""

    sql: str
    columns: list[tuple[str, str]]
    dataset: str | None


def parse(sql: str) -> exp.Expr:
    """The one statement of a query.

    Raises:
        SqlError: it is none, or several.
    """
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=_Dialect) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        raise SqlError(str(error).splitlines()[0][:300] if str(error) else "not a query", 400) from None
    if len(statements) != 1:
        raise SqlError(f"expected one query, got {len(statements)}", 400)
    return statements[0]


def compile_select(query: exp.Expr, now: int) -> Compiled:
    """Raises `SqlError` for everything that Analytics Engine does not offer."""
    return _Select(query, now).compiled()


@dataclass
class _Select:
    """One SELECT, with what its names mean."""

    query: exp.Expr
    now: int
    types: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str]] = field(default_factory=dict)

    def compiled(self) -> Compiled:
        query = self.query
        if not isinstance(query, exp.Select):
            raise SqlError(f"only SELECT and SHOW are known here, not {_word(query)}")
        for clause, value in query.args.items():
            if value and clause not in _CLAUSES:
                raise SqlError(f"{clause.strip('_').upper()} is not supported")
        source, dataset = self._source()
        chosen, columns = self._chosen()
        parts = [f"SELECT {'DISTINCT ' if query.args.get('distinct') else ''}{', '.join(chosen)}", source]
        if where := query.args.get("where"):
            parts.append(f"WHERE {self._sql(where.this)}")
        if group := query.args.get("group"):
            parts.append(f"GROUP BY {', '.join(self._sql(each) for each in group.expressions)}")
        if having := query.args.get("having"):
            parts.append(f"HAVING {self._sql(having.this)}")
        if order := query.args.get("order"):
            parts.append(f"ORDER BY {', '.join(self._ordered(each) for each in order.expressions)}")
        limit, offset = query.args.get("limit"), query.args.get("offset")
        if limit or offset:
            parts.append(f"LIMIT {self._count(limit) if limit else -1}")
        if offset:
            parts.append(f"OFFSET {self._count(offset)}")
        return Compiled(" ".join(part for part in parts if part), columns, dataset)

    def _source(self) -> tuple[str, str | None]:
        clause = self.query.args.get("from_") or self.query.args.get("from")
        if clause is None:
            return "", None
        source = clause.this
        if isinstance(source, exp.Subquery):
            inner = _Select(source.this, self.now).compiled()
            self.types = dict(inner.columns)
            self.names = {name: _quoted(name) for name in self.types}
            return f"FROM ({inner.sql})", inner.dataset
        if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier) or source.args.get("db"):
            raise SqlError(f"FROM takes a dataset or a subquery, not {source.sql()[:100]}")
        self.types = dict(COLUMNS)
        self.names = {name: _quoted(name) for name in COLUMNS}
        return "FROM points", source.name

    def _chosen(self) -> tuple[list[str], list[tuple[str, str]]]:
        chosen: list[str] = []
        columns: list[tuple[str, str]] = []
        for each in self.query.expressions:
            if isinstance(each, exp.Star):
                chosen += self.names.values()
                columns += self.types.items()
                continue
            inner = each.this if isinstance(each, exp.Alias) else each
            name = each.alias if isinstance(each, exp.Alias) else each.sql(dialect=_Dialect)
            text, kind = self._value(inner)
            chosen.append(f"{text} AS {_quoted(name)}")
            columns.append((name, kind))
            if isinstance(each, exp.Alias):
                self.aliases[name] = (text, kind)
        if not columns:
            raise SqlError("SELECT takes at least one expression", 400)
        return chosen, columns

    def _ordered(self, each: exp.Expr) -> str:
        if not isinstance(each, exp.Ordered):
            return self._sql(each)
        return f"{self._sql(each.this)}{' DESC' if each.args.get('desc') else ''}"

    def _count(self, clause: exp.Expr) -> int:
        value = clause.expression
        if not isinstance(value, exp.Literal) or value.is_string or not value.this.isdigit():
            raise SqlError(f"{_word(clause)} takes a whole number", 400)
        return int(value.this)

    def _sql(self, node: exp.Expr) -> str:
        return self._value(node)[0]

    def _value(self, node: exp.Expr) -> tuple[str, str]:
        """SQLite's text of an expression, and its type."""
        kind = type(node)
        if kind in _LOGIC:
            return f"({self._sql(node.this)} {_LOGIC[kind]} {self._sql(node.expression)})", "UInt8"
        if kind in _COMPARISON:
            return self._compared(node, _COMPARISON[kind])
        if kind in _ARITHMETIC:
            return self._calculated(node, _ARITHMETIC[kind])
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise SqlError(f"{_word(node)} is not supported: {node.sql(dialect=_Dialect)[:100]}")
        return handler(self, node)

    def _compared(self, node: exp.Expr, sign: str) -> tuple[str, str]:
        left, right = self._value(node.this), self._value(node.expression)
        if {left[1], right[1]} == {"String", "DateTime"}:  # a time may be written as text
            left, right = (
                (f"ae_todatetime({text})" if kind == "String" else text, "DateTime") for text, kind in (left, right)
            )
        if (left[1] == "String") != (right[1] == "String"):
            raise SqlError(f"cannot compare {left[1]} with {right[1]}: {node.sql(dialect=_Dialect)[:100]}")
        return f"({left[0]} {sign} {right[0]})", "UInt8"

    def _calculated(self, node: exp.Expr, sign: str) -> tuple[str, str]:
        if isinstance(node.expression, exp.Interval):
            moved, kind = self._value(node.this)
            value, unit = _interval(node.expression)
            if kind != "DateTime" or sign not in "+-":
                raise SqlError("INTERVAL is added to a time, or taken from one")
            return f"ae_moved({moved}, {value}, '{unit}', {'1' if sign == '+' else '-1'})", "DateTime"
        left, right = self._value(node.this), self._value(node.expression)
        for _, kind in (left, right):
            if kind == "String":
                raise SqlError(f"cannot calculate with a String: {node.sql(dialect=_Dialect)[:100]}")
        if sign == "/":
            return f"(CAST({left[0]} AS REAL) / {right[0]})", "Float64"
        whole = left[1] in INTEGERS and right[1] in INTEGERS
        kind = ("Int64" if sign == "-" else "UInt64") if whole else "Float64"
        return f"({left[0]} {sign} {right[0]})", kind

    def column(self, node: exp.Expr) -> tuple[str, str]:
        """A column, or what an alias of the same SELECT stands for."""
        name = node.name
        if isinstance(node, exp.Column) and node.table:
            raise SqlError(f"columns have no table in front: {node.sql()[:100]}")
        if name in self.names:
            return self.names[name], self.types[name]
        if name in self.aliases:
            return self.aliases[name]
        raise SqlError(f"unable to find type of column: {name}")

    def literal(self, node: exp.Expr) -> tuple[str, str]:
        """A number or a text."""
        if node.args.get("is_string"):
            return "'" + str(node.this).replace("'", "''") + "'", "String"
        text = str(node.this)
        if text.isdigit():
            return text, "UInt8" if int(text) < 256 else "UInt32" if int(text) < 2**32 else "UInt64"
        return repr(float(text)), "Float64"

    def boolean(self, node: exp.Expr) -> tuple[str, str]:
        """``true`` and ``false``."""
        return ("1" if node.this else "0"), "UInt8"

    def inner(self, node: exp.Expr) -> tuple[str, str]:
        """In parentheses."""
        text, kind = self._value(node.this)
        return f"({text})", kind

    def negative(self, node: exp.Expr) -> tuple[str, str]:
        """With a minus in front."""
        text, kind = self._value(node.this)
        return f"(-{text})", "Float64" if kind == "Float64" else "Int64"

    def negated(self, node: exp.Expr) -> tuple[str, str]:
        """NOT."""
        return f"(NOT {self._sql(node.this)})", "UInt8"

    def member(self, node: exp.Expr) -> tuple[str, str]:
        """IN with a list."""
        if not node.expressions:
            raise SqlError("IN takes a list of values")
        return f"({self._sql(node.this)} IN ({', '.join(self._sql(each) for each in node.expressions)}))", "UInt8"

    def between(self, node: exp.Expr) -> tuple[str, str]:
        """BETWEEN two values."""
        low, high = self._sql(node.args["low"]), self._sql(node.args["high"])
        return f"({self._sql(node.this)} BETWEEN {low} AND {high})", "UInt8"

    def condition(self, node: exp.Expr) -> tuple[str, str]:
        """``if(condition, then, otherwise)``."""
        parts = [node.this, node.args.get("true"), node.args.get("false")]
        if None in parts:
            raise SqlError("if takes 3 arguments")
        return self.scalar("if", parts)

    def function(self, node: exp.Expr) -> tuple[str, str]:
        """A function of one row or of many, by its name."""
        written = str(node.this)
        name, arguments = written.lower(), list(node.expressions)
        if isinstance(node, exp.ParameterizedAgg):
            return self.aggregate(written, list(node.args["params"]), arguments)
        if name in AGGREGATES:
            front = AGGREGATES[name].parameters
            return self.aggregate(written, arguments[front:], arguments[:front])
        if name == "tostartofinterval":
            return self._step(arguments)
        if name == "position" and len(arguments) == 1 and isinstance(arguments[0], exp.In):
            arguments = [arguments[0].args["field"], arguments[0].this]
        return self.scalar(written, arguments)

    def scalar(self, written: str, arguments: Sequence[Any]) -> tuple[str, str]:
        """A function of one row."""
        name = written.lower()
        found = SCALARS.get(name)
        if found is None:
            raise SqlError(f"unknown function call: {written}")
        if not found.least <= len(arguments) <= found.most:
            raise SqlError(f"{written} takes {found.least} to {found.most} arguments, not {len(arguments)}")
        if name in ("now", "today"):
            return str(self.now if name == "now" else self.now // UNITS["day"] * UNITS["day"]), "DateTime"
        values = [self._value(each) for each in arguments]
        if name == "if":
            texts = [text for text, _ in values]
            return f"(CASE WHEN {texts[0]} THEN {texts[1]} ELSE {texts[2]} END)", found.type([k for _, k in values])
        return f"ae_{name}({', '.join(text for text, _ in values)})", found.type([kind for _, kind in values])

    def aggregate(self, written: str, arguments: list[Any], parameters: list[Any]) -> tuple[str, str]:
        """A function of many rows."""
        name = written.lower()
        found = AGGREGATES.get(name)
        if found is None:
            raise SqlError(f"unknown function call: {written}")
        if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
            (distinct,) = arguments[0].expressions
            return f"COUNT(DISTINCT {self._sql(distinct)})", "UInt64"
        if name == "count" and (not arguments or isinstance(arguments[0], exp.Star)):
            return "COUNT(*)", "UInt64"
        if len(arguments) != found.arguments or len(parameters) != found.parameters:
            raise SqlError(f"{written} takes {found.parameters} parameters and {found.arguments} arguments")
        values = [self._value(each) for each in arguments]
        kind = found.type([kind for _, kind in values])
        if name in ("sum", "sumif", "avg", "avgif") and values[0][1] == "String":
            raise SqlError(f"{written} takes numbers, not a String")
        texts = [text for text, _ in [*values, *(self._value(each) for each in parameters)]]
        if name in _NATIVE:
            called = f"{name.upper()}({texts[0]})"
            return (f"COALESCE({called}, 0)" if name == "sum" else called), kind
        return f"ae_{name}({', '.join(texts)})", kind

    def _step(self, arguments: list[Any]) -> tuple[str, str]:
        if len(arguments) not in (2, 3) or not isinstance(arguments[1], exp.Interval):
            raise SqlError("toStartOfInterval takes a time, an INTERVAL and, if wanted, a timezone")
        value, unit = _interval(arguments[1])
        zone = self._sql(arguments[2]) if len(arguments) == 3 else "'UTC'"
        return f"ae_start_of({self._sql(arguments[0])}, {value}, '{unit}', {zone})", "DateTime"


def _interval(node: exp.Expr) -> tuple[int, str]:
    unit = str(node.args.get("unit") or "").lower().removesuffix("s")
    amount = str(node.this.this if node.this is not None else "")
    if not amount.isdigit() or unit not in UNITS | dict.fromkeys(_LONGER_UNITS):
        raise SqlError(f"INTERVAL is written as '1' DAY, not {node.sql()[:100]}")
    return int(amount), unit


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _word(node: exp.Expr) -> str:
    return type(node).__name__.upper()


_Handler = Callable[[_Select, exp.Expr], tuple[str, str]]

_HANDLERS: dict[type[exp.Expr], _Handler] = {
    exp.Column: _Select.column,
    exp.Identifier: _Select.column,
    exp.Literal: _Select.literal,
    exp.Boolean: _Select.boolean,
    exp.Paren: _Select.inner,
    exp.Neg: _Select.negative,
    exp.Not: _Select.negated,
    exp.In: _Select.member,
    exp.Between: _Select.between,
    exp.If: _Select.condition,
    exp.Anonymous: _Select.function,
    exp.AnonymousAggFunc: _Select.function,
    exp.CombinedAggFunc: _Select.function,
    exp.ParameterizedAgg: _Select.function,
}
