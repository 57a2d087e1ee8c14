"""What a target's tokens cost: the stack's own price, else that of the dated table ``prices.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from edgewright.config.models import StackConfig
from edgewright.config.sections import Target


def price_of(config: StackConfig, target: Target) -> dict[str, Any] | None:
    """``{input, output, cached_input, neurons}`` for a million tokens; None if nobody knows.

    Dollars, and for Workers AI the neurons of the table. A price in the stack file replaces the dollars.
    """
    workers_ai = config.upstreams[target.upstream].type == "workers-ai"
    known = table()["models"].get(target.model) if workers_ai else None
    if target.price is None and known is None:
        return None
    dollars = {**(known or {}), "cached_input": None} if target.price is None else target.price.model_dump()
    return {**dollars, "neurons": known["neurons"] if known else None}


@cache
def table() -> dict[str, Any]:
    """The table: ``{as_of, source, models: {name: {input, output, neurons: {input, output}}}}``."""
    path = Path(__file__).with_name("prices.json")
    found: dict[str, Any] = json.loads(path.read_text("utf8"))
    return found
