"""Scripted models: deterministic answers in the shapes of Workers AI, and models that misbehave by name.

``@cf/<maker>/<name>`` of the catalogue answers; ``@cf/fault/<name>`` fails in that way. The text follows from the
prompt, so that equal prompts get equal answers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# Name -> whether it answers in OpenAI's shape (newer models) or as {"response": ...}.
CATALOGUE: dict[str, bool] = {
    "@cf/meta/llama-3.2-1b-instruct": False,
    "@cf/meta/llama-3.2-3b-instruct": False,
    "@cf/meta/llama-3.1-8b-instruct": False,
    "@cf/meta/llama-3.1-8b-instruct-fp8": False,
    "@cf/meta/llama-3.1-8b-instruct-fp8-fast": False,
    "@cf/meta/llama-3.3-70b-instruct-fp8-fast": False,
    "@cf/mistral/mistral-7b-instruct-v0.1": False,
    "@cf/meta/llama-4-scout-17b-16e-instruct": True,
    "@cf/openai/gpt-oss-20b": True,
    "@cf/openai/gpt-oss-120b": True,
    "@cf/qwen/qwen3-30b-a3b-fp8": True,
}

EMBEDDINGS = {"@cf/baai/bge-small-en-v1.5": 384, "@cf/baai/bge-base-en-v1.5": 768, "@cf/baai/bge-large-en-v1.5": 1024}

# Fault -> (HTTP status, internal code, name, description): refused before anything is sent.
REFUSALS: dict[str, tuple[int, int, str, str]] = {
    "error-500": (500, 8007, "InferenceUpstreamError", "canary internal failure at 10.0.0.7"),
    "error-503": (503, 7009, "InferenceUpstreamError", "upstream unavailable"),
    "capacity": (429, 3040, "InferenceUpstreamError", "Capacity temporarily exceeded, please try again."),
    "quota": (429, 3036, "InferenceUpstreamError", "you have used up your daily free allocation of 10,000 neurons"),
    "no-such-model": (400, 5007, "AiError", "No such model"),
    "rate-limited": (429, 3040, "InferenceUpstreamError", "rate limited"),
    "context-length": (413, 3006, "AiError", "Request is too large"),
}
BEHAVIOURS = {
    "flap",
    "reset",
    "silence",
    "slow-first-token",
    "cut",
    "stall",
    "malformed",
    "no-done",
    "empty",
    "plain-json",
    "filter",
}


@dataclass
class Script:
    """What one call will do. ``fault`` is a behaviour of the list above, or None."""

    model: str
    openai: bool
    stream: bool
    tokens: list[str] = field(default_factory=list)
    tool_call: dict[str, Any] | None = None
    finish: str = "stop"
    prompt_tokens: int = 0
    fault: str | None = None
    refusal: tuple[int, int, str, str] | None = None
    slow: bool = False

    @property
    def usage(self) -> dict[str, int]:
        """Whole words in and out."""
        out = len(self.tokens) or (8 if self.tool_call else 0)
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": out, "total_tokens": self.prompt_tokens + out}


def script(model: str, inputs: dict[str, Any], calls_before: int) -> Script:
    """Decide what a call does; ``calls_before`` counts earlier calls of the same model (for the one that flaps)."""
    fault = model.removeprefix("@cf/fault/") if model.startswith("@cf/fault/") else None
    planned = Script(model, CATALOGUE.get(model, fault is not None), bool(inputs.get("stream")), fault=fault)
    if fault in REFUSALS:
        planned.refusal = REFUSALS[fault]
    elif fault == "flap" and calls_before == 0:
        planned.refusal = REFUSALS["error-503"]
    elif model not in CATALOGUE and fault not in BEHAVIOURS:
        planned.refusal = (400, 5007, "AiError", f"No such model {model} or task")
    messages = inputs.get("messages") or [{"role": "user", "content": inputs.get("prompt", "")}]
    planned.prompt_tokens = sum(len(_text(message).split()) for message in messages)
    _compose(planned, messages, inputs)
    return planned


def _compose(planned: Script, messages: list[dict[str, Any]], inputs: dict[str, Any]) -> None:
    last = messages[-1]
    prompt = _text(last)
    tool = _chosen_tool(inputs, prompt) if last.get("role") != "tool" else None
    if tool is not None:
        planned.tool_call = {"name": tool["name"], "arguments": _arguments(tool.get("parameters") or {})}
        planned.finish = "tool_calls"
        return
    planned.slow = bool(re.search(r"\bslow\b", prompt, re.IGNORECASE))
    text = _answer(last, prompt, inputs, slow=planned.slow)
    planned.tokens = [] if planned.fault == "empty" else re.findall(r"\S+\s*", text)
    most = inputs.get("max_tokens") or inputs.get("max_completion_tokens")
    if isinstance(most, int) and most < len(planned.tokens):
        planned.tokens, planned.finish = planned.tokens[:most], "length"
    if planned.fault == "filter":
        planned.finish = "content_filter"


def _answer(last: dict[str, Any], prompt: str, inputs: dict[str, Any], *, slow: bool) -> str:
    wanted = (inputs.get("response_format") or {}).get("type")
    if wanted in ("json_object", "json_schema"):
        schema = inputs["response_format"].get("json_schema") or {}
        return json.dumps(_example(schema.get("schema", schema)) or {"answer": prompt[:80]})
    if last.get("role") == "tool":
        return f"The tool says: {prompt[:200]} That is the answer."
    if slow:
        return "A slow answer comes word by word, " + " ".join(f"word {index}," for index in range(95)) + " and ends."
    return f"You said: {prompt[:200]} This is a scripted answer of several tokens."


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _chosen_tool(inputs: dict[str, Any], prompt: str) -> dict[str, Any] | None:
    """The tool to call: the forced one, or one that the prompt says to use."""
    tools = [tool.get("function", tool) for tool in inputs.get("tools") or []]
    choice = inputs.get("tool_choice")
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        name = (choice.get("function") or choice).get("name")
        return next((tool for tool in tools if tool.get("name") == name), None)
    if choice == "required":
        return dict(tools[0])
    named = next((tool for tool in tools if str(tool.get("name")) in prompt), None)
    if named is None and re.search(r"\buse\b.*\btool\b|\bcall\b.*\btool\b", prompt, re.IGNORECASE):
        named = tools[0]
    return named


def _arguments(schema: dict[str, Any]) -> dict[str, Any]:
    made = _example({"type": "object", **schema})
    return made if isinstance(made, dict) else {}


def _example(schema: dict[str, Any]) -> Any:
    """A small value that fits a JSON schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {name: _example(inner) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_example(schema.get("items") or {})]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(str(kind), "Oslo") if kind else None


