"""Refusals of the SQL API: plain text without an envelope (cloudflare-api facts 8.2)."""

from __future__ import annotations


class SqlError(Exception):
    """``status`` 400: no query; 422: a query that this dialect does not know, or that means nothing."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(f"Input was invalid: {detail}" if status == 422 else detail)
        self.status = status
