"""The log of model calls: what tests ask to know whether, when and how far a model was used."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from edgewright.localcloud.clock import Clock

MOST = 5000  # calls kept


@dataclass
class ModelCall:
    """One call; times in seconds since the epoch on the account's clock, None until they come."""

    id: int
    model: str
    path: str
    stream: bool
    body: dict[str, Any]
    started: float
    first_byte: float | None = None
    ended: float | None = None
    outcome: str | None = None
    tokens: int = 0


class CallLog:
    """The last calls, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._calls: deque[ModelCall] = deque(maxlen=MOST)

    def begin(self, model: str, path: str, body: dict[str, Any]) -> ModelCall:
        """A call has come."""
        with self._lock:
            call = ModelCall(next(self._ids), model, path, bool(body.get("stream")), body, self._clock.now())
            self._calls.append(call)
            return call

    def sent(self, call: ModelCall, tokens: int) -> None:
        """Bytes with so many tokens have been sent."""
        if call.first_byte is None:
            call.first_byte = self._clock.now()
        call.tokens += tokens

    def end(self, call: ModelCall, outcome: str) -> None:
        """It is over: ``done``, ``cancelled`` (the caller left) or ``error``."""
        call.ended = self._clock.now()
        call.outcome = outcome

    def entries(self) -> list[dict[str, Any]]:
        """As JSON."""
        with self._lock:
            return [asdict(call) for call in self._calls]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._calls.clear()
