"""The port where Workers answer: passes connections on to the workerd of the moment.

Why workerd does not listen itself: over TCP it does not notice a caller who closes his connection before the
answer begins (a FIN alone is no hang-up to it; seen with 1.20261117.1). Here a caller's end of file closes the
connection to workerd, which is a unix socket, and of that workerd is told at once.

It also makes a swap safe for connections that are kept alive: what a draining workerd closes unanswered is sent
again to its successor.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from dataclasses import dataclass
from pathlib import Path

from edgewright.localcloud.loop import LoopThread

MOST_RESENT = 256 * 1024  # bytes of an unanswered request that are kept to be sent again


@dataclass
class Backend:
    """A workerd's socket. ``draining``: it ends what it has begun and drops the rest untouched."""

    path: Path
    draining: bool = False


class Front:
    """Connections wait while there is no backend."""

    def __init__(self, thread: LoopThread, listening: socket.socket) -> None:
        self._thread = thread
        self._listening = listening
        self._backend: Backend | None = None
        self._changed = asyncio.Event()
        self._clients: set[_Client] = set()
        self._server = thread.run(self._serve())

    def lead_to(self, backend: Backend | None) -> None:
        """From now on connections go there, or wait. The backend before is about to be told to end."""
        self._thread.run(self._lead_to(backend))

    def close(self) -> None:
        """Close the port and every connection."""
        self._thread.run(self._close())

    async def backend(self) -> Backend:
        """The backend of the moment, waited for."""
        while self._backend is None:
            self._changed.clear()
            await self._changed.wait()
        return self._backend

    async def _serve(self) -> asyncio.Server:
        return await self._thread.loop.create_server(self._accept, sock=self._listening)

    def _accept(self) -> _Client:
        client = _Client(self)
        self._clients.add(client)
        return client

    def forget(self, client: _Client) -> None:
        """A connection has ended."""
        self._clients.discard(client)

    async def _lead_to(self, backend: Backend | None) -> None:
        if self._backend is not None:
            self._backend.draining = True
        self._backend = backend
        self._changed.set()

    async def _close(self) -> None:
        self._server.close()
        for client in list(self._clients):
            client.abort()
        await asyncio.sleep(0)


class _Client(asyncio.Protocol):
    """A caller's connection, and the one to workerd that serves it."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._transport: asyncio.Transport | None = None
        self._upstream: _Upstream | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._unanswered = bytearray()
        self._resendable = True
        self._ends_with_answer = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._unanswered:
            self._look_at(data)
        self._unanswered += data
        if self._upstream is not None:
            self._upstream.write(data)
            if len(self._unanswered) > MOST_RESENT:
                self._unanswered.clear()
                self._resendable = False
        elif self._connecting is None:
            self._connect()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._front.forget(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.abort()

    def pause_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.pause(True)

    def resume_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.pause(False)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self, paused: bool) -> None:
        """Stop or go on reading from the caller."""
        if self._transport is not None and not self._transport.is_closing():
            if paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def answered(self, data: bytes) -> None:
        """workerd sent something: what was asked before has arrived there."""
        self._unanswered.clear()
        self._resendable = True
        if self._transport is not None:
            self._transport.write(data)

    def upstream_lost(self, backend: Backend) -> None:
        """workerd closed its side."""
        self._upstream = None
        if self._transport is None:
            return
        if not backend.draining or self._ends_with_answer or not self._resendable:
            self._transport.close()
        elif self._unanswered:
            self._connect()

    def _look_at(self, data: bytes) -> None:
        """Whether the caller expects the connection to end with the answer (HTTP/1.0), or it stops being HTTP."""
        head = data.split(b"\r\n\r\n", 1)[0].lower()
        if b"http/1.0\r\n" in head or b"\r\nupgrade:" in head or b"\r\nconnection: close" in head:
            self._ends_with_answer = True

    def _connect(self) -> None:
        self.pause(True)
        self._connecting = asyncio.ensure_future(self._connected())

    async def _connected(self) -> None:
        loop = asyncio.get_running_loop()
        while self._upstream is None:
            backend = await self._front.backend()
            try:
                _, upstream = await loop.create_unix_connection(
                    functools.partial(_Upstream, self, backend), str(backend.path)
                )
            except OSError:
                # It has gone since; its successor, or the news that there is none yet, comes from the supervisor.
                await asyncio.sleep(0.01)
                continue
            self._upstream = upstream
        self._connecting = None
        self._upstream.write(bytes(self._unanswered))
        self.pause(False)


class _Upstream(asyncio.Protocol):
    """A connection to workerd."""

    def __init__(self, client: _Client, backend: Backend) -> None:
        self._client = client
        self._backend = backend
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._client.answered(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._client.upstream_lost(self._backend)

    def pause_writing(self) -> None:
        self._client.pause(True)

    def resume_writing(self) -> None:
        self._client.pause(False)

    def write(self, data: bytes) -> None:
        """Send to workerd."""
        if self._transport is not None:
            self._transport.write(data)

    def pause(self, paused: bool) -> None:
        """Stop or go on reading from workerd."""
        if self._transport is not None and not self._transport.is_closing():
            if paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once: workerd sees that the caller has gone."""
        if self._transport is not None:
            self._transport.abort()
