"""Protocols: front ends that speak something else than chat completions are answered as they expect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.chat import fresh
from edgewright_verify.probes.fronts import (
    AGENT,
    COPILOTKIT,
    Events,
    anthropic_ask,
    anthropic_tool,
    envelope,
    floats,
    graphql,
    graphql_chat,
    parts_of,
    respond,
    run_agent,
    run_input,
    text_of_response,
)
from edgewright_verify.probes.mistakes import UNKNOWN_MODEL
from edgewright_verify.probes.tools import NAME, QUESTION, TOOL
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_protocols

PROMPT = "Say hello."
NO_AGENT = "edgewright-verify-no-such-agent"


@pytest.fixture(scope="module")
def agents(edge_target: Target) -> Target:
    """The target, if it runs agents, and one of the usual name."""
    edge_target.needs_endpoint("POST /agent/{id}/run")
    if run_agent(edge_target, run_input(fresh(PROMPT))).status == 404:
        not_applicable(f"the target has no agent called {AGENT}")
    return edge_target


@pytest.fixture(scope="module")
def run(agents: Target) -> tuple[dict[str, Any], Events]:
    """One run: what was asked, and its events."""
    asked = run_input(fresh(PROMPT))
    return asked, Events.of(run_agent(agents, asked))


def test_agent_run(run: tuple[dict[str, Any], Events]) -> None:
    """A run of an agent starts under its own ids, tells one message in order, and finishes last."""
    _expect_run(*run)


def test_agent_frames(run: tuple[dict[str, Any], Events]) -> None:
    """Frames are what every AG-UI client can read: LF alone, JSON without nulls or empty texts, no [DONE]."""
    _, events = run
    text = events.exchange.text
    expect("\r" not in text, "frames that end in LF", "a CR", events.exchange)
    expect("[DONE]" not in text, "no [DONE]", "one", events.exchange)
    data = [line for line in text.split("\n") if line.startswith("data:")]
    expect(
        len(data) == len(events.all), "an object in every frame", f"{len(events.all)} in {len(data)}", events.exchange
    )
    empty = [event for event in events.all if None in event.values() or event.get("delta") == ""]
    expect(not empty, "no null and no empty delta", empty[:1], events.exchange)


def test_agent_tool_call(agents: Target) -> None:
    """A call of the page's tool can be put together from its pieces, and is closed."""
    function: Any = TOOL["function"]
    forced = {"forwardedProps": {"toolChoice": {"type": "function", "function": {"name": NAME}}}}
    events = Events.of(run_agent(agents, run_input(fresh(QUESTION), tools=[function], **forced)))
    started = events.of_type("TOOL_CALL_START")
    if not started:
        not_applicable(f"no call of a tool from the agent {AGENT}")
    expect(started[0].get("toolCallName") == NAME, f"a call of {NAME}", started[0], events.exchange)
    arguments = events.joined("TOOL_CALL_ARGS")
    expect(_is_object(arguments), "arguments that are JSON text of an object", arguments, events.exchange)
    ended = {event.get("toolCallId") for event in events.of_type("TOOL_CALL_END")}
    expect(ended == {event.get("toolCallId") for event in started}, "each call closed", ended, events.exchange)


def test_agent_ids_are_fresh(agents: Target) -> None:
    """The same question in another run is a message with an id of its own, also from the cache."""
    prompt = fresh(PROMPT)
    first, second = (Events.of(run_agent(agents, run_input(prompt))) for _ in range(2))
    ids = [events.of_type("TEXT_MESSAGE_START")[0].get("messageId") for events in (first, second)]
    expect(ids[0] != ids[1], "another message id", ids[1], second.exchange)


def test_unknown_agent(agents: Target) -> None:
    """An agent that does not exist is refused before the stream: 404."""
    expect_status(run_agent(agents, run_input(PROMPT), NO_AGENT), 404)


def test_copilotkit_info(edge_target: Target) -> None:
    """CopilotKit learns of the same agents over both of its transports."""
    edge_target.needs_endpoint("GET /copilotkit/info")
    answers = [edge_target.ask("GET", f"{COPILOTKIT}/info"), envelope(edge_target, "info", {})]
    named = []
    for answer in answers:
        expect_status(answer, 200)
        body: Any = answer.json
        agents = body.get("agents") if isinstance(body, dict) else None
        expect(isinstance(agents, dict) and bool(agents), "agents by their ids", answer.text, answer)
        named.append(sorted(agents or ()))
    expect(named[0] == named[1], f"{named[0]}", named[1], answers[1])


