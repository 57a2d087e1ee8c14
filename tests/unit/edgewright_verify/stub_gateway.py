"""A proxy that passes the whole wall, mid-stream continuation included, and that breaks it in one named way."""

import asyncio
import contextlib
import json
import threading
from urllib.parse import urlsplit

from edgewright_verify.probes.wall import IDLE_SECONDS, MODELS

ATTEMPTS = 2
NAMES = ("prompt_tokens", "completion_tokens", "total_tokens")


class Failed(Exception):
    """A call came to nothing; ``wait`` seconds are to pass before the same target is asked again."""

    def __init__(self, reason, *, again=False, wait=0.0):
        super().__init__(reason)
        self.again, self.wait = again, wait


class Gateway:
    """In front of a ``ScriptedUpstream``; a context manager with its own thread."""

    def __init__(self, upstream, *flaws):
        self.upstream, self.flaws = upstream, set(flaws)
        self.limit = 60.0 if "hangs" in flaws else IDLE_SECONDS * upstream.scale
        self.ready, self.tasks = threading.Event(), set()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    def has(self, flaw):
        return flaw in self.flaws

    def __enter__(self):
        self.thread.start()
        self.ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()

    async def run(self):
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.ready.set()
        await self.stop.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def accept(self, reader, writer):
        task = asyncio.ensure_future(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await reader.readexactly(int(headers.get(b"content-length", 0)))
            if not head.startswith(b"POST"):
                listed = {"data": [{"id": name} for name in MODELS]} if b"/models" in head else {"error": {}}
                writer.write(whole(200 if b"/models" in head else 404, listed))
                return
            await self.watch(reader, writer, Chat(self, json.loads(body), writer).answer())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def watch(self, reader, writer, work):
        """The work, until its caller leaves."""
        working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if self.has("hangs_up") and not working.done():
                writer.close()
            if self.has("does_not_cancel"):
                await working
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)


