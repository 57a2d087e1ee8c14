"""The model behind the soak: answers in OpenAI's shape, or misbehaves as the request's ``user`` says; and a KV."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict

from aiohttp import web

MOST_VALUES = 2_000
SILENCE = 60.0
"""Longer than any limit that the Worker has."""


def text_for(prompt: str) -> list[str]:
    """The words of the one right answer to a prompt."""
    return [f"{prompt}:{word} " for word in range(20)]


class Upstream:
    """``active``: calls that are being answered now; a call whose caller leaves ends."""

    def __init__(self) -> None:
        self.active = 0
        self.calls = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()

    def application(self) -> web.Application:
        """The server; KV is told apart by the header that workerd puts in."""
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_route("*", "/{key:.*}", self._kv)
        return application

    async def _kv(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if request.method == "PUT":
            self._values[key] = await request.read()
            if len(self._values) > MOST_VALUES:
                self._values.popitem(last=False)
            return web.Response()
        held = self._values.get(key)
        return web.Response(status=404) if held is None else web.Response(body=held)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        self.active += 1
        try:
            asked = await request.json()
            deeds = asked["user"].split(",")
            deed = deeds[0 if asked["model"] == "first" else 1]
            return await _answer(request, asked, deed)
        except ConnectionResetError:
            return web.Response()  # nobody is there to read it
        finally:
            self.active -= 1


async def _answer(request: web.Request, asked: dict, deed: str) -> web.StreamResponse:
    if deed == "error_500":
        return web.json_response({"error": {"message": "broken"}}, status=500)
    if deed == "rate_limited":
        return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0"})
    if deed == "silent":
        await asyncio.sleep(SILENCE)
    if deed == "reset":
        request.transport.abort()
        return web.Response()
    if deed == "garbage":
        return web.Response(text="<html>", content_type="text/html")
    words = text_for(asked["messages"][-1]["content"])
    return await (_stream if asked.get("stream") else _whole)(request, words, deed)


async def _whole(request: web.Request, words: list[str], deed: str) -> web.StreamResponse:
    message = {"role": "assistant", "content": "".join(words)}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    if deed == "slow":
        await asyncio.sleep(0.2)
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(request)
    if deed in ("fine", "slow"):
        await response.write(body)
        return response
    await response.write(body[: len(body) // 2])
    await _break(request, deed)
    return response


async def _stream(request: web.Request, words: list[str], deed: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for place, word in enumerate(words):
        await response.write(_event({"content": word}))
        if deed == "slow":
            await asyncio.sleep(0.02)
        if place == 5 and deed not in ("fine", "slow"):
            await _break(request, deed)
            return response
    await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
    return response


async def _break(request: web.Request, deed: str) -> None:
    if deed == "stall":
        await asyncio.sleep(SILENCE)
    if deed == "reset_midway":
        await asyncio.sleep(0.05)  # so that what was written leaves before the reset
        request.transport.abort()


def _event(delta: dict, finish: str | None = None) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n".encode()
