"""Callers who read slowly, pause, half-close or leave: a raw connection, so that what they do is exactly that."""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from edgewright_verify.exchange import Exchange, Read
from edgewright_verify.failures import not_applicable
from edgewright_verify.target import CHAT, Target

SMALL_BUFFER = 4_096
"""What the kernel may hold for a caller who does not read; the smallest that all systems accept."""


class RawCaller:
    """One chat request on a connection of its own; a context manager."""

    def __init__(self, target: Target, patience: float, **body: Any) -> None:
        self._address = urlsplit(target.settings.url)
        self._patience = patience
        self._received = bytearray()
        self._url = target.settings.url + CHAT
        self._content = json.dumps(body)
        self._headers = {"content-type": "application/json", "accept": "application/json", **target.settings.headers}
        if target.settings.key is not None:
            self._headers["authorization"] = f"Bearer {target.settings.key}"

    def __enter__(self) -> RawCaller:
        secure = self._address.scheme == "https"
        port = self._address.port or (443 if secure else 80)
        plain = socket.socket(
            socket.AF_INET6 if ":" in (self._address.hostname or "") else socket.AF_INET, socket.SOCK_STREAM
        )
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)  # before connecting: it bounds the window
        plain.settimeout(self._patience)
        plain.connect((self._address.hostname, port))
        context = ssl.create_default_context()
        self._socket = context.wrap_socket(plain, server_hostname=self._address.hostname) if secure else plain
        first = [f"POST {self._address.path}{CHAT} HTTP/1.1", f"Host: {self._address.netloc}"]
        lines = [*first, *(f"{name}: {value}" for name, value in self._headers.items())]
        lines += [f"Content-Length: {len(self._content)}", "Connection: close", "", ""]
        self._began = time.perf_counter()
        self._socket.sendall(("\r\n".join(lines) + self._content).encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def read(self, size: int) -> bool:
        """Take at most ``size`` bytes; False at the end of the connection or when the patience is over."""
        try:
            data = self._socket.recv(size)
        except OSError:
            return False
        self._received += data
        return bool(data)

    def read_until(self, words: bytes) -> bool:
        """Read on until these bytes have come."""
        while words not in self._received:
            if not self.read(1_024):
                return False
        return True

    def read_all(self, size: int = 65_536, pause: float = 0.0) -> None:
        """Read to the end, ``size`` bytes at a time."""
        while self.read(size):
            time.sleep(pause)

    def leave(self) -> float:
        """Close the connection; returns the time at which that began."""
        left = time.time()
        self._socket.close()
        return left

    def half_close(self) -> float:
        """Say that nothing more will be sent, and stay to read; returns the time."""
        if self._address.scheme == "https":
            not_applicable("TLS knows no half-closed connection")
        left = time.time()
        self._socket.shutdown(socket.SHUT_WR)
        return left

    def exchange(self) -> Exchange:
        """What was sent, and what came of the answer so far, for a judgement and as its evidence."""
        seconds = time.perf_counter() - self._began
        response = http.client.HTTPResponse(cast(socket.socket, _Replay(bytes(self._received))), method="POST")
        status: int | None = None
        headers, body, error = httpx.Headers(), b"", None
        try:
            response.begin()
            status, headers = response.status, httpx.Headers(response.getheaders())
            body = response.read()
        except http.client.IncompleteRead as cut:
            body, error = cut.partial, "the connection ended within the answer"
        except http.client.HTTPException as nothing:
            error = f"{type(nothing).__name__}: {nothing}"
        reads = (Read(seconds, body),)
        return Exchange("POST", self._url, self._headers, self._content, status, headers, reads, None, seconds, error)


class _Replay:
    """What was received, in the place of the socket that ``http.client`` reads from."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)
