"""Front ends' protocols as their clients read them: runs of agents, messages, responses, GraphQL in parts."""

from __future__ import annotations

import base64
import json
import re
import secrets
import struct
from dataclasses import dataclass
from typing import Any

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status
from edgewright_verify.probes import sse
from edgewright_verify.probes.tools import TOOL
from edgewright_verify.target import Target

AGENT = "default"
"""The agent that front ends ask for where they name none."""

COPILOTKIT = "/copilotkit"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"

_PART = re.compile(r"\r\n\r\n(\{.*?\})\r\n---", re.DOTALL)


@dataclass(frozen=True)
class Events:
    """The events of a stream, as objects; those that are none are left out."""

    exchange: Exchange
    all: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, exchange: Exchange) -> Events:
        expect_status(exchange, 200)
        expect(exchange.media_type == "text/event-stream", "text/event-stream", exchange.media_type, exchange)
        read = (_object(event.data) for event in sse.parse(exchange.reads).events)
        return cls(exchange, tuple(found for found in read if found is not None))

    @property
    def types(self) -> list[Any]:
        return [event.get("type") for event in self.all]

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.all if event.get("type") == name]

    def joined(self, name: str, key: str = "delta") -> str:
        """The texts of the events of one type, put together."""
        return "".join(str(event.get(key, "")) for event in self.of_type(name))


def run_input(prompt: str, **more: Any) -> dict[str, Any]:
    """What an AG-UI client sends; ids of its own each time."""
    ids = {"threadId": f"thread-{secrets.token_hex(8)}", "runId": f"run-{secrets.token_hex(8)}"}
    message = {"id": f"user-{secrets.token_hex(8)}", "role": "user", "content": prompt}
    return {**ids, "state": {}, "messages": [message], "tools": [], "context": [], "forwardedProps": {}, **more}


def run_agent(target: Target, asked: dict[str, Any], agent: str = AGENT) -> Exchange:
    """One run of an agent."""
    return target.ask("POST", f"/agent/{agent}/run", body=asked, headers={"accept": "text/event-stream"})


def envelope(target: Target, method: str, params: dict[str, Any], body: dict[str, Any] | None = None) -> Exchange:
    """One request to CopilotKit's single path."""
    asked = {"method": method, "params": params, **({} if body is None else {"body": body})}
    return target.ask("POST", COPILOTKIT, body=asked)


def graphql(target: Target, operation: str, variables: dict[str, Any]) -> Exchange:
    """One operation as a page of CopilotKit 1.10 sends it."""
    query = "mutation generateCopilotResponse" if operation == "generateCopilotResponse" else "query availableAgents"
    asked = {"operationName": operation, "query": f"{query} {{ x }}", "variables": variables}
    accept = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
    return target.ask("POST", COPILOTKIT, body=asked, headers={"accept": accept})


def graphql_chat(prompt: str) -> dict[str, Any]:
    """Variables of a chat."""
    said = {"textMessage": {"role": "user", "content": prompt}}
    message = {"id": f"ck-{secrets.token_hex(8)}", "createdAt": "2026-01-01T00:00:00.000Z", **said}
    data = {
        "frontend": {"actions": [], "url": "https://page.example"},
        "messages": [message],
        "metadata": {"requestType": "Chat"},
        "threadId": f"thread-{secrets.token_hex(8)}",
        "runId": None,
        "forwardedParameters": {},
        "context": [],
    }
    return {"data": data, "properties": {}}


def parts_of(exchange: Exchange) -> list[dict[str, Any]]:
    """The parts of a multipart/mixed answer, as objects."""
    return [found for text in _PART.findall(exchange.text) if (found := _object(text)) is not None]


def anthropic_ask(target: Target, prompt: str, **more: Any) -> Exchange:
    """One message as Anthropic's clients ask for it."""
    asked = {"model": target.model, "max_tokens": 256, "messages": [{"role": "user", "content": prompt}], **more}
    return target.ask("POST", MESSAGES, body=asked, headers={"anthropic-version": "2023-06-01"})


def anthropic_tool() -> dict[str, Any]:
    """The tool of other suites, as Anthropic writes it, and that it must be called."""
    function: Any = TOOL["function"]
    tool = {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": function["name"]}}


def respond(target: Target, prompt: str, **more: Any) -> Exchange:
    """One response of OpenAI's newer API."""
    return target.ask("POST", RESPONSES, body={"model": target.model, "input": prompt, **more})


def text_of_response(body: Any) -> str:
    """The texts of a response's messages."""
    items = body.get("output") if isinstance(body, dict) else None
    parts = [part for item in items or () if item.get("type") == "message" for part in item.get("content", ())]
    return "".join(part.get("text", "") for part in parts if part.get("type") == "output_text")


def floats(text: str) -> list[float]:
    """A vector that is sent as Base64: 32-bit floats, the smallest byte first."""
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
