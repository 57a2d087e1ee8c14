"""What a run was asked to do: the target and its credentials. No heavy import: the pytest plugin loads this."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SUITES = (
    "streaming",
    "cache",
    "fallback",
    "auth",
    "errors",
    "models",
    "sessions",
    "resume",
    "socket",
    "limits",
    "usage",
    "protocols",
)
"""The concerns, in the order in which they are checked."""

WALL = "wall"
"""The suite that is run only by name: it needs a proxy that was configured for it."""

ENVIRONMENT = {
    "url": "EDGE_URL",
    "key": "EDGE_API_KEY",
    "other_key": "EDGE_OTHER_KEY",
    "drill_secret": "EDGE_DRILL_SECRET",
    "model": "EDGE_MODEL",
    "wall_upstream": "EDGE_WALL_UPSTREAM",
    "pin": "EDGE_PIN",
}
"""Setting -> the environment variable that stands for its option."""


OVERRIDES = "cloudflare-workers-version-overrides"
"""The request header by which a version of a Worker is named that is to answer."""

VERSION_ID = "x-edge-version-id"
"""The answer header in which an Edgewright proxy says which version answered."""

_PIN = re.compile(r"([a-z0-9_-]{1,63})=([0-9A-Za-z-]{1,64})")


class TargetUnusable(Exception):
    """Nothing could be checked: no address, nobody there, or the key is not accepted. The run exits 2."""


@dataclass(frozen=True)
class Settings:
    """The target as the user named it. ``url`` is the root, without ``/v1``; secrets never show in ``repr``."""

    url: str
    key: str | None = field(default=None, repr=False)
    other_key: str | None = field(default=None, repr=False)
    model: str | None = None
    drill_secret: str | None = field(default=None, repr=False)
    wall_upstream: str | None = None
    pin: str | None = None

    def __post_init__(self) -> None:
        """Raises ``TargetUnusable`` for a pin that names no version."""
        if self.pin is not None and not _PIN.fullmatch(self.pin):
            raise TargetUnusable(f"the pin {self.pin!r} names no version; fix: give WORKER=VERSION_ID")

    @property
    def pinned(self) -> tuple[str, str] | None:
        """Worker and version id that every request is pinned to."""
        found = _PIN.fullmatch(self.pin or "")
        return (found[1], found[2]) if found else None

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries besides its own headers."""
        return {} if self.pinned is None else {OVERRIDES: '{}="{}"'.format(*self.pinned)}

    @classmethod
    def build(cls, option: Callable[[str], str | None], environ: Mapping[str, str] = os.environ) -> Settings | None:
        """Read each setting from its option, else from its variable; None when no URL was given at all.

        Raises ``TargetUnusable`` for a URL or a pin that cannot be one.
        """
        found = {name: option(name) or environ.get(variable) or None for name, variable in ENVIRONMENT.items()}
        url = found["url"]
        if url is None:
            return None
        return cls(root_of(url), **{name: value for name, value in found.items() if name != "url"})


def root_of(url: str) -> str:
    """The proxy's root for either of the two addresses people have: with or without the client's ``/v1``.

    Raises ``TargetUnusable`` naming what is wrong with it; user names and queries may hold secrets and are refused.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TargetUnusable(f"the URL {url!r} is no http(s) address; fix: give e.g. https://edge.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise TargetUnusable(
            f"the URL of {parts.hostname} holds a user name, a query or a fragment; "
            "fix: give scheme, host and path only, and the key by EDGE_API_KEY"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"
