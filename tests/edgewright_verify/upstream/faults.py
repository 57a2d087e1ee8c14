"""The models: what each does to a request. Times are unscaled seconds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from edgewright_verify.upstream.script import TEXT, WORDS, Reply

CUT_AFTER = 40
STALL_AFTER = 30
STALL_SECONDS = 30.0
SLOW_SECONDS = 20.0
RETRY_AFTER_SECONDS = 2.0
LONG_RETRY_AFTER_SECONDS = 20.0
FLAP_SECONDS = 60.0
FLOOD_BYTES = 524_288
"""Length of each word of a flood: together far more than the buffers between a model and its caller hold."""


@dataclass
class Memory:
    """What the models remember between calls; ``POST /wall/reset`` forgets it."""

    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    flapping_since: float | None = None

    def met_before(self, reply: Reply) -> int:
        """How often this conversation has met this model before: what is counted by it can be tried side by side."""
        key = (reply.ask.model, reply.ask.conversation)
        self.met[key] += 1
        return self.met[key] - 1


@dataclass(frozen=True)
class Fault:
    """``play`` writes the answer."""

    summary: str
    play: Callable[[Reply, Memory], Awaitable[None]]


FAULTS: dict[str, Fault] = {}


def model(name: str, summary: str) -> Callable[[Callable[[Reply, Memory], Awaitable[None]]], None]:
    """Enter the decorated function into the table."""

    def enter(play: Callable[[Reply, Memory], Awaitable[None]]) -> None:
        FAULTS[name] = Fault(summary, play)

    return enter


async def answer(reply: Reply) -> None:
    """A good answer: all words, or the rest of them after a prefilled assistant turn."""
    rest = reply.ask.rest()
    if not reply.ask.stream:
        return await reply.whole("".join(rest))
    return await stream(reply, rest)


async def stream(
    reply: Reply,
    pieces: Iterable[str],
    finish: str | None = "stop",
    *,
    done: bool = True,
    usages: Iterable[Any] = (None,),
) -> None:
    """A stream of these pieces, closed as `Reply.close` says."""
    await reply.open()
    await reply.say(pieces)
    await reply.close(finish, done=done, usages=usages)


async def late_answer(reply: Reply) -> None:
    """A good answer whose first word is late."""
    if not reply.ask.stream:
        await reply.wait(SLOW_SECONDS)
        return await answer(reply)
    await reply.open()
    await reply.wait(SLOW_SECONDS)
    await reply.say(reply.ask.rest())
    return await reply.close()


@model("good", "60 distinct words, one delta each; continues a prefilled assistant turn exactly")
async def _good(reply: Reply, _: Memory) -> None:
    await answer(reply)


@model("restarts", "good, but ignores a prefilled assistant turn and begins again")
async def _restarts(reply: Reply, _: Memory) -> None:
    if not reply.ask.stream:
        return await reply.whole(TEXT)
    return await stream(reply, _pieces(0, len(WORDS)))


@model("no-prefill", "good, but refuses a prefilled assistant turn with 400")
async def _no_prefill(reply: Reply, _: Memory) -> None:
    if reply.ask.prefill is not None:
        return await reply.refuse(400, "prefill_not_supported")
    return await answer(reply)


@model("flood", "good, but every word is 512 KiB long")
async def _flood(reply: Reply, _: Memory) -> None:
    reply.narrow()
    padded = (piece + "." * (FLOOD_BYTES - len(piece)) for piece in _pieces(0, len(WORDS)))
    if not reply.ask.stream:
        return await reply.whole("".join(padded))
    return await stream(reply, padded)


@model("rate-limited", "429 with Retry-After (2 s) once, then good")
async def _rate_limited(reply: Reply, memory: Memory) -> None:
    if not memory.met_before(reply):
        return await reply.refuse(429, "rate_limit_exceeded", retry_after=RETRY_AFTER_SECONDS)
    return await answer(reply)


@model("rate-limited-always", "429 with Retry-After (20 s), always")
async def _rate_limited_always(reply: Reply, _: Memory) -> None:
    await reply.refuse(429, "rate_limit_exceeded", retry_after=LONG_RETRY_AFTER_SECONDS)


@model("error-500-once", "500 once, then good")
async def _error_500_once(reply: Reply, memory: Memory) -> None:
    if not memory.met_before(reply):
        return await reply.refuse(500, "server_error")
    return await answer(reply)


@model("unavailable", "503, always")
async def _unavailable(reply: Reply, _: Memory) -> None:
    await reply.refuse(503, "service_unavailable")


@model("reset", "takes the request and resets the connection")
async def _reset(reply: Reply, _: Memory) -> None:
    reply.reset()


@model("silence", "takes the request and never answers")
async def _silence(_reply: Reply, _: Memory) -> None:
    await asyncio.Event().wait()


@model("slow-first-token", "good, after 20 s; a stream's headers come at once")
async def _slow_first_token(reply: Reply, _: Memory) -> None:
    await late_answer(reply)


@model("slow", "the same, for callers who leave: no other cell has made a proxy wary of it")
async def _slow(reply: Reply, _: Memory) -> None:
    await late_answer(reply)


@model("context-length", "400 context_length_exceeded")
async def _context_length(reply: Reply, _: Memory) -> None:
    await reply.refuse(400, "context_length_exceeded")


@model("flapping", "503 to every other request of a conversation for 60 s, then good")
async def _flapping(reply: Reply, memory: Memory) -> None:
    now = time.monotonic()
    memory.flapping_since = memory.flapping_since or now
    flapping = now - memory.flapping_since < FLAP_SECONDS * reply.scale
    if memory.met_before(reply) % 2 == 0 and flapping:
        return await reply.refuse(503, "service_unavailable")
    return await answer(reply)


@model("cut", "the connection ends after 40 of 60 words; not streaming: in the middle of the body")
async def _cut(reply: Reply, _: Memory) -> None:
    if reply.ask.stream:
        await reply.open()
        await reply.say(_pieces(0, CUT_AFTER))
    else:
        await reply.half(TEXT)
    reply.drop()


# For rows that need a cut of their own: a proxy that has learnt to avoid `cut` would not come to their second target.
for twin in ("cut-then-no-prefill", "cut-then-restarts"):
    FAULTS[twin] = Fault("as cut, for one row alone: no other cell has made a proxy wary of it", FAULTS["cut"].play)


@model("cut-clean", "the same, but the HTTP body ends as a whole one does")
async def _cut_clean(reply: Reply, _: Memory) -> None:
    reply.outcome = "fault"
    if not reply.ask.stream:
        await reply.half(TEXT, announced=False)
        return
    await stream(reply, _pieces(0, CUT_AFTER), None, done=False)


@model("stall", "30 s of silence after 30 words, then the rest; not streaming: after half of the body")
async def _stall(reply: Reply, _: Memory) -> None:
    if not reply.ask.stream:
        rest = await reply.half(TEXT)
        await reply.wait(STALL_SECONDS)
        return await reply.other_half(rest, TEXT)
    await reply.open()
    await reply.say(_pieces(0, STALL_AFTER))
    await reply.wait(STALL_SECONDS)
    await reply.say(_pieces(STALL_AFTER, len(WORDS)))
    return await reply.close()


@model("malformed", "an event that is no JSON stands between two words; not streaming: the body is no JSON")
async def _malformed(reply: Reply, _: Memory) -> None:
    await _spoiled(reply, lost=0)


@model("malformed-word", "the event that carries a word is damaged, so that who skips it loses the word")
async def _malformed_word(reply: Reply, _: Memory) -> None:
    await _spoiled(reply, lost=1)


async def _spoiled(reply: Reply, lost: int) -> None:
    reply.outcome = "fault"
    if not reply.ask.stream:
        await reply.half(TEXT, announced=False)
        return
    await reply.open()
    await reply.say(_pieces(0, STALL_AFTER))
    await reply.event('{"id": "chatcmpl-wall", "object": "chat.completion.chunk", "choi')
    await reply.say(_pieces(STALL_AFTER + lost, len(WORDS)))
    await reply.close()


@model("no-done", "all words, but neither a finish reason nor [DONE]; not streaming: good")
async def _no_done(reply: Reply, _: Memory) -> None:
    await _undone(reply, finish=None)


@model("no-done-finished", "all words and a finish reason, but no [DONE]; not streaming: good")
async def _no_done_finished(reply: Reply, _: Memory) -> None:
    await _undone(reply, finish="stop")


async def _undone(reply: Reply, finish: str | None) -> None:
    if not reply.ask.stream:
        return await answer(reply)
    return await stream(reply, reply.ask.rest(), finish, done=False)


@model("content-filter", "30 words, then finish_reason content_filter")
async def _content_filter(reply: Reply, _: Memory) -> None:
    if not reply.ask.stream:
        return await reply.whole(" ".join(WORDS[:STALL_AFTER]), finish="content_filter")
    return await stream(reply, _pieces(0, STALL_AFTER), "content_filter")


@model("wrong-usage", "good, but usage is told twice, the second time negative and not adding up")
async def _wrong_usage(reply: Reply, _: Memory) -> None:
    wrong = {"prompt_tokens": 3, "completion_tokens": -7, "total_tokens": 1000}
    if not reply.ask.stream:
        return await reply.whole(TEXT, usage=wrong)
    return await stream(reply, reply.ask.rest(), usages=(None, wrong))


@model("error-in-stream", "an error event after 30 words, and the end; not streaming: 200 with an error body")
async def _error_in_stream(reply: Reply, _: Memory) -> None:
    if not reply.ask.stream:
        return await reply.refuse(200, "server_error")
    reply.outcome = "fault"
    await reply.open()
    await reply.say(_pieces(0, STALL_AFTER))
    await reply.event(
        '{"error": {"message": "scripted: server_error", "type": "server_error", "code": "server_error"}}'
    )
    return await reply.close(None, done=False)


def _pieces(first: int, last: int) -> list[str]:
    return [("" if number == 0 else " ") + WORDS[number] for number in range(first, last)]