class Chat:
    """One request, and all the calls that are made for it."""

    def __init__(self, gateway, body, writer):
        self.gateway, self.body, self.writer = gateway, body, writer
        self.has = gateway.has
        self.attempts, self.legs, self.said, self.opened = 0, [], "", False
        self.finish = self.usage = None
        writer.transport.set_write_buffer_limits(high=0)

    async def answer(self):
        targets = MODELS[self.body["model"]]
        for target in targets[:1] if self.has("no_fallback") else targets:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return await self.attempt(target)
                except Failed as failed:
                    if self.said or attempt == ATTEMPTS or not failed.again:
                        break
                    if not self.has("ignores_retry_after"):
                        await asyncio.sleep(failed.wait)
                except asyncio.CancelledError:
                    if self.has("calls_again_for_nobody"):
                        await asyncio.shield(self.attempt("good"))
                    raise
        return await self.give_up()

    async def attempt(self, target):
        self.attempts += 1
        messages = list(self.body["messages"])
        if self.said and not self.has("restarts"):
            messages.append({"role": "assistant", "content": self.said})
        leg, self.leg = {"target": target, "text": "", "deltas": 0}, None
        self.leg, self.finish, self.usage = leg, None, None
        try:
            async for event in self.call(target, messages):
                await self.take(event)
                if event == "[DONE]":
                    break
            if self.finish is None and not self.has("truncates"):
                raise Failed("cut", again=True)
        finally:
            if leg["deltas"]:
                sent = {"prompt_tokens": 0, "completion_tokens": leg["deltas"], "total_tokens": leg["deltas"]}
                self.legs.append({"target": target, "usage": self.usage or sent, "estimated": self.usage is None})
        await self.end()

    async def take(self, event):
        """One event of a stream, or the whole body of an answer that is none."""
        if event == "[DONE]":
            return
        try:
            chunk = json.loads(event)
        except ValueError:
            if self.has("skips"):
                return
            raise Failed("malformed", again=True) from None
        if chunk.get("error"):
            raise Failed("error", again=True)
        usage = chunk.get("usage")
        if usage and (self.has("trusts_usage") or usage["completion_tokens"] >= 0):
            self.usage = usage
        for choice in chunk["choices"]:
            self.finish = choice["finish_reason"] or self.finish
            await self.take_text((choice.get("delta") or choice.get("message") or {}).get("content") or "")

    async def take_text(self, text):
        if self.has("loses_a_word"):
            text = text.replace(" w7", "", 1)
        if not text:
            return
        self.leg["deltas"] += 1
        before, self.leg["text"] = self.leg["text"], self.leg["text"] + text
        if self.said.startswith(self.leg["text"]) and len(self.legs) and not self.has("restarts"):
            return  # it begins again: what is said already is dropped
        if len(self.legs) and self.said.startswith(before) and before and not self.has("restarts"):
            text = self.leg["text"].removeprefix(self.said)
        self.said += text
        if self.body.get("stream"):
            await self.send({"content": text})

    async def call(self, target, messages):
        """The events of a call; a body that is no stream is one event."""
        address = urlsplit(self.gateway.upstream.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            request = {**self.body, "model": target, "messages": messages}
            data = json.dumps(request).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            head = (await self.within(reader.readuntil(b"\r\n\r\n"))).decode().lower()
            status = int(head.split(" ")[1])
            if status != 200:
                _, _, after = head.partition("retry-after-ms: ")
                wait = int(after.split("\r\n")[0]) / 1000 if after else 0.0
                raise Failed(f"status {status}", again=status in {429, 500, 503}, wait=wait)
            if "chunked" not in head:
                length = int(head.partition("content-length: ")[2].split("\r\n")[0])
                yield (await self.within(reader.readexactly(length))).decode()
                return
            while size := int(await self.within(reader.readuntil(b"\r\n")), 16):
                frame = await self.within(reader.readexactly(size + 2))
                yield frame.decode().strip().removeprefix("data: ")
        except (ConnectionError, asyncio.IncompleteReadError) as gone:
            if self.said and self.has("truncates"):
                return
            raise Failed(str(gone), again=True) from gone
        finally:
            writer.transport.abort()

    async def within(self, reading):
        try:
            async with asyncio.timeout(self.gateway.limit):  # wait_for of 3.11 may swallow a cancellation
                return await reading
        except TimeoutError:
            raise Failed("timeout") from None

    async def send(self, delta=None, finish=None, **more):
        """One chunk to the caller, after the headers."""
        if not self.opened:
            self.opened = True
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
            self.writer.write(f"{head}x-edge-attempts: {self.told_attempts()}\r\nconnection: close\r\n\r\n".encode())
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        chunk = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1700000000}
        await self.frame(json.dumps({**chunk, "model": self.body["model"], "choices": choices, **more}))

    async def frame(self, data):
        frame = f"data: {data}\n\n".encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(frame), frame))
        if not self.has("buffers"):
            with contextlib.suppress(*[ConnectionError] if self.has("does_not_cancel") else []):
                await self.writer.drain()

    def told_attempts(self):
        return 1 if self.has("hides_calls") else self.attempts

    def account(self):
        """How often the stream switched; nothing where it did not."""
        if len(self.legs) < 2 and not (self.said and self.attempts > 1):
            return {}
        return {"edge": {"switched": True, "attempts": self.told_attempts(), "legs": self.legs}}

    async def end(self):
        finish = "stop" if self.has("hides_filter") or self.finish is None else self.finish
        legs = self.legs[-1:] if self.has("forgets_legs") else self.legs
        usage = {name: sum(leg["usage"][name] for leg in legs) for name in NAMES}
        if not self.body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": self.said}, "finish_reason": finish}
            told = {"usage": self.usage} if self.usage else {}
            answer = {"object": "chat.completion", "choices": [choice], **told}
            self.writer.write(whole(200, answer, f"x-edge-attempts: {self.told_attempts()}"))
            return await self.writer.drain()
        await self.send({}, finish, **self.account())
        await self.send(usage=usage)
        await self.frame("[DONE]")
        self.writer.write(b"0\r\n\r\n")
        return await self.writer.drain()

    async def give_up(self):
        error = {"message": "no model answered", "type": "server_error", "param": None, "code": "upstream_error"}
        if not self.opened:
            self.writer.write(whole(503, {"error": error}, f"x-edge-attempts: {self.told_attempts()}"))
        elif not self.has("ends_in_silence"):
            await self.frame(json.dumps({"error": error, **self.account()}))
        if self.opened:
            self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


def whole(status, body, *headers):
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Status", "content-type: application/json", f"content-length: {len(data)}", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + data
