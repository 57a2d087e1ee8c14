"""The data plane's HTTP server."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from edgewright.localcloud.account import Account
from edgewright.localcloud.dataplane.ai import AiService
from edgewright.localcloud.dataplane.analytics import AnalyticsSink
from edgewright.localcloud.dataplane.kv import KvService
from edgewright.localcloud.loop import LoopThread
from edgewright.localcloud.models.scripted import ScriptedModels

MOST_BODY = 100 * 1024 * 1024  # bytes; over KV's 25 MiB, so that the limit is told by KV itself

BACKLOG = 4_096  # connections that wait: a burst of data points is lost where it finds no room


class DataPlane:
    """Serves until ``close``; calls that are running then are cancelled."""

    def __init__(self, thread: LoopThread, account: Account, models: ScriptedModels, socket: Path) -> None:
        self.kv = KvService(account)
        self.points = AnalyticsSink(account)
        self._services = {"ai": AiService(models).handle, "analytics": self.points.handle}
        self._thread = thread
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_route("*", "/{path:.*}", self._dispatch)
        # Cancellation tells a handler at once that the Worker, and so its caller, has gone.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        thread.run(self._start(socket))

    def close(self) -> None:
        """Stop serving."""
        self._thread.run(self._runner.cleanup())

    async def _start(self, socket: Path) -> None:
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket), backlog=BACKLOG).start()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        namespace = request.headers.get("x-local-kv")
        if namespace is not None:
            return await self.kv.handle(request, namespace)
        service = self._services.get(request.headers.get("x-local-service", ""))
        if service is None:
            return web.Response(status=404, text="no such service")
        return await service(request)
