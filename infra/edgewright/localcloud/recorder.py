"""The log of API requests, without their secrets."""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import Any

from werkzeug import Request, Response

REDACTED = "[redacted]"
MOST = 2000  # requests kept

_SECRET_HEADERS = {"authorization", "x-auth-key", "x-auth-user-service-key", "cookie"}
_SECRET_FIELDS = {"text", "key_base64", "key_jwk", "api_key", "token", "password"}


class Recorder:
    """The last requests, and how often a route was missing."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=MOST)
        self.not_found: Counter[str] = Counter()

    def note(self, request: Request, path: str, response: Response, started: float, took: float) -> None:
        """Keep one request; ``started`` on the account's clock, ``took`` in seconds."""
        self._entries.append(
            {
                "method": request.method,
                "path": path,
                "query": request.query_string.decode("ascii", "replace"),
                "headers": _headers(request),
                "body": body_of(request.mimetype, request.get_data()),
                "status": response.status_code,
                "started": started,
                "took_ms": round(took * 1000, 3),
            }
        )

    def entries(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self.not_found.clear()


def body_of(mimetype: str, data: bytes) -> Any:
    """JSON with its secrets redacted and code shortened; the size of anything else, as values may be anything."""
    if mimetype == "application/json":
        try:
            return redact(json.loads(data))
        except ValueError:
            pass
    return f"{len(data)} bytes" if data else None


def redact(value: Any) -> Any:
    """A copy in which the text of every binding but ``plain_text`` is hidden."""
    if isinstance(value, list):
        return [redact(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _redact_field(key, item, value.get("type")) for key, item in value.items()}


def _redact_field(key: str, item: Any, kind: Any) -> Any:
    if key in _SECRET_FIELDS and not isinstance(item, dict | list) and not (key == "text" and kind == "plain_text"):
        return REDACTED
    if key == "key_jwk":
        return REDACTED
    if key == "content_base64" and isinstance(item, str):
        return f"{len(item)} characters"
    return redact(item)


def _headers(request: Request) -> dict[str, str]:
    return {
        name.lower(): REDACTED if name.lower() in _SECRET_HEADERS else value for name, value in request.headers.items()
    }
