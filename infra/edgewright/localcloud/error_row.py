"""One row of the error table."""

from __future__ import annotations

from typing import Literal, NamedTuple

Source = Literal["documented", "reported", "third party", "ours"]

SOURCES: dict[Source, str] = {
    "documented": "Cloudflare's documentation, OpenAPI description or clients name the code",
    "reported": "logs and issues of its users show it",
    "third party": "error maps of other tools name it; plausible, not confirmed",
    "ours": "no source is known: the local cloud had to choose one, so that nothing should rely on it",
}
"""What vouches for a code (marks of cloudflare-api facts: D; V and I; T; none)."""


class Row(NamedTuple):
    """HTTP status and message; ``{names}`` in the message are filled by who raises it.

    ``source`` vouches for the code; ``assumed`` names what it leaves open: ``status``, ``text``, or both.
    """

    status: int
    message: str
    source: Source
    assumed: str = ""
