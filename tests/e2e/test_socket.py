"""Conversations over WebSockets on the deployed Worker: real sockets, objects in workerd, runtimes that are killed."""

import asyncio
import json
import random

import aiohttp
import httpx
import pytest
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT

from .stage import KEY, Stage, fresh

AUTHORISED = {"authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sockets")
    with ScriptedUpstream(0.05) as upstream, Stage(folder, upstream, cors={"origins": ["https://app.example"]}) as made:
        yield made


class Talk:
    """A client of one conversation: its frames, and what it has seen."""

    def __init__(self, stage, conversation):
        self.stage, self.conversation, self.frames, self.last = stage, conversation, [], 0

    async def __aenter__(self):
        self.session = aiohttp.ClientSession(headers=AUTHORISED)
        await self.open()
        return self

    async def __aexit__(self, *why):
        await self.session.close()

    async def open(self):
        self.socket = await self.session.ws_connect(f"{self.stage.url}/v1/conversations/{self.conversation}/socket")

    def cut(self):
        """The connection is gone, without a word."""
        self.socket._response.connection.transport.abort()

    async def say(self, **frame):
        await self.socket.send_str(json.dumps(frame))

    async def start(self, text, **more):
        await self.say(type="start", messages=[{"role": "user", "content": text}], **more)

    async def frame(self):
        """The next frame; an event's number must follow the last one's."""
        found = json.loads(await asyncio.wait_for(self.socket.receive_str(), 20))
        if "seq" in found and found["type"] not in ("done", "paused"):
            assert found["seq"] == self.last + 1
            self.last = found["seq"]
        self.frames.append(found)
        return found

    async def until(self, kind):
        while (found := await self.frame())["type"] != kind:
            pass
        return found

    @property
    def text(self):
        return "".join(frame["text"] for frame in self.frames if frame["type"] == "delta")


def played(scene):
    return asyncio.run(scene())


def test_a_turn_streams_over_the_socket(stage):
    async def scene():
        async with Talk(stage, fresh()) as talk:
            await talk.start("hello", id="mine")
            assert (await talk.frame())["id"] == "mine"
            assert (await talk.until("done"))["status"] == "completed"
            assert talk.text == TEXT
            usage = next(frame["usage"] for frame in talk.frames if frame["type"] == "usage")
            assert usage["completion_tokens"] == 60
            await talk.socket.send_str("ping")
            assert await talk.socket.receive_str() == "pong"

    played(scene)


@pytest.mark.parametrize("seed", range(4))
def test_a_connection_cut_anywhere_loses_and_doubles_nothing(stage, seed):
    chance = random.Random(seed)

    async def scene():
        async with Talk(stage, fresh()) as talk:
            await talk.start(f"cut {talk.conversation}", model="slow")
            for _ in range(5):
                for _ in range(chance.randrange(1, 12)):
                    await talk.frame()
                talk.cut()
                await talk.open()
                await talk.say(type="resume", starting_after=talk.last)
            await talk.until("done")
            assert talk.text == TEXT
            assert len(stage.calls(talk.conversation)) == 1

    played(scene)


def test_a_killed_runtime_is_told_as_an_interrupted_run(stage):
    async def scene():
        async with Talk(stage, fresh()) as talk:
            await talk.start("hello", model="slow")
            while "w5" not in talk.text:
                await talk.frame()
            await asyncio.to_thread(stage.kill)
            await talk.open()
            await talk.say(type="resume", starting_after=talk.last)
            assert (await talk.until("error"))["code"] == "run_interrupted"
            assert (await talk.frame())["status"] == "interrupted"
            assert TEXT.startswith(talk.text.strip())
            await talk.start("again")
            await talk.until("done")
            assert talk.text.endswith(TEXT)

    played(scene)


def test_a_reader_that_acknowledges_nothing_is_paused_and_misses_nothing(stage):
    turns = 20

    async def scene():
        async with Talk(stage, fresh()) as talk:
            for number in range(turns):
                await talk.start(f"turn {number}")
            while sum(frame["type"] == "done" for frame in talk.frames) < turns:
                if (await talk.frame())["type"] == "paused":
                    await talk.say(type="ack", seq=talk.last)
            assert "paused" in {frame["type"] for frame in talk.frames}
            assert talk.text == TEXT * turns

    played(scene)


def test_a_page_opens_a_socket_with_a_ticket_once(stage):
    conversation = fresh()
    address = f"{stage.url}/v1/conversations/{conversation}/socket"
    made = stage.http.post(f"/conversations/{conversation}/tickets")
    assert made.status_code == 201
    protocols = ("edgewright", f"ticket.{made.json()['ticket']}")

    async def scene():
        async with aiohttp.ClientSession(headers={"origin": "https://app.example"}) as session:
            async with session.ws_connect(address, protocols=protocols) as socket:
                assert socket.protocol == "edgewright"
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(address, protocols=protocols)
            assert caught.value.status == 401

    played(scene)


def test_another_origin_and_another_tenants_conversation(stage):
    async def scene():
        address = f"{stage.url}/v1/conversations/{fresh()}/socket"
        async with aiohttp.ClientSession(headers={**AUTHORISED, "origin": "https://evil.example"}) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(address)
            assert caught.value.status == 403

    played(scene)
    assert httpx.get(f"{stage.url}/v1/conversations/x/socket", headers=AUTHORISED).status_code == 426


def test_a_new_version_ends_open_sockets_and_they_resume(stage):
    async def scene():
        async with Talk(stage, fresh()) as talk:
            await talk.start("hello")
            await talk.until("done")
            await asyncio.to_thread(stage.deploy, limits={"max_messages": random.randrange(10, 1_000)})
            assert (await asyncio.wait_for(talk.socket.receive(), 20)).type in (
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.ERROR,
            )
            await talk.open()
            await talk.say(type="resume", starting_after=talk.last)
            await talk.start("again")
            await talk.until("done")
            while talk.text != TEXT + TEXT:
                await talk.frame()

    played(scene)
