"""A report of usage, from a proxy's ``GET /v1/usage`` or from Analytics Engine itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from edgewright.errors import UsageError
from edgewright.usage.schema import schema

TIMEOUT = httpx.Timeout(30.0)
"""Seconds; a proxy itself gives up on the SQL API after 10."""

INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400}
"""Steps of time that a report may have, in seconds."""

MOST_ROWS = 10_000

Row = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """From when to when (seconds since the epoch), in which steps (a key of `INTERVALS`), by which names."""

    start: int
    end: int
    interval: str | None = None
    group_by: tuple[str, ...] = ()

    @property
    def by(self) -> list[str]:
        """What the rows differ in."""
        return [*(["start"] if self.interval else []), *self.group_by]


@dataclass(frozen=True)
class Report:
    """``rows``: one for each step and group, with sums, rates and latencies; ``total``: the same over all of them."""

    query: Query
    rows: list[Row]
    total: Row
    sample_interval: float = 1
    truncated: bool = False
    columns: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As ``GET /v1/usage`` gives it."""
        return {
            "object": "usage",
            "from": self.query.start,
            "to": self.query.end,
            "interval": self.query.interval or "none",
            "group_by": list(self.query.group_by),
            "sample_interval": self.sample_interval,
            "truncated": self.truncated,
            "data": self.rows,
            "total": self.total,
        }


def from_endpoint(url: str, key: str | None, query: Query) -> Report:
    """What the tenant of a client key used.

    Raises:
        UsageError: the proxy does not answer, offers no report, or refuses; with its own words.
    """
    asked = {"from": query.start, "to": query.end, "interval": query.interval or "none"}
    named = {"group_by": ",".join(query.group_by)} if query.group_by else {}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = _sent("GET", f"{url.rstrip('/')}/v1/usage", params={**asked, **named}, headers=headers)
    told = _json(response)
    if response.status_code == 404:
        raise UsageError(f"{url} offers no report.", fix="set usage.enabled and usage.report in its stack file")
    if response.status_code != 200 or not isinstance(told, dict) or told.get("object") != "usage":
        said = told.get("error", {}).get("message") if isinstance(told, dict) else None
        raise UsageError(f"{url}: status {response.status_code}: {said or 'no report'}", fix=_fix(response.status_code))
    return Report(query, told["data"], told["total"], told["sample_interval"], told["truncated"], _columns(query))


def from_dataset(api_url: str, token: str, account_id: str, dataset: str, query: Query) -> Report:
    """What all tenants used; ``tenant`` is one more name to group by.

    Raises:
        UsageError: the SQL API does not answer or refuses.
    """

    def rows(of: Query, expressions: Mapping[str, str], condition: str = "") -> list[Row]:
        sql = _sql(dataset, of, expressions, condition)
        address = f"{api_url}/accounts/{account_id}/analytics_engine/sql"
        response = _sent("POST", address, content=sql, headers={"Authorization": f"Bearer {token}"})
        if response.status_code == 422 and dataset in response.text:
            return []  # the first data point makes the dataset
        if response.status_code != 200:
            said = response.text.strip()[:300]
            raise UsageError(f"Analytics Engine: status {response.status_code}: {said}", fix=_fix(response.status_code))
        found: list[Row] = _json(response)["data"]
        return found

    table = schema()
    whole = Query(query.start, query.end)
    amounts, totals = rows(query, table.amounts), rows(whole, table.amounts)
    times = {_named(row, query.by): row for row in rows(query, table.latencies, table.answered)}
    slowness = rows(whole, table.latencies, table.answered)
    data = [
        {**_names(row, query.by), **figures(row, times.get(_named(row, query.by), {}))}
        for row in amounts
    ]  # fmt: skip
    total = totals[0] if totals else {}
    sampled = float(total.get("sample_interval") or 1) or 1.0
    total = figures(total, slowness[0] if slowness else {})
    return Report(query, data, total, sampled, len(amounts) == MOST_ROWS, _columns(query))


def figures(row: Mapping[str, Any], times: Mapping[str, Any]) -> Row:
    """Sums as numbers (the API may give text), rates as parts of all requests, latencies where there were answers."""
    sums = {name: float(row.get(name) or 0) for name in _sums()}
    requests = sums["requests"]
    rates = {"hit_rate": "hits", "fallback_rate": "fallbacks", "error_rate": "failed"}
    return {
        **sums,
        **{rate: sums[part] / requests if requests else 0.0 for rate, part in rates.items()},
        **{name: float(times[name]) if sums["ok"] and name in times else None for name in schema().latencies},
    }


def _sums() -> list[str]:
    return [name for name in schema().amounts if name != "sample_interval"]


def _columns(query: Query) -> list[str]:
    return [*query.by, *_sums(), "hit_rate", "fallback_rate", "error_rate", *schema().latencies]


def _sql(dataset: str, query: Query, expressions: Mapping[str, str], condition: str) -> str:
    """A query of the SQL API; what varies in it are numbers, the dataset of the stack and names of the table."""
    table = schema()
    step = INTERVALS[query.interval] if query.interval else None
    keys = [f"intDiv(toUInt32(timestamp), {step}) * {step} AS start"] if step else []
    keys += [f"{table.columns[name]} AS {name}" for name in query.group_by]
    values = [f"{table.filled(expression)} AS {name}" for name, expression in expressions.items()]
    where = f"timestamp >= toDateTime({query.start}) AND timestamp < toDateTime({query.end})"
    where += f" AND {table.filled(condition)}" if condition else ""
    by = ", ".join(query.by)
    grouped = f" GROUP BY {by} ORDER BY {by}" if by else ""
    return f"SELECT {', '.join([*keys, *values])} FROM {dataset} WHERE {where}{grouped} LIMIT {MOST_ROWS}"


def _names(row: Mapping[str, Any], by: Iterable[str]) -> Row:
    return {name: int(row[name]) if name == "start" else row[name] for name in by}


def _named(row: Mapping[str, Any], by: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in by)


def _sent(method: str, url: str, **request: Any) -> httpx.Response:
    try:
        return httpx.request(method, url, timeout=TIMEOUT, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise UsageError(f"{url}: {reason}", fix="check the address, and that it is serving") from None


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _fix(status: int) -> str:
    fixes = {
        401: "give a valid client key",
        403: "the key needs the route `usage`; a token needs the permission Account Analytics: Read",
        504: "ask for a shorter time",
    }
    return fixes.get(status, "check that the stack's usage is enabled and the token may read Account Analytics")
