"""One row of the error table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """HTTP status and message; ``{names}`` in the message are filled by who raises it."""

    status: int
    message: str
