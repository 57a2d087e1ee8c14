"""When the pieces of an answer came, seen relatively: nothing here knows a fast or a slow model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright_verify.exchange import Read

WINDOW = 0.005
"""Pieces within this share of the whole time came as one: a burst is handed over in many small reads."""


@dataclass(frozen=True)
class Pace:
    """``first`` and ``last`` byte in seconds since the request began; ``arrivals`` are distinguishable moments."""

    first: float
    last: float
    arrivals: int

    @property
    def spread(self) -> float:
        """The share of the whole time that lies between first and last byte: near 0 for a buffered answer."""
        return (self.last - self.first) / self.last if self.last else 0.0


def pace(reads: Sequence[Read]) -> Pace:
    """How an answer's bytes were spread over its time."""
    if not reads:
        return Pace(0.0, 0.0, 0)
    first, last = reads[0].at, reads[-1].at
    arrivals, opened = 1, first
    for read in reads:
        if read.at - opened > last * WINDOW:
            arrivals, opened = arrivals + 1, read.at
    return Pace(first, last, arrivals)
