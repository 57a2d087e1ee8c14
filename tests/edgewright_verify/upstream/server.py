"""The HTTP side: raw sockets, because resets, cuts and half-written bodies are what it is for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edgewright_verify.upstream.calls import CallLog
from edgewright_verify.upstream.faults import FAULTS, Memory
from edgewright_verify.upstream.script import Ask, Reply

MOST_HEAD_BYTES = 65_536
GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes

    def json(self) -> dict[str, Any] | None:
        try:
            body = json.loads(self.body)
        except ValueError:
            return None
        return body if isinstance(body, dict) else None


class ScriptedUpstream:
    """The upstream in a thread of its own, a context manager.

    Every scripted time is multiplied by ``scale``: a silence of 30 s at 0.02 takes 0.6 s.
    """

    def __init__(self, scale: float = 1.0, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.scale = scale
        self.log = CallLog()
        self._host, self._port = host, port
        self._memory = Memory()
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="scripted-upstream", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """What OpenAI clients call the base URL."""
        return f"{self.url}/v1"

    def __enter__(self) -> ScriptedUpstream:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._accept, self._host, self._port, limit=MOST_HEAD_BYTES)
        except OSError as failure:
            self._failure = failure
            self._ready.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One request; a connection serves one, so that its end says that its caller has gone."""
        try:
            request = await _read(reader)
            if request.method == "POST" and request.path.endswith("/chat/completions"):
                await self._chat(request, reader, writer)
            else:
                status, body = self._manage(request)
                writer.write(_plain(status, body))
                await writer.drain()
        except GONE:
            pass
        finally:
            writer.close()
            with contextlib.suppress(*GONE):
                await writer.wait_closed()

    async def _chat(self, request: _Request, reader: StreamReader, writer: StreamWriter) -> None:
        ask = Ask.read(request.json() or {})
        fault = FAULTS.get(ask.model)
        if fault is None:
            error = {"message": f"no model {ask.model!r}", "type": "invalid_request_error", "code": "model_not_found"}
            writer.write(_plain(404, {"error": error}))
            return
        call = self.log.begin(ask.model, ask.stream, ask.messages)
        reply = Reply(ask, call, writer, self.scale)
        playing = asyncio.ensure_future(fault.play(reply, self._memory))
        leaving = asyncio.ensure_future(_end_of(reader))
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and playing.exception() is None:
                call.end(reply.outcome)
        finally:
            call.end("cancelled")
            for task in (playing, leaving):
                task.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)

    def _manage(self, request: _Request) -> tuple[int, Any]:
        match request.method, request.path:
            case "GET", "/wall":
                return 200, {"scale": self.scale, "now": time.time(), "models": list(FAULTS)}
            case "GET", "/wall/calls":
                return 200, self.log.listed("".join(request.query.get("containing", [])))
            case "DELETE", "/wall/calls":
                self.log.clear()
                return 200, {}
            case "POST", "/wall/reset":
                self._memory = Memory()
                return 200, {}
            case "GET", path if path.endswith("/models"):
                entries = [{"id": name, "object": "model", "created": 1, "owned_by": "wall"} for name in FAULTS]
                return 200, {"object": "list", "data": entries}
        return 404, {"error": {"message": f"nothing at {request.path}", "type": "invalid_request_error", "code": None}}


async def _end_of(reader: StreamReader) -> None:
    """Until the caller has gone, by an end of file or by a reset."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(MOST_HEAD_BYTES):
            pass


async def _read(reader: StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length") or 0))
    parts = urlsplit(target)
    return _Request(method, parts.path, parse_qs(parts.query), body)


async def _chunks(reader: StreamReader) -> bytes:
    pieces = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)


def _plain(status: int, body: Any) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data
