"""A thousand open sockets of conversations: what they weigh, and how late a word is. ``make bench-sockets``.

Each socket is one conversation's, in an object of its own. Memory is workerd's, as a difference to the same workerd
before any was open. How late a word is: from the upstream's write to the client's read, for a stream over a socket and
for the same stream as server-sent events, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web
from run import KEY, OBJECTS, Served, serving

WORDS = 50
PACE_SECONDS = 0.02
BATCH = 100
"""Sockets that are opened at once."""

HEADERS = {"authorization": f"Bearer {KEY}"}


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One event of an upstream's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


async def answer(request: web.Request) -> web.StreamResponse:
    """A stream whose words are the moments at which they were written."""
    await request.read()
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for _ in range(WORDS):
        await response.write(chunk({"content": f"{time.perf_counter_ns()} "}))
        await asyncio.sleep(PACE_SECONDS)
    await response.write(chunk({}, "stop") + b"data: [DONE]\n\n")
    return response


def body(talk: str | None = None) -> dict[str, object]:
    """A chat request for a stream."""
    named = {"conversation": talk} if talk else {}
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": "go"}], **named}


def late(text: str) -> float:
    """Milliseconds since a word was written."""
    return (time.perf_counter_ns() - int(text)) / 1e6


async def over_socket(http: aiohttp.ClientSession, url: str, talk: str) -> list[float]:
    """How late each word of one turn is, over a socket."""
    found: list[float] = []
    async with http.ws_connect(f"{url}/v1/conversations/{talk}/socket", headers=HEADERS) as socket:
        await socket.send_json({"type": "start", **body()})
        async for message in socket:
            frame = json.loads(message.data)
            if frame["type"] == "delta":
                found.append(late(frame["text"]))
            if frame["type"] == "done":
                break
    return found


async def over_events(http: aiohttp.ClientSession, url: str, talk: str | None) -> list[float]:
    """The same as server-sent events."""
    found: list[float] = []
    async with http.post(f"{url}/v1/chat/completions", json=body(talk), headers=HEADERS) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"].get("content")
                found += [late(word) for word in (delta or "").split()[-1:]]
    return found


async def open_sockets(http: aiohttp.ClientSession, served: Served, count: int) -> list[float]:
    """Opens ``count`` sockets, prints what they weigh, and returns how late words are beside them, milliseconds."""
    before, sockets, opened = served.memory_mib, [], []

    async def one(number: int) -> None:
        started = time.perf_counter()
        socket = await http.ws_connect(f"{served.url}/v1/conversations/open-{number}/socket", headers=HEADERS)
        await socket.send_str("ping")
        await socket.receive()
        opened.append((time.perf_counter() - started) * 1000)
        sockets.append(socket)

    for start in range(0, count, BATCH):
        await asyncio.gather(*(one(number) for number in range(start, min(start + BATCH, count))))
    weight = served.memory_mib - before
    spoken = await over_socket(http, served.url, "open-0")
    for socket in sockets:
        await socket.close()
    print(f"{count} sockets open: {weight:.1f} MiB more ({weight * 1024 / count:.0f} KiB each);")
    print(f"opened in {statistics.median(opened):.1f} ms (p50, {BATCH} at once)")
    return spoken


async def measure(count: int) -> None:
    """Everything, once."""
    upstream = web.AppRunner(web.Application())
    upstream.app.router.add_post("/v1/chat/completions", answer)
    await upstream.setup()
    site = web.TCPSite(upstream, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    connector = aiohttp.TCPConnector(limit=0)
    with (
        tempfile.TemporaryDirectory(prefix="edgewright-bench-") as name,
        serving(Path(name, "w"), OBJECTS[1], port) as served,
    ):
        async with aiohttp.ClientSession(connector=connector) as http:
            await over_events(http, served.url, None)
            rows = {
                "server-sent events, no conversation": await over_events(http, served.url, None),
                "server-sent events, a turn": await over_events(http, served.url, "turn"),
                "a socket": await over_socket(http, served.url, "socket"),
            }
            rows[f"a socket, {count} others open"] = await open_sockets(http, served, count)
    await upstream.cleanup()
    print("\n| a word over | p50 ms | p95 ms |\n| --- | ---: | ---: |")
    for label, found in rows.items():
        print(f"| {label} | {statistics.median(found):.2f} | {statistics.quantiles(found, n=20)[18]:.2f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1_000)
    asyncio.run(measure(parser.parse_args().sockets))


if __name__ == "__main__":
    main()
