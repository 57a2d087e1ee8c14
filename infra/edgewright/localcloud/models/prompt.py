"""What a request asks for, whichever of the shapes it came in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class InvalidDataError(Exception):
    """The request is one that no model takes; the message says why."""


@dataclass(frozen=True)
class Prompt:
    """``text`` is the last user message; ``tool_result`` the last message if it is a tool's.

    ``tools`` are ``{name, parameters}``; ``forced`` is the name of the tool that must be called. ``parts`` are what the
    last user message holds beside text, in words; ``stops`` are where the answer ends, ``choices`` how many there are,
    ``logprobs`` how many likely tokens are told at each place (None: none at all).
    """

    text: str
    words: int
    tool_result: str | None
    tools: tuple[dict[str, Any], ...]
    forced: str | None
    may_call: bool
    schema: dict[str, Any] | None
    json_mode: bool
    max_tokens: int | None
    parts: tuple[str, ...] = ()
    seed: int | None = None
    stops: tuple[str, ...] = ()
    choices: int = 1
    logprobs: int | None = None

    @classmethod
    def read(cls, body: dict[str, Any]) -> Prompt:
        """From ``messages`` or ``prompt``.

        Raises:
            InvalidDataError: neither is there, or a field has the wrong type.
        """
        messages = _messages(body)
        users = [message for message in messages if message.get("role") == "user"]
        last = messages[-1]
        asked = users[-1] if users else last
        stop = body.get("stop") or ()
        choice = body.get("tool_choice")
        tools = tuple(_tool(tool) for tool in body.get("tools") or ())
        form = body.get("response_format") or {}
        return cls(
            text=_text(asked),
            words=sum(len(_text(message).split()) for message in messages),
            tool_result=_text(last) if last.get("role") == "tool" else None,
            tools=tools,
            forced=_forced(choice, tools),
            may_call=choice != "none",
            schema=body.get("guided_json") or _schema(form),
            json_mode="guided_json" in body or form.get("type") in ("json_object", "json_schema"),
            max_tokens=_limit(body),
            parts=tuple(_parts(asked)) + (("an image",) if body.get("image") else ()),
            seed=body.get("seed"),
            stops=(stop,) if isinstance(stop, str) else tuple(stop),
            choices=body.get("n") or 1,
            logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        )

    def mentions(self, word: str) -> bool:
        """Whether the user wrote that word."""
        return re.search(rf"\b{re.escape(word)}\b", self.text, re.IGNORECASE) is not None


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    if isinstance(body.get("prompt"), str):
        return [{"role": "user", "content": body["prompt"]}]
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidDataError("messages: required, or prompt")
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        raise InvalidDataError("messages: every one needs a role")
    return messages


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return "" if content is None else str(content)


def _parts(message: dict[str, Any]) -> Iterator[str]:
    """Images, sounds and files of a message; of what is sent with it, its type."""
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image_url":
            address = str((part.get("image_url") or {}).get("url"))
            yield f"an image ({address[5:].split(';')[0] if address.startswith('data:') else address})"
        elif kind == "input_audio":
            yield f"a sound ({(part.get('input_audio') or {}).get('format')})"
        elif kind != "text":
            yield f"a part of type {kind}"


def _tool(tool: Any) -> dict[str, Any]:
    """Workers AI takes a tool bare, or inside ``function`` as OpenAI does."""
    inner = tool.get("function", tool) if isinstance(tool, dict) else {}
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise InvalidDataError("tools: every one needs a name")
    return {"name": inner["name"], "parameters": inner.get("parameters") or {}}


def _forced(choice: Any, tools: tuple[dict[str, Any], ...]) -> str | None:
    if isinstance(choice, dict):
        inner = choice.get("function", choice)
        return str(inner.get("name"))
    return str(tools[0]["name"]) if choice in ("required", "any") and tools else None


def _schema(form: dict[str, Any]) -> dict[str, Any] | None:
    """Workers AI takes the schema itself, OpenAI one wrapped as ``{name, schema}``."""
    given = form.get("json_schema")
    if form.get("type") != "json_schema" or not isinstance(given, dict):
        return None
    inner = given.get("schema", given)
    return inner if isinstance(inner, dict) else None


def _limit(body: dict[str, Any]) -> int | None:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise InvalidDataError(f"max_tokens: must be a positive whole number, got {limit!r}")
    return limit
