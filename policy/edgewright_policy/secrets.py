"""What looks like a secret, by its name or by its value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = re.compile(r"secret|token|passw|credential|private|pepper|(^|_)(api_?)?keys?$", re.IGNORECASE)

# Forms that nothing else has: keys by their issuer's prefix, JSON web tokens, PEM, a password in an address.
_FORMS = re.compile(
    r"\bsk-[A-Za-z0-9_-]{16}|\b(gh[opsu]_|github_pat_|xox[abpr]-|AKIA|AIza)[A-Za-z0-9_-]{12}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
)
_RUN = re.compile(r"[A-Za-z0-9]{20,}")


def named_like_one(name: str) -> bool:
    """Whether ``name`` says that its value is secret, e.g. ``UPSTREAM_X_KEY``."""
    return _NAME.search(name) is not None


def formed_like_one(text: str) -> bool:
    """Whether ``text`` holds the form of a known kind of key."""
    return _FORMS.search(text) is not None


def looks_like_one(text: str) -> bool:
    """Whether ``text`` has such a form, or is as random as a token: 20 letters of both cases and digits in a row.

    Hexadecimal digits alone are hashes and ids as often as keys, and say nothing.
    """
    return formed_like_one(text) or any(_random(run) for run in _RUN.findall(text))


def _random(run: str) -> bool:
    digits = sum(character.isdigit() for character in run)
    return digits >= 2 and not run.islower() and not run.isupper() and not run.isdigit()


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and text of every string inside a value, names of mappings included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key in value:
            yield f"{path}.{key}".lstrip("."), str(key)
            yield from texts(value[key], f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, held in enumerate(value):
            yield from texts(held, f"{path}[{index}]")
