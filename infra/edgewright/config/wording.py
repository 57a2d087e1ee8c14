"""What rules say: findings, and the words that several of them share."""

from __future__ import annotations

from collections.abc import Iterable

Findings = Iterable[str]
"""Sentences: key, value, rule, fix."""


def one_of(names: Iterable[str]) -> str:
    """The fix for a name that is not there."""
    return "use one of " + ", ".join(sorted(names))
