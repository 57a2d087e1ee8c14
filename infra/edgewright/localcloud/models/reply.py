"""What a scripted model says to a prompt. Pure: the same prompt and model give the same reply."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from edgewright.localcloud.models.catalogue import Model
from edgewright.localcloud.models.prompt import Prompt
from edgewright.localcloud.models.sample import sample

SLOW_TOKENS, SLOW_TOKEN_MS = 200, 50.0
_QUOTED_WORDS = 24
_CLOSINGS = (
    "Every word of this answer was scripted on your own machine.",
    "No model was asked and nothing left this computer.",
    "The same question will get the same answer again.",
    "This text follows from the prompt and the model's name.",
)


@dataclass(frozen=True)
class ToolCall:
    """A call of an offered tool; ``arguments`` fit its parameters."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """``tokens`` are whole words with the space behind them; joined they are the text.

    ``value`` is the answer as JSON, where JSON was asked for; ``token_ms`` overrides the pace; ``logprobs`` is how many
    likely tokens are told at each place, None if none are.
    """

    tokens: tuple[str, ...]
    prompt_tokens: int
    finish: str = "stop"
    calls: tuple[ToolCall, ...] = ()
    value: Any = None
    token_ms: float | None = None
    logprobs: int | None = None
    usage: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made = len(self.text.split()) or len(self.calls)
        counts = {"prompt_tokens": self.prompt_tokens, "completion_tokens": made}
        object.__setattr__(self, "usage", {**counts, "total_tokens": self.prompt_tokens + made})

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens)


def replies_to(model: Model, prompt: Prompt) -> list[Reply]:
    """As many as the prompt asks for; each has a closing of its own."""
    return [reply_to(model, prompt, choice) for choice in range(prompt.choices)]


def reply_to(model: Model, prompt: Prompt, choice: int = 0) -> Reply:
    """A tool call if one is due, else JSON if asked, else text."""
    if prompt.tool_result is None:
        tool = _tool_due(prompt)
        if tool is not None:
            return Reply((), prompt.words, "tool_calls", (_call(tool, prompt),))
        if prompt.json_mode:
            value = sample(prompt.schema, _subject(prompt)) if prompt.schema else {"answer": prompt.text or "yes"}
            return _cut(json.dumps(value, ensure_ascii=False), prompt, value=value)
        if prompt.mentions("slow"):
            return _cut(_slow_text(), prompt, token_ms=SLOW_TOKEN_MS)
        return _cut(_text(model, prompt, choice), prompt)
    return _cut(f"The tool answered: {' '.join(prompt.tool_result.split())}. That is all there is to say.", prompt)


def _tool_due(prompt: Prompt) -> dict[str, Any] | None:
    if not prompt.may_call:
        return None
    for tool in prompt.tools:
        if tool["name"] == prompt.forced:
            return tool
    for tool in prompt.tools:
        if prompt.mentions(tool["name"]):
            return tool
    asked = prompt.mentions("tool") and any(prompt.mentions(word) for word in ("use", "call", "using"))
    return prompt.tools[0] if asked and prompt.tools else None


def _call(tool: dict[str, Any], prompt: Prompt) -> ToolCall:
    arguments = sample({"type": "object", **tool["parameters"]}, _subject(prompt))
    return ToolCall(f"call_{_digest(tool['name'] + prompt.text)[:24]}", tool["name"], arguments)


def _subject(prompt: Prompt) -> str:
    """The last capitalised word, else the last one: what "weather in Paris?" is about."""
    words = re.findall(r"\w+", prompt.text)
    named = [word for word in words[1:] if word[0].isupper()]
    return str((named or words or ["nothing"])[-1])


def _text(model: Model, prompt: Prompt, choice: int) -> str:
    words = prompt.text.split()
    quoted = " ".join(words[:_QUOTED_WORDS]) + ("…" if len(words) > _QUOTED_WORDS else "")
    drawn = int(_digest(f"{model.name}{prompt.text}{'' if prompt.seed is None else prompt.seed}")[:8], 16) + choice
    closing = _CLOSINGS[drawn % len(_CLOSINGS)]
    heard = f'You wrote "{quoted}".' if quoted else "You wrote nothing."
    if prompt.parts:
        heard += f" You sent {' and '.join(prompt.parts)}."
    if prompt.seed is not None:
        heard += f" The seed is {prompt.seed}."
    return f"{heard} This is {model.short} answering. {closing}"


def _slow_text() -> str:
    return " ".join(f"word{number}" for number in range(1, SLOW_TOKENS + 1))


def _cut(text: str, prompt: Prompt, value: Any = None, token_ms: float | None = None) -> Reply:
    ends = [place for place in map(text.find, prompt.stops) if place >= 0]
    tokens = tuple(re.findall(r"\S+\s*", text[: min(ends, default=len(text))]))
    if prompt.max_tokens is not None and len(tokens) > prompt.max_tokens:
        cut = tokens[: prompt.max_tokens]
        return Reply(cut, prompt.words, "length", token_ms=token_ms, logprobs=prompt.logprobs)
    return Reply(tokens, prompt.words, value=value, token_ms=token_ms, logprobs=prompt.logprobs)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
