"""Whether a new version does as well as the old one in the same time. Pure: two windows in, a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Literal, NamedTuple

Decision = Literal["raise", "roll_back", "wait"]

TOLERATED = 0.02
"""By how much the new version's error rate may exceed the old one's before it is looked at: two in a hundred."""

CHANCE = 0.001
"""A difference that chance alone makes once in so many looks is none (one-sided, exact)."""

USUAL_ERRORS = 0.05
"""The error rate that stands for the old version's where that had too few requests to tell."""

BROKEN = 0.5
"""An error rate at which a version cannot be judged, where the other is no better: something behind both is down."""

SLOWER, SLOWER_MS = 1.5, 100.0
"""The new version's first-byte p95 may be so many times the old one's, and so many milliseconds more."""

MOST_USEFUL_FOR_LATENCY = 100
"""Answers of each that a p95 needs: of fewer, five slow ones by chance would decide."""

SILENT = 0.25
"""Less than this part of the expected requests, and chance ruled out: the rest failed without a data point."""


NEGLIGIBLE = 1e-9
"""Terms of a sum that are smaller parts of it than this are left out."""


@dataclass(frozen=True)
class Window:
    """What one version did. Requests whose callers left are not in it.

    ``errors`` are requests that failed or were refused; ``answered`` those that were not; ``turns`` those that belong
    to a conversation, whose points tell the version of its object and so say nothing about shares. ``weight`` is how
    many requests a data point stands for.
    """

    requests: float = 0
    errors: float = 0
    answered: float = 0
    first_byte_p95_ms: float | None = None
    turns: float = 0
    weight: float = 1

    @property
    def error_rate(self) -> float:
        """Part of the requests that got no answer; 0 where there were none."""
        return self.errors / self.requests if self.requests else 0.0


class Verdict(NamedTuple):
    """What to do, and why in one sentence."""

    decision: Decision
    reason: str


def verdict(old: Window, new: Window, share: float, min_requests: int, *, last: bool = False) -> Verdict:
    """Judge the new version, which has ``share`` per cent of the requests.

    ``wait`` asks for more time; with ``last`` there is none, and the answer is one of the other two.
    """
    bad = _errors(old, new, min_requests) or _latency(old, new) or _silence(old, new, share, min_requests)
    if bad:
        return Verdict("roll_back", bad)
    rates = f"error rate {_percent(new.error_rate)} against {_percent(old.error_rate)}"
    if new.requests < min_requests:
        few = f"{new.requests:.0f} of {min_requests} requests that a judgement needs"
        if not last:
            return Verdict("wait", few)
        if new.error_rate > old.error_rate + TOLERATED:
            return Verdict("roll_back", f"{few}, and {rates}")
        return Verdict("raise", f"{few}; what there was is no worse: {rates}")
    if new.error_rate > BROKEN:
        both = f"neither version answers ({rates}), so that the new one cannot be judged"
        return Verdict("roll_back" if last else "wait", both)
    return Verdict("raise", f"{rates}, {_slowness(old, new)}")


def _errors(old: Window, new: Window, min_requests: int) -> str | None:
    known = old.requests >= min_requests
    usual = old.error_rate if known else USUAL_ERRORS
    if new.error_rate <= usual + TOLERATED:
        return None
    errors, requests = _points(new.errors, new), _points(new.requests, new)
    if known:
        chance = _more_than_its_part(errors, requests, _points(old.errors, old), _points(old.requests, old))
    else:
        chance = _at_least(errors, requests, usual)
    if chance >= CHANCE:
        return None
    other = _percent(old.error_rate) if known else f"at most {_percent(usual)}, as the old version had few requests"
    return f"its error rate is {_percent(new.error_rate)} ({new.errors:.0f} of {new.requests:.0f}) against {other}"


def _latency(old: Window, new: Window) -> str | None:
    if old.first_byte_p95_ms is None or new.first_byte_p95_ms is None:
        return None
    if min(old.answered / old.weight, new.answered / new.weight) < MOST_USEFUL_FOR_LATENCY:
        return None
    if new.first_byte_p95_ms <= old.first_byte_p95_ms * SLOWER + SLOWER_MS:
        return None
    return f"{_slowness(old, new)}"


def _silence(old: Window, new: Window, share: float, min_requests: int) -> str | None:
    """A Worker that ends in an exception writes no data point: what is missing counts."""
    heard, others = new.requests - new.turns, old.requests - old.turns
    expected = others * share / (100 - share) if share < 100 else 0
    if expected < min_requests or heard >= expected * SILENT:
        return None
    # The chance of so few among all: the old version got at least as many as it did.
    total = _points(heard, new) + _points(others, old)
    if _at_least(_points(others, old), total, 1 - share / 100) >= CHANCE:
        return None
    return (
        f"only {heard:.0f} requests told of an end where some {expected:.0f} were expected: the rest ended in nothing"
    )


def _points(amount: float, window: Window) -> int:
    """Data points behind an amount: what is sampled proves less."""
    return round(amount / window.weight)


def _slowness(old: Window, new: Window) -> str:
    def shown(window: Window) -> str:
        return "unknown" if window.first_byte_p95_ms is None else f"{window.first_byte_p95_ms:.0f} ms"

    return f"first-byte p95 {shown(new)} against {shown(old)}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _more_than_its_part(errors: int, requests: int, old_errors: int, old_requests: int) -> float:
    """Fisher's exact test, one-sided: the chance that so many of all errors fall to these requests by chance."""
    total, failed = requests + old_requests, errors + old_errors

    def of(count: int) -> float:
        ways = _log_choose(failed, count) + _log_choose(total - failed, requests - count)
        return exp(ways - _log_choose(total, requests))

    return _tail(of, errors, min(failed, requests))


def _at_least(count: int, of: int, rate: float) -> float:
    """The chance of at least so many, each with a chance of ``rate`` (binomial)."""
    odds = log(rate), log(1 - rate)
    return _tail(lambda k: exp(_log_choose(of, k) + k * odds[0] + (of - k) * odds[1]), count, of)


def _tail(chance: Callable[[int], float], first: int, last: int) -> float:
    """The sum from ``first`` on, which lies above the most likely count, so that the terms fall quickly."""
    total = 0.0
    for count in range(first, last + 1):
        term = chance(count)
        total += term
        if term <= total * NEGLIGIBLE:
            break
    return total


def _log_choose(of: int, count: int) -> float:
    if not 0 <= count <= of:
        return float("-inf")
    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
