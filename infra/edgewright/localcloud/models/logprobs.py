"""Scripted log probabilities, in OpenAI's shape: they follow from the token alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_OTHERS = ("other", "else", "more", "none")


def logprobs_of(tokens: Iterable[str], likely: int) -> dict[str, Any]:
    """Of each token how likely it was, and of ``likely`` tokens in its place, the token itself first."""
    return {
        "content": [{**_told(token, 0), "top_logprobs": _likely(token, likely)} for token in tokens],
        "refusal": None,
    }


def _likely(token: str, count: int) -> list[dict[str, Any]]:
    return [_told(token if rank == 0 else f"{_OTHERS[rank % len(_OTHERS)]}{rank}", rank) for rank in range(count)]


def _told(token: str, rank: int) -> dict[str, Any]:
    data = token.encode()
    return {"token": token, "logprob": -(0.01 * (len(data) % 10 + 1) + rank), "bytes": list(data)}
