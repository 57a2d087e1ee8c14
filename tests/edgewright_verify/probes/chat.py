"""Chat completions, streamed and not, taken apart into what a caller relies on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgewright_verify.exchange import Exchange
from edgewright_verify.probes.sse import EventStream, parse
from edgewright_verify.target import Target

DONE = "[DONE]"
COUNTING = "Count from one to thirty in words, separated by commas."


def fresh(prompt: str) -> str:
    """The prompt with a random mark, so that no cache and no other run has met it."""
    return f"{prompt} (check {secrets.token_hex(8)})"


@dataclass(frozen=True)
class Answer:
    """A completion that came in one piece; each field is None where the body does not hold it."""

    exchange: Exchange

    @property
    def body(self) -> dict[str, Any]:
        body = self.exchange.json
        return body if isinstance(body, dict) else {}

    @property
    def id(self) -> Any:
        return self.body.get("id")

    @property
    def choice(self) -> dict[str, Any]:
        choices = self.body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        return first if isinstance(first, dict) else {}

    @property
    def message(self) -> dict[str, Any]:
        message = self.choice.get("message")
        return message if isinstance(message, dict) else {}

    @property
    def text(self) -> str | None:
        content = self.message.get("content")
        return content if isinstance(content, str) else None

    @property
    def finish_reason(self) -> Any:
        return self.choice.get("finish_reason")


@dataclass(frozen=True)
class ChatStream:
    """A streamed completion. ``frames`` are the data of its events in order, ``[DONE]`` among them."""

    exchange: Exchange

    @cached_property
    def events(self) -> EventStream:
        return parse(self.exchange.reads)

    @cached_property
    def frames(self) -> list[str]:
        return [event.data for event in self.events.events]

    @cached_property
    def chunks(self) -> list[dict[str, Any]]:
        """The frames that are JSON objects."""
        parsed = (_json(frame) for frame in self.frames if frame != DONE)
        return [chunk for chunk in parsed if isinstance(chunk, dict)]

    @property
    def strange_frames(self) -> list[str]:
        """Frames that are neither a JSON object nor ``[DONE]``."""
        return [frame for frame in self.frames if frame != DONE and not isinstance(_json(frame), dict)]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for choice in self._choices() if isinstance(choice.get("delta"), dict)]

    @property
    def text(self) -> str:
        return "".join(delta["content"] for delta in self.deltas if isinstance(delta.get("content"), str))

    @property
    def roles(self) -> list[Any]:
        return [delta["role"] for delta in self.deltas if delta.get("role") is not None]

    @property
    def finish_reasons(self) -> list[Any]:
        return [choice["finish_reason"] for choice in self._choices() if choice.get("finish_reason") is not None]

    @property
    def usages(self) -> list[Any]:
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage") is not None]

    @property
    def errors(self) -> list[Any]:
        return [chunk["error"] for chunk in self.chunks if chunk.get("error") is not None]

    @property
    def whole(self) -> bool:
        """It ended as a success does: text or a call, one finish reason, ``[DONE]``, no error on the way."""
        ended = self.exchange.error is None and self.frames[-1:] == [DONE]
        return ended and len(self.finish_reasons) == 1 and not self.errors

    @property
    def tail(self) -> str:
        """The last frames, for evidence."""
        return "\n".join(self.frames[-2:]) or "no event at all"

    def values(self, name: str) -> set[str]:
        """The different values of one field over all chunks that are no errors."""
        return {str(chunk.get(name)) for chunk in self.chunks if "error" not in chunk}

    def _choices(self) -> Iterator[dict[str, Any]]:
        for chunk in self.chunks:
            choices = chunk.get("choices")
            yield from (choice for choice in choices or [] if isinstance(choice, dict))


def ask(target: Target, prompt: str, **request: Any) -> Answer:
    """One completion in one piece; ``request`` is passed to ``Target.chat``."""
    return Answer(target.chat(prompt, **request))


def stream(target: Target, prompt: str, **request: Any) -> ChatStream:
    """One streamed completion; ``request`` is passed to ``Target.chat``."""
    return ChatStream(target.chat(prompt, stream=True, **request))


def _json(frame: str) -> Any:
    try:
        return json.loads(frame)
    except ValueError:
        return None
