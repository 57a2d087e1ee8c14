"""What the models say, and one answer as it is being written to its caller."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import time
from asyncio import StreamWriter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edgewright_verify.upstream.calls import Call, Outcome

WORDS = tuple(f"w{number}" for number in range(60))
"""Distinct, so that a word that is lost, or said twice, shows."""

TEXT = " ".join(WORDS)
TOKEN_SECONDS = 0.1
"""Unscaled time between two words of a stream."""

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Server Error"}


@dataclass(frozen=True)
class Ask:
    """A chat request, as far as a model looks at it."""

    model: str
    stream: bool
    messages: list[Any]
    include_usage: bool

    @classmethod
    def read(cls, body: dict[str, Any]) -> Ask:
        """Take a request's body apart; what is odd in it is not this server's to judge."""
        messages, options = body.get("messages"), body.get("stream_options")
        return cls(
            model=str(body.get("model")),
            stream=body.get("stream") is True,
            messages=messages if isinstance(messages, list) else [],
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        )

    @property
    def prefill(self) -> str | None:
        """The text of the assistant turn that the model is to continue, None where the caller speaks last."""
        last = self.messages[-1] if self.messages else None
        return _text(last) if isinstance(last, dict) and last.get("role") == "assistant" else None

    @property
    def conversation(self) -> str:
        """The first turn of the caller: the same for every call that a proxy makes for one request."""
        turns = (turn for turn in self.messages if isinstance(turn, dict) and turn.get("role") == "user")
        return _text(next(turns, {}))

    @property
    def prompt_tokens(self) -> int:
        """Words of all turns."""
        return sum(len(_text(turn).split()) for turn in self.messages if isinstance(turn, dict))

    def rest(self) -> list[str]:
        """The pieces still to be said: all words, or those after the prefilled text, each with the space before it."""
        said = self.prefill or ""
        left = TEXT.removeprefix(said) if TEXT.startswith(said) else TEXT
        return [("" if left.startswith(word) and not place else " ") + word for place, word in enumerate(left.split())]


@dataclass
class Reply:
    """Writes one answer; ``outcome`` is what the log will say when it has ended by itself."""

    ask: Ask
    call: Call
    writer: StreamWriter = field(repr=False)
    scale: float
    outcome: Outcome = "done"

    async def wait(self, seconds: float) -> None:
        """Unscaled seconds of silence."""
        await asyncio.sleep(seconds * self.scale)

    async def refuse(self, status: int, code: str, *, retry_after: float | None = None) -> None:
        """An error in OpenAI's shape; ``retry_after`` in unscaled seconds, told in both of its forms."""
        self.outcome = "fault"
        headers = []
        if retry_after is not None:
            scaled = retry_after * self.scale
            headers = [f"Retry-After: {math.ceil(scaled)}", f"Retry-After-Ms: {math.ceil(scaled * 1000)}"]
        error = {"message": f"scripted: {code}", "type": "scripted_error", "param": None, "code": code}
        body = json.dumps({"error": error}).encode()
        await self._send(_head(status, "application/json", f"Content-Length: {len(body)}", *headers) + body)

    async def whole(self, text: str, *, finish: str = "stop", usage: dict[str, int] | None = None) -> None:
        """The answer in one piece."""
        body = self._body(text, finish, usage)
        await self._send(_head(200, "application/json", f"Content-Length: {len(body)}") + body)
        self._sent(len(text.split()))

    async def half(self, text: str, *, announced: bool = True) -> bytes:
        """Headers and half of the body; returns the other half. Not ``announced``: the length told is the half's."""
        body = self._body(text, "stop", None)
        first, second = body[: len(body) // 2], body[len(body) // 2 :]
        length = len(body) if announced else len(first)
        await self._send(_head(200, "application/json", f"Content-Length: {length}") + first)
        return second

    async def other_half(self, body: bytes, text: str) -> None:
        """The rest of what ``half`` began."""
        await self._send(body)
        self._sent(len(text.split()))

    async def open(self) -> None:
        """Headers of a stream, and the chunk that says who speaks."""
        await self._send(_head(200, "text/event-stream", "Transfer-Encoding: chunked"))
        await self.chunk({"role": "assistant", "content": ""})

    async def say(self, pieces: Iterable[str]) -> None:
        """Words of a stream, one delta each, at the model's pace."""
        for piece in pieces:
            await self.chunk({"content": piece})
            self._sent(1)
            await self.wait(TOKEN_SECONDS)

    async def close(self, finish: str | None = "stop", *, done: bool = True, usages: Iterable[Any] = (None,)) -> None:
        """The end of a stream: finish reason, usage if it was asked for (None: the true one), ``[DONE]``."""
        if finish is not None:
            await self.chunk({}, finish)
        if self.ask.include_usage and finish is not None:
            for usage in usages:
                await self.event(json.dumps(self._envelope([], usage=usage or self.usage())))
        if done:
            await self.event("[DONE]")
        await self._send(b"0\r\n\r\n")

    async def chunk(self, delta: dict[str, str], finish: str | None = None) -> None:
        """One chunk of a stream."""
        await self.event(json.dumps(self._envelope([{"index": 0, "delta": delta, "finish_reason": finish}])))

    async def event(self, data: str) -> None:
        """One server-sent event, whatever it holds."""
        frame = f"data: {data}\n\n".encode()
        await self._send(b"%x\r\n%s\r\n" % (len(frame), frame))

    def drop(self) -> None:
        """End the connection where it is."""
        self.outcome = "fault"
        self.writer.close()

    def reset(self) -> None:
        """End the connection by a TCP reset."""
        self.outcome = "fault"
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def narrow(self) -> None:
        """Keep little in this machine's buffers, so that ``tokens_sent`` is near to what the caller has taken."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self.writer.transport.set_write_buffer_limits(high=0)

    def usage(self) -> dict[str, int]:
        """What has been sent so far, as OpenAI tells it."""
        prompt, sent = self.ask.prompt_tokens, self.call.tokens_sent
        return {"prompt_tokens": prompt, "completion_tokens": sent, "total_tokens": prompt + sent}

    def _sent(self, tokens: int) -> None:
        self.call.tokens_sent += tokens
        self.call.usage = self.usage()

    def _body(self, text: str, finish: str, usage: dict[str, int] | None) -> bytes:
        prompt, said = self.ask.prompt_tokens, len(text.split())
        true = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        return json.dumps(self._envelope(choices, object="chat.completion", usage=usage or true)).encode()

    def _envelope(self, choices: list[Any], **more: Any) -> dict[str, Any]:
        head = {"id": f"chatcmpl-wall-{self.call.id}", "object": "chat.completion.chunk", "created": 1}
        return {**head, "model": self.ask.model, "choices": choices, **more}

    async def _send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.call.first_byte = self.call.first_byte or time.time()

    def _socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found


def _head(status: int, media_type: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"Content-Type: {media_type}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def _text(turn: dict[str, Any]) -> str:
    """The text of a turn whose content is a string or a list of parts."""
    content = turn.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
