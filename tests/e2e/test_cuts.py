"""Random cuts of a stream that can be read again: nothing lost, nothing doubled. ``make cuts CUTS=10000`` for many."""

import asyncio
import os
import random
import secrets

import httpx
import pytest
from edgewright_verify.upstream import ScriptedUpstream

from .stage import KEY, Stage, fresh

CUTS = int(os.environ.get("CUTS", "200"))
READERS = 8


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    with ScriptedUpstream(0.01) as upstream, Stage(folder, upstream) as made:
        yield made


async def read(client, path, left, most):
    """Bytes of a stream until it ends or ``most`` of them have come; then the connection is cut."""
    got = b""
    async with client.stream("GET", path, headers={"last-event-id": str(left)}) as response:
        response.raise_for_status()
        async for part in response.aiter_raw():
            got += part
            if len(got) >= most:
                return got[:most], False
    return got, True


def resumable(got):
    """The whole frames of what came, and the number of the last that has one; what follows it is read again."""
    at = got.rfind(b"\n\nid: ")
    start = 0 if at < 0 else at + 2
    end = got.find(b"\n\n", start)
    if not got[start:].startswith(b"id: ") or end < 0:
        # The last numbered frame is not whole: the one before it counts.
        return resumable(got[:start]) if start else (b"", None)
    return got[: end + 2], int(got[start + 4 :].split(b"\n", 1)[0])


async def cut_and_resumed(client, path, chance):
    """A stream that is cut and resumed until its end: all of it, and how often it was cut."""
    text, last, cuts = b"", 0, 0
    while True:
        got, ended = await read(client, path, last, chance.randrange(1, 6_000))
        if ended:
            return text + got, cuts
        cuts += 1
        whole, number = resumable(got)
        if number is not None:
            text, last = text + whole, number


async def many(stage, seed):
    chance, cuts = random.Random(seed), 0
    limits = httpx.Limits(max_keepalive_connections=0)
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=stage.url, headers=headers, limits=limits, timeout=30) as client:
        while cuts < CUTS:
            talk = fresh("cuts")
            body = {"stream": True, "messages": [{"role": "user", "content": talk}]}
            async with client.stream(
                "POST", "/v1/chat/completions", json=body, headers={"x-conversation-id": talk}
            ) as answer:
                run = answer.headers["x-edge-run"]  # and leave: the run goes on
            path = f"/v1/conversations/{talk}/runs/{run}/events"
            found = await asyncio.gather(*(cut_and_resumed(client, path, chance) for _ in range(READERS)))
            whole = (await client.get(path)).content
            assert whole.endswith(b"data: [DONE]\n\n")
            assert {text for text, _ in found} == {whole}, f"seed {seed}"
            cuts += sum(count for _, count in found)
    return cuts


def test_a_stream_that_is_cut_at_random_is_whole(stage, record_property):
    seed = secrets.randbits(32)
    cuts = asyncio.run(many(stage, seed))
    record_property("cuts", cuts)
    assert cuts >= CUTS
