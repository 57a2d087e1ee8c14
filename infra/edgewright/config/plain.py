"""What every value must be before any model looks at it: names that are text, text that can be written, and an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_DEPTH = 24
_MOST_VALUES = 200_000
_MOST_NUMBER = 2**63


def check(values: Mapping[Any, Any]) -> list[str]:
    """What is wrong with values as YAML and JSON give them: key, value, rule, fix."""
    findings: list[str] = []
    waiting: list[tuple[str, Any, int]] = [("", values, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return findings
        path, value, depth = waiting.pop()
        inner = _inner(path, value)
        if depth > _MOST_DEPTH:
            findings.append(
                f"{path[:80]}...: nested more than {_MOST_DEPTH} levels deep, or holds itself. Fix: write it out."
            )
            return findings
        for key, held in inner:
            if isinstance(key, tuple):
                findings.append(f"{path or '?'}: the name {_shown(key[0])} is no text. Fix: write it in quotes.")
            else:
                waiting.append((key, held, depth + 1))
        if isinstance(value, str) and not _writable(value):
            findings.append(f"{path}: cannot be written as UTF-8. Fix: remove the lone surrogate.")
        if isinstance(value, int) and abs(value) > _MOST_NUMBER:
            findings.append(f"{path}: the number has too many digits. Fix: write a smaller one.")
    return [*findings, "?: the values have no end, or are too many. Fix: write out what an anchor repeats."]


def _inner(path: str, value: Any) -> list[tuple[Any, Any]]:
    """Paths and values inside ``value``; where a name is no text, the name in a tuple instead of the path."""
    if isinstance(value, Mapping):
        return [(_join(path, key) if _writable(key) else (key,), held) for key, held in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{path}[{index}]", held) for index, held in enumerate(value)]
    return []


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _writable(text: Any) -> bool:
    try:
        return isinstance(text, str) and text.encode() is not None
    except UnicodeEncodeError:
        return False


def _shown(value: Any) -> str:
    return ascii(value)[:80]