def test_copilotkit_run(edge_target: Target) -> None:
    """A run through CopilotKit's single path is told as any other."""
    edge_target.needs_endpoint("GET /copilotkit/info")
    asked = run_input(fresh(PROMPT))
    _expect_run(asked, Events.of(envelope(edge_target, "agent/run", {"agentId": _an_agent(edge_target)}, asked)))


def test_copilotkit_unknown_thread(edge_target: Target) -> None:
    """A thread that is not known connects to an empty stream, and has no run to stop."""
    edge_target.needs_endpoint("GET /copilotkit/info")
    asked, agent = run_input("", messages=[]), _an_agent(edge_target)
    connected = envelope(edge_target, "agent/connect", {"agentId": agent}, asked)
    expect_status(connected, 200)
    expect(connected.media_type == "text/event-stream", "text/event-stream", connected.media_type, connected)
    expect(connected.body == b"", "nothing", connected.text, connected)
    stopped = envelope(edge_target, "agent/stop", {"agentId": agent, "threadId": asked["threadId"]})
    expect_status(stopped, 200)
    body: Any = stopped.json
    expect(isinstance(body, dict) and body.get("stopped") is False, "stopped: false", stopped.text, stopped)


def test_graphql_agents(edge_target: Target) -> None:
    """A page of CopilotKit 1.10 learns of the agents."""
    _needs_graphql(edge_target)
    answer = graphql(edge_target, "availableAgents", {})
    expect_status(answer, 200)
    body: Any = answer.json
    found = ((body or {}).get("data") or {}).get("availableAgents") if isinstance(body, dict) else None
    expect(isinstance((found or {}).get("agents"), list), "data.availableAgents.agents", answer.text, answer)


def test_graphql_answer(edge_target: Target) -> None:
    """A page of CopilotKit 1.10 sees its answer grow part by part, to a status that says Success."""
    _needs_graphql(edge_target)
    edge_target.needs("streaming")
    answer = graphql(edge_target, "generateCopilotResponse", graphql_chat(fresh(PROMPT)))
    expect_status(answer, 200)
    expect(answer.media_type == "multipart/mixed", "multipart/mixed", answer.media_type, answer)
    parts = parts_of(answer)
    last = [part.get("hasNext") for part in parts]
    expect(bool(parts) and last == [True] * (len(parts) - 1) + [False], "hasNext false in the last alone", last, answer)
    told = [each for part in parts for each in part.get("incremental", ())]
    words = [word for each in told if each.get("path", [])[3:4] == ["content"] for word in each.get("items", ())]
    expect(bool("".join(map(str, words))), "words of an answer", words, answer)
    statuses = [each["data"]["status"] for each in told if each.get("path") == ["generateCopilotResponse"]]
    codes = [status.get("code") for status in statuses]
    expect(codes == ["Success"], "one status of the whole, Success", codes, answer)


@pytest.fixture(scope="module")
def messages(edge_target: Target) -> Target:
    """The target, if it speaks Anthropic's Messages."""
    edge_target.needs_endpoint("POST /v1/messages")
    return edge_target


def test_anthropic_message(messages: Target) -> None:
    """Anthropic's clients get a message of text blocks, why it ended, and its usage."""
    answer = anthropic_ask(messages, fresh(PROMPT))
    expect_status(answer, 200)
    body: Any = answer.json
    told = isinstance(body, dict) and body.get("type") == "message" and body.get("role") == "assistant"
    expect(told and isinstance(body.get("id"), str), "a message with an id", answer.text, answer)
    text = "".join(block.get("text", "") for block in body.get("content") or () if block.get("type") == "text")
    expect(bool(text), "a block of text", body.get("content"), answer)
    expect(body.get("stop_reason") == "end_turn", "stop_reason end_turn", body.get("stop_reason"), answer)
    counts = [(body.get("usage") or {}).get(name) for name in ("input_tokens", "output_tokens")]
    expect(all(isinstance(count, int) for count in counts), "input_tokens and output_tokens", counts, answer)


