"""What a target says that a user of ours has used."""

from __future__ import annotations

import csv
import time
from typing import Any

from edgewright_verify.exchange import Exchange
from edgewright_verify.target import OWN_KEY, Target

USAGE = "/v1/usage?group_by=user"

VISIBLE_SECONDS = 120.0
"""Analytics Engine shows a point within a minute or two of its writing."""

LOOK_SECONDS = 0.25


def report(target: Target, *, key: str | None = OWN_KEY) -> Exchange:
    """The last day, by user."""
    return target.ask("GET", USAGE, key=key)


def row_of(exchange: Exchange, user: str) -> dict[str, Any]:
    """A user's row of a report, empty if there is none."""
    body = exchange.json
    data = body.get("data") if isinstance(body, dict) else None
    rows = data if isinstance(data, list) else []
    return next((row for row in rows if isinstance(row, dict) and row.get("user") == user), {})


def cells_of(exchange: Exchange, user: str) -> dict[str, str]:
    """The same of a table."""
    rows = csv.DictReader(exchange.text.splitlines())
    return next((row for row in rows if row.get("user") == user), {})


def until_counted(target: Target, user: str, requests: int) -> Exchange:
    """A report that shows so many requests of a user, or the last one when the time for that is over."""
    until = time.monotonic() + VISIBLE_SECONDS
    while True:
        found = report(target)
        shown = row_of(found, user).get("requests", 0)
        if found.status != 200 or shown >= requests or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)
