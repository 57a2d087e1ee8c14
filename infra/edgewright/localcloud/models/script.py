"""One model call planned whole: what is sent, after which waits, and how it ends."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edgewright.localcloud.models import embeddings
from edgewright.localcloud.models.catalogue import Model
from edgewright.localcloud.models.prompt import Prompt
from edgewright.localcloud.models.reply import Reply, replies_to
from edgewright.localcloud.models.shapes import (
    Answered,
    native_frames,
    native_json,
    openai_frames,
    openai_json,
)

Path = Literal["run", "chat", "embeddings"]
Ending = Literal["done", "reset", "stall"]

EVENTS, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True)
class Step:
    """Wait ``wait`` seconds, then send ``data``, which carries ``tokens`` tokens."""

    wait: float
    data: bytes
    tokens: int = 0


@dataclass(frozen=True)
class Refusal:
    """An error: its code is of the ``ai`` family of the error table."""

    code: int
    name: str = "AiError"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Script:
    """``refusal`` is sent instead of the steps. The answer begins with the first step, not before its wait.

    After the last step it ends: ``done``, connection ``reset``, or ``stall`` (open and silent).
    """

    content_type: str = JSON
    steps: tuple[Step, ...] = ()
    ending: Ending = "done"
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Pace:
    """Milliseconds until the first token, and from one token to the next."""

    first_token_ms: float = 8.0
    token_ms: float = 8.0


@dataclass(frozen=True)
class Asked:
    """One call: to which model, over which path, with which body, in which second."""

    model: Model
    path: Path
    body: dict[str, Any]
    now: int

    @property
    def stream(self) -> bool:
        """Whether events are asked for."""
        return bool(self.body.get("stream"))


def script_call(asked: Asked, pace: Pace) -> Script:
    """The script of a healthy model.

    Raises:
        InvalidDataError: the body is one that no model takes.
    """
    if asked.model.dimensions or asked.path == "embeddings":
        embed = embeddings.native if asked.path == "run" else embeddings.openai
        return json_script(embed(asked.model, asked.body), pace.first_token_ms)
    replies = replies_to(asked.model, Prompt.read(asked.body))
    return stream_script(asked, replies[0], pace) if asked.stream else whole_script(asked, replies, pace)


def json_script(payload: Any, wait_ms: float, tokens: int = 0) -> Script:
    """One JSON document after ``wait_ms``."""
    return Script(steps=(Step(wait_ms / 1000, json.dumps(payload, ensure_ascii=False).encode(), tokens),))


def whole_script(asked: Asked, replies: list[Reply], pace: Pace) -> Script:
    """The whole reply as JSON, when its last token would have come; the native shape has one choice."""
    native = asked.path == "run" and asked.model.shape == "native"
    reply = replies[0]
    payload = native_json(reply) if native else openai_json(replies, _answered(asked))
    tokens = reply.usage["completion_tokens"]
    return json_script(payload, pace.first_token_ms + _token_ms(reply, pace) * max(0, tokens - 1), tokens)


def stream_script(asked: Asked, reply: Reply, pace: Pace) -> Script:
    """The reply as events, a wait before each token."""
    native = asked.path == "run" and asked.model.shape == "native"
    frames = list(native_frames(reply) if native else openai_frames(reply, _answered(asked)))
    steps: list[Step] = []
    told = 0
    for frame in frames:
        wait = 0.0
        if frame.tokens:
            wait = (pace.first_token_ms if told == 0 else _token_ms(reply, pace)) / 1000
        told += frame.tokens
        steps.append(Step(wait, frame.data, frame.tokens))
    return Script(EVENTS, tuple(_first_wait_first(steps)))


def _first_wait_first(steps: list[Step]) -> list[Step]:
    """The answer begins with the first token: what precedes it waits as well."""
    if steps and steps[0].wait == 0:
        at = next((number for number, step in enumerate(steps) if step.wait > 0), None)
        if at is not None:
            wait = steps[at].wait
            steps[at] = replace(steps[at], wait=0.0)
            steps[0] = replace(steps[0], wait=wait)
    return steps


def _token_ms(reply: Reply, pace: Pace) -> float:
    return pace.token_ms if reply.token_ms is None else reply.token_ms


def _answered(asked: Asked) -> Answered:
    return Answered(asked.model, f"chatcmpl-{uuid.uuid4().hex[:24]}", asked.now)