def test_anthropic_stream(messages: Target) -> None:
    """Anthropic's clients get a message as a stream: begun, blocks opened and closed, the reason, the end."""
    messages.needs("streaming")
    events = Events.of(anthropic_ask(messages, fresh(PROMPT), stream=True))
    types = [name for name in events.types if name != "ping"]
    expect(
        types[:2] == ["message_start", "content_block_start"], "the message, then a block", types[:2], events.exchange
    )
    expect(types[-2:] == ["message_delta", "message_stop"], "the reason, then the end", types[-2:], events.exchange)
    opened, closed = types.count("content_block_start"), types.count("content_block_stop")
    expect(opened == closed, f"{opened} blocks closed", closed, events.exchange)
    words = [event.get("delta", {}).get("text", "") for event in events.of_type("content_block_delta")]
    expect(bool("".join(words)), "words of an answer", words, events.exchange)
    [ended] = events.of_type("message_delta")
    expect("output_tokens" in (ended.get("usage") or {}), "usage with the reason", ended, events.exchange)
    names = [line.removeprefix("event: ") for line in events.exchange.text.split("\n") if line.startswith("event: ")]
    expect(names == events.types, "an event line for each type", names[:3], events.exchange)


def test_anthropic_tool(messages: Target) -> None:
    """A tool that must be called is called, with an input that is an object."""
    answer = anthropic_ask(messages, fresh(QUESTION), **anthropic_tool())
    expect_status(answer, 200)
    body: Any = answer.json
    calls = [block for block in body.get("content") or () if block.get("type") == "tool_use"]
    if not calls:
        not_applicable("no call of a tool from the model")
    expect(calls[0].get("name") == NAME and bool(calls[0].get("id")), f"a call of {NAME} with an id", calls[0], answer)
    expect(isinstance(calls[0].get("input"), dict), "an input that is an object", calls[0], answer)
    expect(body.get("stop_reason") == "tool_use", "stop_reason tool_use", body.get("stop_reason"), answer)


def test_anthropic_error(messages: Target) -> None:
    """A refusal has the shape that Anthropic's clients turn into their exceptions."""
    answer = anthropic_ask(messages, PROMPT, model=UNKNOWN_MODEL)
    expect_status(answer, 404)
    body: Any = answer.json
    told = isinstance(body, dict) and body.get("type") == "error"
    expect(told and answer.error_field("type") == "not_found_error", "error.type not_found_error", answer.text, answer)


@pytest.fixture(scope="module")
def responding(edge_target: Target) -> Target:
    """The target, if it speaks OpenAI's Responses."""
    edge_target.needs_endpoint("POST /v1/responses")
    return edge_target


def test_response(responding: Target) -> None:
    """A response is completed, with its text and usage."""
    answer = respond(responding, fresh(PROMPT), store=False)
    expect_status(answer, 200)
    body: Any = answer.json
    told = isinstance(body, dict) and body.get("object") == "response" and body.get("status") == "completed"
    expect(told, "a response that is completed", answer.text, answer)
    expect(bool(text_of_response(body)), "an output of text", body.get("output"), answer)
    counts = [(body.get("usage") or {}).get(name) for name in ("input_tokens", "output_tokens", "total_tokens")]
    expect(all(isinstance(count, int) for count in counts), "usage", counts, answer)


def test_response_stream(responding: Target) -> None:
    """A streamed response numbers its events without a gap, and its pieces make the text that it ends with."""
    responding.needs("streaming")
    events = Events.of(respond(responding, fresh(PROMPT), store=False, stream=True))
    numbers = [event.get("sequence_number") for event in events.all]
    expect(numbers == list(range(len(numbers))), "numbers from 0 on", numbers[:5], events.exchange)
    expect(events.types[:1] == ["response.created"], "response.created first", events.types[:1], events.exchange)
    expect(events.types[-1:] == ["response.completed"], "response.completed last", events.types[-1:], events.exchange)
    text = events.joined("response.output_text.delta")
    whole = text_of_response(events.all[-1].get("response"))
    expect(bool(text) and text == whole, f"the text {whole!r}", text, events.exchange)


