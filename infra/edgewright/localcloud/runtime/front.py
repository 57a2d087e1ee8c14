"""The socket that callers see: passes bytes on to workerd, and tells it at once when a caller has gone.

workerd takes the end of a caller's half of a connection for a half-close and goes on; Cloudflare's edge does not.
So a connection whose caller has ended is cut here, which workerd notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

CHUNK = 65_536
CONNECT_SECONDS = 10.0


class Front:
    """Serves ``listener`` on ``loop``; every connection gets its own to the unix socket ``path`` of workerd."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, path: Path) -> None:
        self._loop = loop
        self._listener = listener
        self._path = str(path)
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Begin to accept."""
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    def stop(self) -> None:
        """Stop accepting and cut what is open."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._connection, sock=self._listener, limit=CHUNK)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in [task for task in others if task.get_coro().__qualname__.startswith("Front.")]:  # type: ignore[union-attr]
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await self._workerd()
        except OSError:
            writer.transport.abort()
            return
        ends = [
            asyncio.ensure_future(_pump(reader, inner_writer)),
            asyncio.ensure_future(_pump(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if ends[1].done():
                # workerd has said all: let the caller read it to the end.
                with contextlib.suppress(OSError):
                    writer.close()
                    await writer.wait_closed()
        finally:
            for end in ends:
                end.cancel()
            inner_writer.transport.abort()
            writer.transport.abort()

    async def _workerd(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to workerd; while it is being swapped, the caller waits."""
        deadline = self._loop.time() + CONNECT_SECONDS
        while True:
            try:
                return await asyncio.open_unix_connection(self._path, limit=CHUNK)
            except OSError:
                if self._loop.time() > deadline:
                    raise
                await asyncio.sleep(0.01)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
