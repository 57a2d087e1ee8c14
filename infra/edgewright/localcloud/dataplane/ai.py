"""Workers AI as the ``env.AI`` class speaks it (local-cloud facts 3): plays the scripts of the models."""

from __future__ import annotations

import asyncio
import json
import uuid

from aiohttp import web

from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.models.calls import ModelCall
from edgewright.localcloud.models.prompt import InvalidDataError
from edgewright.localcloud.models.script import Refusal, Script
from edgewright.localcloud.models.scripted import ScriptedModels

_RUN = {"/run", "/ai-gateway/run"}


class AiService:
    """``POST /run`` with the model in a header and ``{"inputs", "options"}``."""

    def __init__(self, models: ScriptedModels) -> None:
        self._models = models

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call, logged with its end."""
        if request.method != "POST" or request.path not in _RUN:
            return _refused(Refusal(5007), f"{request.method} {request.path}")
        name = request.headers.get("cf-consn-model-id", "")
        body = json.loads(await request.read()).get("inputs") or {}
        call = self._models.calls.begin(name, "run", body)
        try:
            response = await self._play(request, call, self._models.script(name, "run", body))
        except InvalidDataError as error:
            self._models.calls.end(call, "error")
            return _refused(Refusal(5004), name, str(error))
        except (asyncio.CancelledError, ConnectionError):
            self._models.calls.end(call, "cancelled")
            raise
        return response

    async def _play(self, request: web.Request, call: ModelCall, script: Script) -> web.StreamResponse:
        log = self._models.calls
        if script.refusal is not None:
            log.end(call, "error")
            return _refused(script.refusal, call.model)
        response = web.StreamResponse(headers={"content-type": script.content_type, "cf-ai-req-id": str(uuid.uuid4())})
        for step in script.steps:
            await asyncio.sleep(step.wait)
            if not response.prepared:
                await response.prepare(request)
            await response.write(step.data)
            log.sent(call, step.tokens)
        if script.ending == "stall":
            await asyncio.Event().wait()
        log.end(call, "done" if script.ending == "done" else "error")
        if script.ending == "reset" and request.transport is not None:
            request.transport.abort()
        return response


def _refused(refusal: Refusal, model: str, detail: str = "") -> web.Response:
    failure = EnvelopeError("ai", refusal.code, model=model, detail=detail)
    body = {"internalCode": failure.code, "name": refusal.name, "description": str(failure)}
    headers = {**refusal.headers, "content-type": "application/json", "cf-ai-req-id": str(uuid.uuid4())}
    return web.Response(status=failure.status, body=json.dumps(body).encode(), headers=headers)