def test_response_goes_on(responding: Target) -> None:
    """A response goes on from the one before: the model is told of both."""
    responding.needs("sessions")
    first = respond(responding, fresh(PROMPT))
    expect_status(first, 200)
    before: Any = first.json
    second = respond(responding, fresh(PROMPT), previous_response_id=before["id"])
    expect_status(second, 200)
    after: Any = second.json
    counts = [body["usage"]["input_tokens"] for body in (before, after)]
    expect(counts[1] > counts[0], f"more than {counts[0]} input tokens", counts[1], second)
    expect(after["id"] != before["id"], "an id of its own", after["id"], second)


def test_completion(edge_target: Target) -> None:
    """A text completion is answered with text."""
    edge_target.needs_endpoint("POST /v1/completions")
    answer = edge_target.ask("POST", "/v1/completions", body={"model": edge_target.model, "prompt": fresh(PROMPT)})
    expect_status(answer, 200)
    body: Any = answer.json
    told = isinstance(body, dict) and body.get("object") == "text_completion"
    choices: Any = body.get("choices") if told else None
    expect(bool(choices) and bool(choices[0].get("text")), "a choice with text", answer.text, answer)


def test_embedding(edge_target: Target) -> None:
    """A text's vector is the same as numbers and as Base64, which the official clients ask for."""
    edge_target.needs_endpoint("POST /v1/embeddings")
    model, first = _embedding_model(edge_target)
    vector = _vector(first)
    expect(isinstance(vector, list) and len(vector) > 1, "a list of numbers", vector, first)
    second = _embed(edge_target, model, "base64")
    expect_status(second, 200)
    packed = _vector(second)
    expect(isinstance(packed, str), "Base64", packed, second)
    near = len(floats(packed)) == len(vector) and all(
        abs(one - other) < 1e-4 for one, other in zip(floats(packed), vector, strict=True)
    )
    expect(near, "the same numbers", "others", second)


def _expect_run(asked: dict[str, Any], events: Events) -> None:
    exchange = events.exchange
    first, last = events.all[0], events.all[-1]
    started = {key: first.get(key) for key in ("type", "threadId", "runId")}
    own = {"threadId": asked["threadId"], "runId": asked["runId"]}
    expect(started == {"type": "RUN_STARTED", **own}, "RUN_STARTED with the ids of the request", started, exchange)
    expect(last.get("type") == "RUN_FINISHED", "RUN_FINISHED last", last, exchange)
    told = [name for name in events.types if str(name).startswith("TEXT_MESSAGE_")]
    expect(
        told[:1] == ["TEXT_MESSAGE_START"] and told[-1:] == ["TEXT_MESSAGE_END"], "one message, closed", told, exchange
    )
    ids = {event.get("messageId") for event in events.all if str(event.get("type")).startswith("TEXT_MESSAGE_")}
    expect(len(ids) == 1, "one message id", ids, exchange)
    expect(bool(events.joined("TEXT_MESSAGE_CONTENT")), "text", told, exchange)


def _needs_graphql(target: Target) -> None:
    if target.capabilities.edgewright and "copilotkit_graphql" not in target.capabilities.protocols:
        not_applicable("the target does not speak CopilotKit 1.10's GraphQL")
    target.needs_endpoint("POST /copilotkit")


def _an_agent(target: Target) -> str:
    """An agent that the target names, the usual one if it is among them."""
    body: Any = target.ask("GET", f"{COPILOTKIT}/info").json
    named = list(body.get("agents") or ()) if isinstance(body, dict) else []
    return AGENT if AGENT in named or not named else str(named[0])


def _embedding_model(target: Target) -> tuple[str, Exchange]:
    """A listed model that embeds, and a text's vector from it."""
    for name in sorted(target.models, key=lambda name: "embed" not in name.lower() and "bge" not in name.lower()):
        answer = _embed(target, name, "float")
        if answer.status == 200:
            return name, answer
    return not_applicable("no listed model embeds")


def _embed(target: Target, model: str, encoding: str) -> Exchange:
    asked = {"model": model, "input": "a text that is always the same", "encoding_format": encoding}
    return target.ask("POST", "/v1/embeddings", body=asked)


def _vector(answer: Exchange) -> Any:
    body: Any = answer.json
    return body["data"][0]["embedding"]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
