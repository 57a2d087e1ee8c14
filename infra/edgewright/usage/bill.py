"""What a month at the pace of a report would cost, product by product, with the arithmetic."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Line:
    """One product: ``amount`` in a month, of which ``included`` costs nothing; the rest at ``price`` a ``unit``."""

    name: str
    amount: float
    included: float
    unit: float
    price: float
    how: str

    @property
    def cost(self) -> float:
        """US dollars a month."""
        return max(0.0, self.amount - self.included) / self.unit * self.price

    @property
    def arithmetic(self) -> str:
        """How the cost comes about, for people."""
        if self.amount <= self.included:
            return f"{self.how}; {self.amount:,.0f} of the {self.included:,.0f} included"
        over = f"({self.amount:,.0f} - {self.included:,.0f} included) = {self.amount - self.included:,.0f}"
        return f"{self.how}; {over} at ${self.price:g} per {self.unit:,.0f}"


@dataclass(frozen=True)
class Bill:
    """A month in US dollars, by what ``seconds`` used.

    ``lines`` are of Cloudflare's products, ``base`` is the plan's, ``upstreams`` what other tokens cost.
    """

    lines: tuple[Line, ...]
    base: float
    upstreams: float
    as_of: str
    plan: str
    seconds: float

    @property
    def total(self) -> float:
        """US dollars a month."""
        return self.base + self.upstreams + sum(line.cost for line in self.lines)

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        lines = [
            {"name": line.name, "amount": line.amount, "cost": line.cost, "arithmetic": line.arithmetic}
            for line in self.lines
        ]
        kept = {"as_of": self.as_of, "plan": self.plan, "base": self.base, "upstreams": self.upstreams}
        return {"projected_from_seconds": self.seconds, **kept, "lines": lines, "total": self.total}


def projected(
    total: Mapping[str, Any], seconds: float, by_upstream: Collection[Mapping[str, Any]], features: Collection[str]
) -> Bill:
    """A month like the ``seconds`` that ``total`` (a report's) tells of.

    ``by_upstream`` are rows by upstream: what Workers AI cost is counted as neurons, the rest as the upstreams' own.
    What a proxy cannot see of itself (CPU, rows, duration) is assumed, as ``bill.json`` says.
    """
    prices = table()
    factor = prices["month_days"] * DAY_SECONDS / seconds
    used = Used(
        requests=total["requests"] * factor,
        turns=total["turns"] * factor,
        limited=total["requests"] * factor if "limits" in features else 0.0,
        cached=total["requests"] * factor if "cache" in features else 0.0,
        kept=(total["ok"] - total["hits"]) * factor if "cache" in features else 0.0,
        neurons=total["neurons"] * factor,
    )
    lines = []
    for name, (amount, how) in used.amounts(prices["assumed"]).items():
        product = prices["products"][name]
        lines.append(Line(product["name"], amount, product["included"], product["unit"], product["price"], how))
    others = sum(row["cost"] for row in by_upstream if not row["neurons"]) * factor
    return Bill(tuple(lines), prices["base"], others, prices["as_of"], prices["plan"], seconds)


@dataclass(frozen=True)
class Used:
    """A month's counts: ``limited`` requests ask the limiter, ``cached`` ones read KV, ``kept`` answers are written."""

    requests: float
    turns: float
    limited: float
    cached: float
    kept: float
    neurons: float

    def amounts(self, assumed: Mapping[str, float]) -> dict[str, tuple[float, str]]:
        """Product -> how much of it, and how that comes about."""
        cpu, seconds, memory = assumed["cpu_ms_a_request"], assumed["object_seconds_a_turn"], assumed["object_gb"]
        calls = (assumed["object_requests_a_turn"], assumed["object_requests_a_limited_request"])
        rows = (assumed["rows_a_turn"], assumed["rows_a_limited_request"])
        return {
            "workers_requests": (self.requests, "every request"),
            "workers_cpu_ms": (self.requests * cpu, f"{cpu} ms a request, assumed"),
            "kv_reads": (self.cached, "a read a request, at most"),
            "kv_writes": (self.kept, "a write for each new answer, at most"),
            "object_requests": (self._both(calls), f"{calls[0]} a turn, {calls[1]} a limited request"),
            "object_gb_seconds": (self.turns * seconds * memory, f"{seconds} s a turn at {memory} GB, assumed"),
            "object_rows_written": (self._both(rows), f"{rows[0]} a turn, {rows[1]} a limited request, assumed"),
            "analytics_points": (self.requests, "a point a request"),
            "neurons": (self.neurons, "as counted; 10,000 a day are included"),
        }

    def _both(self, each: tuple[float, float]) -> float:
        return self.turns * each[0] + self.limited * each[1]


@cache
def table() -> dict[str, Any]:
    """Prices of Cloudflare's products, with their date, and what is assumed."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("bill.json").read_text("utf8"))
    return found
