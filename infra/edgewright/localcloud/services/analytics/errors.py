"""Refusals of the SQL API: plain text without an envelope (cloudflare-api facts 8.2)."""

from __future__ import annotations

from werkzeug import Response


class SqlError(Exception):
    """``status`` 400: no query; 422: a query that this dialect does not know, or that means nothing."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(f"Input was invalid: {detail}" if status == 422 else detail)
        self.status = status


def unauthorised() -> Response:
    """A token that is not known, or not for this account."""
    return plain("Authorization error", 403)


def plain(text: str, status: int) -> Response:
    """What is wrong, as this API says it."""
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")
