"""Models: what is listed exists, answers, and can use tools."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.chat import Answer, ask, fresh
from edgewright_verify.probes.mistakes import UNKNOWN_MODEL
from edgewright_verify.probes.tools import NAME, Call, calls_of, calls_of_stream, force_call, hand_back, stream_call
from edgewright_verify.target import MODELS, MODELS_TRIED, Target

pytestmark = pytest.mark.edge_models


@pytest.fixture(scope="module")
def called(edge_target: Target) -> tuple[str, Answer]:
    """The first model that calls a tool when it must, and its answer."""
    answers = ((model, force_call(edge_target, model)) for model in edge_target.chat_models)
    found = next(((model, answer) for model, answer in answers if calls_of(answer)), None)
    return found or not_applicable(f"no call of a tool from {', '.join(edge_target.chat_models)}")


def test_list(edge_target: Target) -> None:
    """The models are listed as OpenAI lists them, each id once."""
    answer = edge_target.ask("GET", MODELS)
    expect_status(answer, 200)
    body: Any = answer.json
    entries: Any = body.get("data") if isinstance(body, dict) and body.get("object") == "list" else None
    expect(isinstance(entries, list) and bool(entries), 'object "list" with data', answer.text, answer)
    for entry in entries:
        whole = isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry.get("object") == "model"
        expect(whole and isinstance(entry.get("created"), int), 'id, object "model", created', entry, answer)
        expect(isinstance(entry.get("owned_by"), str), "owned_by", entry, answer)
    ids = [entry["id"] for entry in entries]
    expect(len(set(ids)) == len(ids), "each id once", ids, answer)


def test_retrieve(edge_target: Target) -> None:
    """Each listed model can be looked up by its id, percent-encoded as the OpenAI clients send it."""
    if not edge_target.models:
        not_applicable("the target lists no models")
    for name in edge_target.models[:MODELS_TRIED]:
        answer = edge_target.ask("GET", f"{MODELS}/{quote(name, safe='')}")
        expect_status(answer, 200)
        body: Any = answer.json
        found = body.get("id") if isinstance(body, dict) else None
        expect(found == name, f"the model {name}", answer.text, answer)


def test_unknown_model(edge_target: Target) -> None:
    """A model that is not listed cannot be looked up: 404 with the code model_not_found."""
    answer = edge_target.ask("GET", f"{MODELS}/{UNKNOWN_MODEL}")
    expect_status(answer, 404)
    code = answer.error_field("code")
    expect(code == "model_not_found", "code model_not_found", code, answer)


def test_models_answer(edge_target: Target) -> None:
    """The first listed models answer, under the name they are listed by."""
    for name in edge_target.chat_models:
        answer = ask(edge_target, fresh("Say hello."), model=name)
        if name != edge_target.model and answer.exchange.error_field("param") == "model":
            continue  # it is there for something else, such as embeddings
        expect_status(answer.exchange, 200)
        expect(bool(answer.text), f"text from {name}", answer.message, answer.exchange)
        if edge_target.capabilities.edgewright and name in edge_target.models:  # an alias answers by its model's name
            expect(answer.body.get("model") == name, f"model {name}", answer.body.get("model"), answer.exchange)


def test_tool_call(called: tuple[str, Answer]) -> None:
    """A tool that must be called is called, with arguments that are JSON text."""
    _, answer = called
    _expect_call(calls_of(answer), answer.finish_reason, answer)


def test_tool_result(edge_target: Target, called: tuple[str, Answer]) -> None:
    """The turn that hands a tool's result back is answered with text."""
    model, answer = called
    second = hand_back(edge_target, model, answer)
    expect_status(second.exchange, 200)
    expect(bool(second.text), "a message with text", second.message, second.exchange)


def test_streamed_tool_call(edge_target: Target, called: tuple[str, Answer]) -> None:
    """A streamed call of a tool can be put together from its pieces."""
    edge_target.needs("streaming")
    answer = stream_call(edge_target, called[0])
    expect_status(answer.exchange, 200)
    expect(answer.whole, "a whole stream", answer.tail, answer.exchange)
    _expect_call(calls_of_stream(answer), answer.finish_reasons[0], answer)


def _expect_call(calls: list[Call], finish_reason: object, answer: Any) -> None:
    exchange = answer.exchange
    expect(bool(calls), "a call of the tool", exchange.text, exchange)
    call = calls[0]
    named = call.type == "function" and call.name == NAME and isinstance(call.id, str) and bool(call.id)
    expect(named, f"a call of {NAME} with an id", call, exchange)
    expect(call.parsed is not None, "arguments that are JSON text of an object", repr(call.arguments), exchange)
    # OpenAI itself says "stop" where the choice was forced to one function.
    expect(finish_reason in {"tool_calls", "stop"}, "finish reason tool_calls", finish_reason, exchange)
