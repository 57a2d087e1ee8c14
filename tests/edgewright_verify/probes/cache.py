"""What a proxy's headers say of its cache, and repeating a request until the cache has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from edgewright_verify.exchange import Exchange
from edgewright_verify.probes.chat import Answer, ChatStream, fresh

CACHE_HEADERS = (
    "x-edge-cache",
    "cf-aig-cache-status",  # Cloudflare AI Gateway
    "x-portkey-cache-status",
    "helicone-cache",
    "x-cache-status",  # Kong
)

PAUSES = (0.0, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each repetition: a store may show a write a little later than the answer went out."""

PROMPTS_TRIED = 3
"""A store that is read elsewhere than it was written may miss once; a cache that tells two forms apart always does."""

Seen = TypeVar("Seen", Answer, ChatStream)
Other = TypeVar("Other", Answer, ChatStream)


def cache_state(headers: Mapping[str, str]) -> str | None:
    """HIT, MISS or another word in capitals; None where no header tells."""
    for name in CACHE_HEADERS:
        value = headers.get(name)
        if value:
            return value.strip().upper()
    return None


def is_hit(exchange: Exchange) -> bool:
    """Whether the answer came from the cache, by its own account."""
    return (cache_state(exchange.headers) or "").startswith("HIT")


def until_hit(request: Callable[[], Seen]) -> Seen:
    """Repeat a request until it hits, a bounded number of times; returns the last answer either way.

    Where no header tells of a cache there is nothing to wait for.
    """
    seen = request()
    for pause in PAUSES:
        if is_hit(seen.exchange) or cache_state(seen.exchange.headers) is None:
            break
        time.sleep(pause)
        seen = request()
    return seen


def across_forms(stored: Callable[[str], Seen], asked: Callable[[str], Other]) -> tuple[Seen, Other]:
    """Have an answer stored in one form of a request, then ask once in another form; returns both answers.

    The other form is never repeated: its own first answer would be what it hits then. A new prompt is taken instead.
    """
    for _ in range(PROMPTS_TRIED):
        prompt = fresh("Name a colour.")
        first = stored(prompt)
        until_hit(partial(stored, prompt))
        second = asked(prompt)
        if is_hit(second.exchange):
            break
    return first, second