def reply(planned: Script) -> dict[str, Any]:
    """The whole answer, in the model's own shape."""
    text = "".join(planned.tokens)
    call = planned.tool_call
    if not planned.openai:
        body: dict[str, Any] = {"response": text, "usage": planned.usage}
        return {**body, "tool_calls": [call]} if call else body
    message: dict[str, Any] = {"role": "assistant", "content": None if call else text}
    if call:
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        message["tool_calls"] = [{"id": "call_scripted", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": planned.finish}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 0, "model": planned.model}
    return {**head, "choices": [choice], "usage": planned.usage}


def events(planned: Script) -> list[str]:
    """The data of each server-sent event, the first token first, ``[DONE]`` last."""
    if planned.openai:
        return [json.dumps(chunk) for chunk in _chunks(planned)] + ["[DONE]"]
    made = [{"response": token, "p": "abcdefgh"} for token in planned.tokens]
    if planned.tool_call:
        made.append({"response": "", "tool_calls": [planned.tool_call]})  # type: ignore[dict-item]
    made.append({"response": "", "usage": planned.usage})  # type: ignore[dict-item]
    return [json.dumps(chunk) for chunk in made] + ["[DONE]"]


def _chunks(planned: Script) -> list[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0, "model": planned.model}
        return {**head, "choices": [choice]}

    made = [
        chunk({"role": "assistant", "content": token} if not index else {"content": token})
        for index, token in enumerate(planned.tokens)
    ]
    if planned.tool_call:
        text = json.dumps(planned.tool_call["arguments"])
        opened = {
            "index": 0,
            "id": "call_scripted",
            "type": "function",
            "function": {"name": planned.tool_call["name"], "arguments": ""},
        }
        made.append(chunk({"role": "assistant", "content": None, "tool_calls": [opened]}))
        made += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
            for part in (text[: len(text) // 2], text[len(text) // 2 :])
        ]
    usage = {**chunk({}), "choices": [], "usage": planned.usage}
    return [*made, chunk({}, planned.finish), usage]
