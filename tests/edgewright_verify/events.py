"""Steps of a run as lines of text, by which the pytest process tells the runner what it is doing."""

from __future__ import annotations

import json
from typing import Any

PREFIX = "\x1eedgewright "
"""A record separator marks a step, which reaches to the end of its line; pytest's own words never hold one."""


def to_line(event: dict[str, Any]) -> str:
    """The step as one line of ASCII."""
    return PREFIX + json.dumps(event)


def from_line(line: str) -> dict[str, Any] | None:
    """The step that a line holds, or None for a line of pytest's own."""
    _, mark, step = line.partition(PREFIX)  # pytest's own mark of a passed test may stand before it
    return json.loads(step) if mark else None
