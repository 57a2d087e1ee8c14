"""The protocols of front ends as the stub proxy speaks them, each of which it can break."""

import base64
import itertools
import json
import struct
from urllib.parse import unquote

from stub_model import text_for
from stub_server import Reply

AGENT = "default"
ENDPOINTS = [
    "POST /agent/{id}/run",
    "GET /copilotkit/info",
    "POST /copilotkit",
    "POST /v1/messages",
    "POST /v1/responses",
    "POST /v1/completions",
    "POST /v1/embeddings",
]
PROTOCOLS = [
    "openai",
    "ag_ui",
    "anthropic",
    "completions",
    "copilotkit",
    "copilotkit_graphql",
    "embeddings",
    "responses",
]
VECTOR = [0.5, -0.25, 0.125]
STREAM = {"content-type": "text/event-stream"}


class Fronts:
    def __init__(self, proxy, refused):
        self.proxy, self.refused, self.made, self.tokens = proxy, refused, itertools.count(1), {}

    def answer(self, asked):
        """The reply, None where the path is of no front end."""
        path, body = asked.path, json.loads(asked.body) if asked.body[:1] == b"{" else {}
        if path.startswith("/agent/"):
            return self.agent(unquote(path.split("/")[2]), body)
        routes = {
            "/copilotkit/info": self.info,
            "/copilotkit": self.copilotkit,
            "/v1/messages": self.message,
            "/v1/responses": self.response,
            "/v1/completions": self.completion,
            "/v1/embeddings": self.embedding,
        }
        return routes[path](body) if path in routes else None

    def has(self, flaw):
        return self.proxy.has(flaw)

    # AG-UI and CopilotKit

    def agent(self, name, body):
        if name != AGENT and not self.has("any_agent"):
            raise self.refused(404, "agent_not_found")
        return self.run(body, own=not self.has("agent_other_ids"))

    def run(self, body, *, own=True):
        ids = {"threadId": body["threadId"], "runId": body["runId"] if own else "another"}
        message = {"messageId": "msg" if self.has("same_message_id") else f"msg_{next(self.made)}"}
        told = [{"type": "RUN_STARTED", **ids}]
        if (body.get("forwardedProps") or {}).get("toolChoice"):
            told += self.call(body["tools"][0]["name"])
        else:
            words = text_for(body["messages"][-1]["content"], "small").split(" ")
            told.append({"type": "TEXT_MESSAGE_START", **message, "role": "assistant"})
            told += [{"type": "TEXT_MESSAGE_CONTENT", **message, "delta": f"{word} "} for word in words]
            told.append({"type": "TEXT_MESSAGE_END", **message})
        if self.has("null_fields"):
            told[1]["timestamp"] = None
        if not self.has("unfinished_runs"):
            told.append({"type": "RUN_FINISHED", **ids})
        pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in told]
        if self.has("runs_end_with_done"):
            pieces.append(b"data: [DONE]\n\n")
        return Reply(headers=dict(STREAM), pieces=pieces)

    def call(self, name):
        own = {"toolCallId": f"call_{next(self.made)}"}
        ended = [] if self.has("call_left_open") else [{"type": "TOOL_CALL_END", **own}]
        return [
            {"type": "TOOL_CALL_START", **own, "toolCallName": name},
            *({"type": "TOOL_CALL_ARGS", **own, "delta": piece} for piece in ('{"city": ', '"Oslo"}')),
            *ended,
        ]

    def info(self, _body):
        return Reply(body={"agents": {AGENT: {"name": AGENT}}})

    def copilotkit(self, body):
        if "operationName" in body:
            return self.graphql(body)
        method, asked = body.get("method"), body.get("body")
        if method == "info":
            return Reply(body={"agents": {"another": {}}}) if self.has("two_minds") else self.info(body)
        if method == "agent/run":
            return self.run(asked, own=not self.has("envelope_other_ids"))
        if method == "agent/connect":
            if self.has("unknown_thread_404"):
                raise self.refused(404, "not_found")
            return Reply(headers=dict(STREAM), pieces=[])
        return Reply(body={"stopped": self.has("stops_everything")})

    def graphql(self, body):
        if body["operationName"] == "availableAgents":
            agents = None if self.has("no_graphql_agents") else [{"id": AGENT}]
            return Reply(body={"data": {"availableAgents": {"agents": agents}}})
        text = text_for(body["variables"]["data"]["messages"][-1]["textMessage"]["content"], "small")
        at = ["generateCopilotResponse", "messages", 0]
        code = "Failed" if self.has("graphql_failed") else "Success"
        increments = [
            {"items": [{"__typename": "TextMessageOutput", "content": []}], "path": at},
            *({"items": [word], "path": [*at, "content", place]} for place, word in enumerate(text.split(" "))),
            {"data": {"status": {"code": code}}, "path": ["generateCopilotResponse"]},
        ]
        told = [{"data": {"generateCopilotResponse": {"messages": []}}, "hasNext": True}]
        told += [{"incremental": [each], "hasNext": True} for each in increments]
        told[-1]["hasNext"] = self.has("last_part_says_more")
        parts = [f"\r\nContent-Type: application/json\r\n\r\n{json.dumps(part)}\r\n---".encode() for part in told]
        return Reply(headers={"content-type": 'multipart/mixed; boundary="-"'}, pieces=[b"\r\n---", *parts, b"--\r\n"])

    # Anthropic

    def message(self, body):
        if body["model"] not in ("small", "@cf/stub/large", "trial"):
            if self.has("anthropic_errors_as_openai"):
                raise self.refused(404, "model_not_found", "model")
            return Reply(404, {"type": "error", "error": {"type": "not_found_error", "message": "no such model"}})
        usage = {} if self.has("anthropic_without_usage") else {"input_tokens": 3, "output_tokens": 2}
        head = {"id": f"msg_{next(self.made)}", "type": "message", "role": "assistant", "model": body["model"]}
        text = text_for(body["messages"][-1]["content"], body["model"])
        if body.get("stream"):
            return self.message_stream(head, text)
        if body.get("tools"):
            given = '{"city": "Oslo"}' if self.has("input_as_text") else {"city": "Oslo"}
            block = {"type": "tool_use", "id": "toolu_1", "name": body["tools"][0]["name"], "input": given}
            return Reply(body={**head, "content": [block], "stop_reason": "tool_use", "usage": usage})
        content = [{"type": "text", "text": text}]
        return Reply(body={**head, "content": content, "stop_reason": "end_turn", "usage": usage})

    def message_stream(self, head, text):
        told = [
            {"type": "message_start", "message": {**head, "content": [], "usage": {"input_tokens": 3}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]
        if self.has("block_left_open"):
            told = [event for event in told if event["type"] != "content_block_stop"]
        named = not self.has("unnamed_anthropic_events")
        lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in told]
        return Reply(headers=dict(STREAM), pieces=[line.encode() for line in lines])

    # OpenAI's further routes

    def response(self, body):
        before = 0 if self.has("forgets_responses") else self.tokens.get(body.get("previous_response_id"), 0)
        name, text = f"resp_{next(self.made)}", text_for(body["input"], body["model"])
        self.tokens[name] = before + len(body["input"].split())
        content = [{"type": "output_text", "text": text}]
        whole = {
            "id": name,
            "object": "response",
            "status": "queued" if self.has("never_completed") else "completed",
            "output": [{"type": "message", "role": "assistant", "content": content}],
            "usage": {"input_tokens": self.tokens[name], "output_tokens": 2, "total_tokens": self.tokens[name] + 2},
        }
        return self.response_stream(whole, text) if body.get("stream") else Reply(body=whole)

    def response_stream(self, whole, text):
        pieces = [f"{word} " for word in text.split(" ")]
        pieces[-1] = pieces[-1].rstrip(" ")
        if self.has("loses_a_piece"):
            pieces.pop()
        told = [{"type": "response.created", "response": {**whole, "output": []}}]
        told += [{"type": "response.output_text.delta", "delta": piece} for piece in pieces]
        told.append({"type": "response.completed", "response": whole})
        step = 2 if self.has("numbers_skip") else 1
        numbered = [{**event, "sequence_number": place * step} for place, event in enumerate(told)]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered]
        return Reply(headers=dict(STREAM), pieces=lines)

    def completion(self, body):
        text = "" if self.has("completion_without_text") else text_for(body["prompt"], body["model"])
        return Reply(
            body={"object": "text_completion", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}
        )

    def embedding(self, body):
        if body["model"] != "trial":
            raise self.refused(400, "unsupported_parameter", "model")
        order = ">" if self.has("packs_backwards") else "<"
        packed = base64.b64encode(struct.pack(f"{order}{len(VECTOR)}f", *VECTOR)).decode()
        vector = packed if body.get("encoding_format") == "base64" else VECTOR
        return Reply(body={"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": vector}]})
