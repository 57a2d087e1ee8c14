"""What workerd calls: KV, Workers AI and the Analytics Engine sink, on one unix socket over the account's state."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
from aiohttp import web

from edgewright.localcloud.envelope import ApiFault
from edgewright.localcloud.services.ai.models import Script, events, reply, script
from edgewright.localcloud.services.kv.handlers import shown
from edgewright.localcloud.services.kv.models import expiry

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

SLOW_TOKEN_MS = 50


class DataPlane:
    """The server and what it saw: ``calls`` of models, ``points`` of Analytics Engine. Runs in a thread of its own."""

    def __init__(self, cloud: LocalCloud, path: Path) -> None:
        self._cloud = cloud
        self.path = path
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="edgewright-dataplane", daemon=True)
        self._runner: web.AppRunner | None = None
        self.pace = {"first_token_ms": 8.0, "token_ms": 8.0}
        self.kv_mode: dict[str, Any] = {"mode": "ok", "latency_ms": 0.0}
        self.calls: list[dict[str, Any]] = []
        self.points: list[dict[str, Any]] = []

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        self._await(self._serve())

    def stop(self) -> None:
        """Stop serving and end the thread."""
        if self._runner is not None:
            self._await(self._runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _serve(self) -> None:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        # Cancellation of a handler is how a model sees that its caller has gone.
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.path)).start()

    def client(self) -> httpx.Client:
        """A client of this server, for the API's own Workers AI endpoints."""
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.path)), timeout=120)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        namespace = request.headers.get("x-kv")
        try:
            if namespace:
                return await self._kv(request, namespace)
            if request.headers.get("x-svc") == "ae":
                self.points.append(await request.json())
                return web.Response()
            return await self._run_model(request)
        except ApiFault as fault:
            return web.Response(status=fault.status, reason=str(fault)[:200], text=str(fault))

    async def _kv(self, request: web.Request, namespace: str) -> web.Response:
        if self.kv_mode["mode"] == "fail":
            return web.Response(status=500, text="KV is failing")
        if self.kv_mode["mode"] == "slow":
            await asyncio.sleep(float(self.kv_mode["latency_ms"]) / 1000)
        kv, now, query = self._cloud.kv, self._cloud.account.now(), request.query
        key = unquote(request.raw_path.partition("?")[0][1:])
        if request.method == "PUT":
            at = expiry(query.get("expiration"), query.get("expiration_ttl"), now)
            kv.put(namespace, key, await request.read(), request.headers.get("CF-KV-Metadata"), at)
            return web.Response()
        if request.method == "DELETE":
            kv.delete(namespace, key)
            return web.Response()
        if request.method == "POST":
            asked = await request.json()
            return web.json_response({name: shown(kv.get(namespace, name), asked) for name in asked["keys"]})
        if not key:
            return self._list(
                namespace, query.get("prefix", ""), int(query.get("key_count_limit", 1000)), query.get("cursor", "")
            )
        found = kv.get(namespace, key)
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found.value, headers={"CF-KV-Metadata": found.metadata} if found.metadata else {})

    def _list(self, namespace: str, prefix: str, limit: int, cursor: str) -> web.Response:
        keys, following = self._cloud.kv.keys(namespace, prefix, limit, cursor)
        named = [{**key, **({"metadata": json.dumps(key["metadata"])} if "metadata" in key else {})} for key in keys]
        return web.json_response({"keys": named, "list_complete": not following, "cursor": following})

    async def _run_model(self, request: web.Request) -> web.StreamResponse:
        model = request.headers.get("cf-consn-model-id", "")
        inputs = (await request.json())["inputs"]
        planned = script(model, inputs, sum(call["model"] == model for call in self.calls))
        shaped = request.headers.get("x-shape") == "openai"
        planned.openai = planned.openai or shaped
        call: dict[str, Any] = {
            "id": len(self.calls) + 1,
            "model": model,
            "path": "chat" if shaped else "run",
            "stream": planned.stream,
            "body": inputs,
            "started": time.time(),
            "first_byte": None,
            "ended": None,
            "outcome": None,
            "tokens": 0,
        }
        self.calls.append(call)
        try:
            response = await self._perform(request, planned, call)
            call["outcome"] = call["outcome"] or "done"
            return response
        except (asyncio.CancelledError, ConnectionResetError):
            call["outcome"] = "cancelled"
            raise
        finally:
            call["ended"] = time.time()

    async def _perform(self, request: web.Request, planned: Script, call: dict[str, Any]) -> web.StreamResponse:
        if planned.refusal:
            call["outcome"] = "error"
            return refused(planned)
        if planned.fault == "reset":
            call["outcome"] = "error"
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if planned.fault == "silence":
            await asyncio.sleep(600)
        await asyncio.sleep(20 if planned.fault == "slow-first-token" else self.pace["first_token_ms"] / 1000)
        if planned.stream and planned.fault != "plain-json":
            return await self._stream(request, planned, call)
        pause = (SLOW_TOKEN_MS if planned.slow else self.pace["token_ms"]) / 1000
        await asyncio.sleep(pause * len(planned.tokens))
        call["first_byte"], call["tokens"] = time.time(), len(planned.tokens)
        # The binding takes an object only from exactly this content type.
        return web.Response(text=json.dumps(reply(planned)), headers={"Content-Type": "application/json"})

    async def _stream(self, request: web.Request, planned: Script, call: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "cf-ai-req-id": str(call["id"])})
        await response.prepare(request)
        pause = (SLOW_TOKEN_MS if planned.slow else self.pace["token_ms"]) / 1000
        made = events(planned)
        for place, data in enumerate(made):
            if place >= max(1, len(planned.tokens) // 2) and planned.fault in ("cut", "stall", "malformed"):
                return await self._break_off(request, response, planned.fault, call)
            if data == "[DONE]" and planned.fault == "no-done":
                break
            await response.write(f"data: {data}\n\n".encode())
            call["first_byte"] = call["first_byte"] or time.time()
            call["tokens"] += place < len(planned.tokens)
            if place < len(planned.tokens):
                await asyncio.sleep(pause)
        await response.write_eof()
        return response

    async def _break_off(
        self, request: web.Request, response: web.StreamResponse, fault: str, call: dict[str, Any]
    ) -> web.StreamResponse:
        call["outcome"] = "error"
        if fault == "stall":
            await asyncio.sleep(600)
        if fault == "malformed":
            await response.write(b"data: {not json\n\n")
        await response.write_eof()
        del request
        return response


def refused(planned: Script) -> web.Response:
    """A refusal as Workers AI's own error."""
    assert planned.refusal is not None
    status, code, name, description = planned.refusal
    headers = {"Retry-After": "0"} if planned.fault == "rate-limited" else {}
    body = {"internalCode": code, "name": name, "description": description}
    return web.json_response(body, status=status, headers=headers)
