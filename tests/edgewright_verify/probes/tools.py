"""A tool offered to a model: the forced call, and the turn that hands the tool's result back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgewright_verify.probes.chat import Answer, ChatStream, ask, fresh, stream
from edgewright_verify.target import Target

NAME = "get_weather"
TOOL = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FORCED = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": NAME}}}
QUESTION = "What is the weather in Oslo? Use the tool."
RESULT = json.dumps({"city": "Oslo", "celsius": 3, "sky": "clear"})


@dataclass(frozen=True)
class Call:
    """One call as a client puts it together; ``arguments`` is the text it would parse."""

    id: Any
    type: Any
    name: Any
    arguments: Any

    @property
    def parsed(self) -> dict[str, Any] | None:
        """The arguments as an object, or None where they are no JSON text of one."""
        try:
            parsed = json.loads(self.arguments)
        except (TypeError, ValueError):
            return None
        return parsed if isinstance(parsed, dict) else None


def force_call(target: Target, model: str) -> Answer:
    """Ask so that the model must call the tool."""
    return ask(target, fresh(QUESTION), model=model, **FORCED)


def stream_call(target: Target, model: str) -> ChatStream:
    """The same, streamed."""
    return stream(target, fresh(QUESTION), model=model, **FORCED)


def hand_back(target: Target, model: str, call: Answer) -> Answer:
    """The second turn: the model's call and the tool's result, as the OpenAI clients send them."""
    assistant = {"role": "assistant", "tool_calls": call.message.get("tool_calls")}
    result = {"role": "tool", "tool_call_id": calls_of(call)[0].id, "content": RESULT}
    messages = [{"role": "user", "content": fresh(QUESTION)}, assistant, result]
    return ask(target, "", model=model, messages=messages, tools=[TOOL])


def calls_of(answer: Answer) -> list[Call]:
    """The calls of an answer in one piece."""
    calls = answer.message.get("tool_calls")
    return [_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def calls_of_stream(answer: ChatStream) -> list[Call]:
    """The calls of a stream, put together by index as a client does."""
    merged: dict[Any, dict[str, Any]] = {}
    for delta in answer.deltas:
        for piece in delta.get("tool_calls") or []:
            call = merged.setdefault(piece.get("index"), {"function": {"arguments": ""}})
            call |= {key: piece[key] for key in ("id", "type") if piece.get(key)}
            function = piece.get("function") or {}
            call["function"] |= {"name": function["name"]} if function.get("name") else {}
            call["function"]["arguments"] += function.get("arguments") or ""
    return [_call(call) for call in merged.values()]


def _call(call: dict[str, Any]) -> Call:
    function = call.get("function") or {}
    return Call(call.get("id"), call.get("type"), function.get("name"), function.get("arguments"))
