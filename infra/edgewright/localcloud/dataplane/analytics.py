"""The Analytics Engine sink: workerd posts each point, already checked against the limits (local-cloud facts 3)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from aiohttp import web

from edgewright.localcloud.account import Account
from edgewright.localcloud.storage import POINT_COLUMNS

_INSERT = f"insert into data_points ({', '.join(POINT_COLUMNS)}) values ({', '.join('?' for _ in POINT_COLUMNS)})"


class AnalyticsSink:
    """Stores the points. It must answer 2xx: a point is lost otherwise.

    ``sample_interval``: of so many points of a dataset and index one is kept, which then stands for all of them, as
    Analytics Engine does with an index that writes much.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._seen: Counter[tuple[Any, Any]] = Counter()
        self.sample_interval = 1

    def sample(self, interval: int) -> None:
        """Keep one of so many from here on."""
        self.sample_interval = interval
        self._seen.clear()

    async def handle(self, request: web.Request) -> web.Response:
        """One point."""
        point = {name: _value(value) for name, value in json.loads(await request.read()).items()}
        series = (point["dataset"], point.get("index1"))
        self._seen[series] += 1
        if self._seen[series] % self.sample_interval == 0:
            # On the account's clock, which a test may have moved.
            known = {**point, "timestamp": int(self._account.clock.now()), "_sample_interval": self.sample_interval}
            self._account.database.run(_INSERT, *(known.get(name, _absent(name)) for name in POINT_COLUMNS))
        return web.Response()


def _absent(name: str) -> Any:
    return 0 if name.startswith("double") else ""


def _value(value: Any) -> Any:
    """Text comes as a list of bytes, numbers as they are, NaN and infinities as text."""
    return bytes(value).decode(errors="replace") if isinstance(value, list) else value
