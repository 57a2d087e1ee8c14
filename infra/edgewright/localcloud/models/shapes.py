"""A reply in the two shapes that Workers AI answers in (copilotedge facts 7.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edgewright.localcloud.models.catalogue import Model
from edgewright.localcloud.models.logprobs import logprobs_of
from edgewright.localcloud.models.reply import Reply

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Frame:
    """One server-sent event; ``tokens`` is how many tokens of the reply it carries."""

    data: bytes
    tokens: int = 0


@dataclass(frozen=True)
class Answered:
    """Who answers, and the id and second it is stamped with."""

    model: Model
    id: str
    created: int


def event(payload: Any) -> bytes:
    """One ``data:`` line and the empty line behind it."""
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def native_json(reply: Reply) -> dict[str, Any]:
    """``{response, tool_calls?, usage}``; in JSON mode ``response`` is the value itself."""
    body: dict[str, Any] = {"response": reply.text if reply.value is None else reply.value}
    if reply.calls:
        body["response"] = None
        body["tool_calls"] = [{"name": call.name, "arguments": call.arguments} for call in reply.calls]
    return {**body, "usage": reply.usage}


def native_frames(reply: Reply) -> Iterator[Frame]:
    """``{"response", "p"}`` per token, tool calls whole, usage last; ``p`` is padding that hides lengths."""
    for number, token in enumerate(reply.tokens):
        yield Frame(event({"response": token, "p": "abcdefghijklmnopqrstuvwxyz"[: number % 20 + 1]}), 1)
    if reply.calls:
        calls = [{"name": call.name, "arguments": call.arguments} for call in reply.calls]
        yield Frame(event({"response": "", "tool_calls": calls, "p": "abc"}), len(calls))
    yield Frame(event({"response": "", "usage": reply.usage}))
    yield Frame(DONE)


def openai_json(replies: list[Reply], by: Answered) -> dict[str, Any]:
    """``chat.completion``; its usage is of all choices, and of one prompt."""
    choices = [_choice(index, reply) for index, reply in enumerate(replies)]
    made = sum(reply.usage["completion_tokens"] for reply in replies)
    prompt = replies[0].prompt_tokens
    usage = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
    return {**_head(by, "chat.completion"), "choices": choices, "usage": usage}


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if reply.calls else reply.text, "refusal": None}
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": _function(call)} for call in reply.calls
        ]
    return {
        "index": index,
        "message": message,
        "finish_reason": reply.finish,
        "logprobs": _logprobs(reply, reply.tokens),
    }


def _logprobs(reply: Reply, tokens: Iterable[str]) -> dict[str, Any] | None:
    return None if reply.logprobs is None else logprobs_of(tokens, reply.logprobs)


def openai_frames(reply: Reply, by: Answered) -> Iterator[Frame]:
    """``chat.completion.chunk``: role, then a delta a token or a tool call in two parts, finish, usage."""
    yield _chunk(by, {"role": "assistant", "content": None if reply.calls else ""})
    for token in reply.tokens:
        yield _chunk(by, {"content": token}, tokens=1, logprobs=_logprobs(reply, [token]))
    for index, call in enumerate(reply.calls):
        function = _function(call)
        opened = {"index": index, "id": call.id, "type": "function", "function": {**function, "arguments": ""}}
        yield _chunk(by, {"tool_calls": [opened]}, tokens=1)
        text = function["arguments"]
        for part in (text[: len(text) // 2], text[len(text) // 2 :]):
            yield _chunk(by, {"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield _chunk(by, {}, finish=reply.finish)
    yield Frame(event({**_head(by, "chat.completion.chunk"), "choices": [], "usage": reply.usage}))
    yield Frame(DONE)


def _chunk(
    by: Answered, delta: dict[str, Any], finish: str | None = None, tokens: int = 0, logprobs: Any = None
) -> Frame:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return Frame(event({**_head(by, "chat.completion.chunk"), "choices": [choice]}), tokens)


def _head(by: Answered, kind: str) -> dict[str, Any]:
    return {"id": by.id, "object": kind, "created": by.created, "model": by.model.name}


def _function(call: Any) -> dict[str, str]:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
