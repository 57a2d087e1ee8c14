"""The log: what a proxy really asked for, and how each of its calls ended."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["done", "cancelled", "fault"]


@dataclass
class Call:
    """One call. Times are seconds since the epoch; ``usage`` is what was really sent, whatever the answer said."""

    id: int
    model: str
    stream: bool
    messages: list[Any]
    started: float = field(default_factory=time.time)
    first_byte: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    tokens_sent: int = 0
    usage: dict[str, int] | None = None

    def end(self, outcome: Outcome) -> None:
        """Note the end, once."""
        if self.ended is None:
            self.ended, self.outcome = time.time(), outcome


class CallLog:
    """Calls in the order in which they came. Written by the server's thread, read by any."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._ids = itertools.count(1)

    def begin(self, model: str, stream: bool, messages: list[Any]) -> Call:
        """Note the beginning of a call."""
        call = Call(next(self._ids), model, stream, messages)
        self._calls.append(call)
        return call

    def listed(self, containing: str = "") -> list[dict[str, Any]]:
        """The calls as plain values; ``containing``: only those whose messages hold this text."""
        calls = [asdict(call) for call in list(self._calls)]
        return [call for call in calls if containing in json.dumps(call["messages"], ensure_ascii=False)]

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()
