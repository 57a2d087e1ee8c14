"""What a target's model can do: the stack's own word, else that of the dated table ``capabilities.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from edgewright.config.sections import Capabilities, Target, Upstream

ABILITIES = tuple(name for name, field in Capabilities.model_fields.items() if field.annotation == (bool | None))
"""The names of what a model can or cannot do; the other fields of `Capabilities` are bounds."""


def capabilities_of(upstream: Upstream, target: Target) -> dict[str, Any] | None:
    """``{<ability>: bool, dimensions: [n] | None, batch: n | None, native: bool}``; None if nothing is known.

    A model that is not in the table can do everything: its upstream decides. ``native`` models speak Workers AI's older
    shape, ``{response}``.
    """
    own = target.capabilities.model_dump(exclude_none=True)
    known = table()["models"].get(target.model) if upstream.type == "workers-ai" else None
    if known is None:
        everything = {**dict.fromkeys(ABILITIES, True), "dimensions": None, "batch": None, "native": False}
        return everything | own if own else None
    can = {name: name in known["can"] for name in ABILITIES}
    bounds = {"dimensions": known.get("dimensions"), "batch": known.get("batch")}
    return {**can, **bounds, "native": known.get("native", False)} | own


def can(upstream: Upstream, target: Target, ability: str) -> bool:
    """Whether a target has one of ``ABILITIES``, as far as is known."""
    known = capabilities_of(upstream, target)
    return known is None or bool(known[ability])


@cache
def table() -> dict[str, Any]:
    """The table: ``{as_of, source, models: {name: {can: [ability], native?, dimensions?: [n], batch?: n}}}``."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("capabilities.json").read_text("utf8"))
    return found
