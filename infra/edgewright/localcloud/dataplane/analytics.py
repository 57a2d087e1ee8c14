"""The Analytics Engine sink: workerd posts each point, already checked against the limits (local-cloud facts 3)."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from edgewright.localcloud.account import Account

_NANOSECONDS = 10**9


class AnalyticsSink:
    """Stores the points. It must answer 2xx: a point is lost otherwise."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def handle(self, request: web.Request) -> web.Response:
        """One point."""
        point = json.loads(await request.read())
        columns = {key: _value(value) for key, value in point.items() if _is_column(key)}
        self._account.database.run(
            "insert into points (dataset, timestamp, body) values (?, ?, ?)",
            _value(point["dataset"]),
            int(point["timestamp"]) // _NANOSECONDS,
            json.dumps(columns),
        )
        return web.Response()


def _is_column(name: str) -> bool:
    return name.startswith(("index", "blob", "double"))


def _value(value: Any) -> Any:
    """Text comes as a list of bytes, numbers as they are, NaN and infinities as text."""
    return bytes(value).decode(errors="replace") if isinstance(value, list) else value
