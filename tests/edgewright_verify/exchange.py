"""One request and its answer, with the time at which every piece of it came."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

DEADLINE_SECONDS = 180.0
"""An exchange ends here whatever the target does, so that a check always ends."""


@dataclass(frozen=True)
class Read:
    """Bytes handed over at once; ``at`` is in seconds since the request began."""

    at: float
    data: bytes


@dataclass(frozen=True)
class Exchange:
    """What was sent and what came back. ``status`` is None when no answer came; ``error`` says why it ended early.

    ``sent`` is the request body, or a note in angle brackets where the body is too big to keep.
    """

    method: str
    url: str
    request_headers: dict[str, str] = field(repr=False)
    sent: str | None
    status: int | None
    headers: httpx.Headers = field(repr=False)
    reads: tuple[Read, ...] = field(repr=False)
    headers_at: float | None
    seconds: float
    error: str | None

    @property
    def body(self) -> bytes:
        return b"".join(read.data for read in self.reads)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def media_type(self) -> str:
        content_type: str = self.headers.get("content-type", "")
        return content_type.split(";")[0].strip().lower()

    def error_field(self, name: str) -> Any:
        """A field of the OpenAI error object ``{"error": {...}}``, or None."""
        body = self.json
        error = body.get("error") if isinstance(body, dict) else None
        return error.get(name) if isinstance(error, dict) else None


def send(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | Iterator[bytes] | None = None,
    note: str | None = None,
    leave_after_first: bool = False,
) -> Exchange:
    """Send one request and read the answer as it comes; network failures are recorded, never raised.

    ``note`` stands for an iterator's body in the record; ``leave_after_first`` closes the connection after the first
    piece of the body, as a caller does who goes away.
    """
    began = time.perf_counter()
    status: int | None = None
    answer_headers = httpx.Headers()
    headers_at: float | None = None
    error: str | None = None
    reads: list[Read] = []
    raw_headers = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
    try:
        with client.stream(method, url, headers=raw_headers, content=content) as response:
            status, answer_headers = response.status_code, response.headers
            headers_at = time.perf_counter() - began
            for data in response.iter_bytes():
                reads.append(Read(time.perf_counter() - began, data))
                if leave_after_first:
                    break
                if reads[-1].at > DEADLINE_SECONDS:
                    error = f"still answering after {DEADLINE_SECONDS:.0f} s"
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        error = f"{type(failure).__name__}: {failure}".rstrip(": ")
    sent = content.decode("utf-8", "replace") if isinstance(content, bytes) else note
    seconds = time.perf_counter() - began
    return Exchange(method, url, dict(headers), sent, status, answer_headers, tuple(reads), headers_at, seconds, error)
