"""CopilotKit 1.10's own client, in Node, against the deployed Worker: it streams, acts, fails, leaves."""

import json
from contextlib import contextmanager

import httpx
import pytest
from edgewright.keys import new_client_key
from edgewright.usage import schema
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT

from .node_client import node_client
from .stage import KEY, Stage, fresh

LIMITED = new_client_key()
SUCCESS = {"code": "Success", "__typename": "SuccessResponseStatus"}
PAINT = {
    "available": "enabled",
    "name": "set_background",
    "description": "Sets the background",
    "jsonSchema": json.dumps({"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}),
}
MODELS = {
    "good": ["good"],
    "cut": ["cut"],
    "rescued": ["unavailable", "good"],
    "down": ["unavailable"],
}


def changes(base_url):
    models = {name: {"targets": [{"upstream": "wall", "model": each} for each in of]} for name, of in MODELS.items()}
    return {
        "upstreams": {
            "wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"},
            "ai": {"type": "workers-ai"},
        },
        "models": {**models, "acting": {"targets": [{"upstream": "ai", "model": "@cf/openai/gpt-oss-120b"}]}},
        "agents": {"default": {}, "terse": {"instructions": "Be brief."}},
        "protocols": {"copilotkit_graphql": True},
        "sessions": {},
        "usage": {"enabled": True},
        "cache": {"enabled": True},
        "limits": {
            "rules": [
                {"name": "two", "per": "key", "of": "requests", "at_most": 2, "window_seconds": 86_400, "keys": ["two"]}
            ]
        },
        "auth": {"keys": {"demo": {"tenant": "demo"}, "two": {"tenant": "two"}}},
        "client_keys": {"demo": KEY, "two": LIMITED},
    }


@contextmanager
def staged(folder, **more):
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes(upstream.base_url), **more) as made:
        yield made


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with staged(tmp_path_factory.mktemp("graphql")) as made:
        yield made


@pytest.fixture(scope="module")
def play(stage):
    with node_client("copilotkit_graphql", url=f"{stage.url}/copilotkit", key=KEY) as made:
        yield made


def said(text, role="user"):
    return {"id": fresh("ck"), "createdAt": "2026-11-23T08:06:17.817Z", "textMessage": {"role": role, "content": text}}


def data(*messages, model=None, actions=(), **more):
    """What a page of 1.10.6 sends with each turn."""
    return {
        "agentStates": [],
        "context": [],
        "extensions": {},
        "forwardedParameters": {} if model is None else {"model": model},
        "frontend": {"actions": list(actions), "url": "http://127.0.0.1/"},
        "messages": list(messages),
        "metaEvents": [],
        "metadata": {"requestType": "Chat"},
        "runId": None,
        "threadId": fresh("thread"),
        **more,
    }


def test_an_answer_grows_word_by_word(play):
    asked = data(said(fresh()))
    seen = play("chat", data=asked)
    assert (seen["errors"], seen["warnings"]) == ([], [])
    assert seen["texts"][-1] == TEXT
    assert len(set(seen["texts"])) > 10
    assert all(TEXT.startswith(text) for text in seen["texts"])
    assert (seen["status"], seen["threadId"]) == (SUCCESS, asked["threadId"])
    assert [message["status"]["code"] for message in seen["messages"]] == ["Success"]


def test_an_action_is_called_and_its_result_goes_on(play):
    question = said(f"Please set_background to Lavender {fresh()}")
    first = play("chat", data=data(question, model="acting", actions=[PAINT]))
    (call,) = first["messages"]
    assert (call["name"], list(call["arguments"]), call["status"]["code"]) == ("set_background", ["color"], "Success")
    acted = {
        "id": call["id"],
        "createdAt": call["createdAt"],
        "actionExecutionMessage": {
            "name": call["name"],
            "arguments": json.dumps(call["arguments"]),
            "parentMessageId": call["parentMessageId"],
        },
    }
    result = {
        "id": f"result-{call['id']}",
        "createdAt": call["createdAt"],
        "resultMessage": {"actionExecutionId": call["id"], "actionName": call["name"], "result": "it is lavender now"},
    }
    second = play("chat", data=data(question, acted, result, model="acting", actions=[PAINT]))
    assert "it is lavender now" in second["texts"][-1]
    assert second["status"] == SUCCESS


def test_the_same_question_is_answered_from_the_cache_with_new_ids(stage, play):
    question = fresh()
    first, second = (play("chat", data=data(said(question))) for _ in range(2))
    assert len(stage.calls(question)) == 1
    assert first["texts"][-1] == second["texts"][-1] == TEXT
    assert first["messages"][0]["id"] != second["messages"][0]["id"]
    assert first["threadId"] != second["threadId"]


def test_a_target_that_is_down_is_passed_over(stage, play):
    question = fresh()
    seen = play("chat", data=data(said(question), model="rescued"))
    assert seen["texts"][-1] == TEXT
    assert {call["model"] for call in stage.calls(question)} == {"unavailable", "good"}


def test_an_answer_that_breaks_off_has_failed_and_keeps_its_words(play):
    seen = play("chat", data=data(said(fresh()), model="cut"))
    assert seen["texts"][-1]
    assert TEXT.startswith(seen["texts"][-1])
    assert seen["status"]["__typename"] == "FailedResponseStatus"
    assert seen["status"]["reason"] == "UNKNOWN_ERROR"
    assert seen["status"]["details"]["description"] == "The model's answer broke off before its end."


@pytest.mark.parametrize(
    ("asked", "how", "message"),
    [
        ({"model": "nope"}, {}, "The model 'nope' does not exist."),
        ({"model": "down"}, {}, "No model could answer just now; try again."),
        ({"agentSession": {"agentName": "nope"}}, {}, "The agent 'nope' does not exist."),
        ({}, {"key": "sk-edge-wrong"}, "This key is not known here."),
    ],
    ids=["model", "upstream", "agent", "key"],
)
def test_a_refusal_says_why(play, asked, how, message):
    seen = play("chat", data=data(said(fresh()), **asked), **how)
    assert [error["message"] for error in seen["errors"]] == [message]
    assert seen["texts"] == []


def test_a_limit_is_told(play):
    for _ in range(2):
        assert play("chat", key=LIMITED, data=data(said(fresh())))["status"] == SUCCESS
    (error,) = play("chat", key=LIMITED, data=data(said(fresh())))["errors"]
    assert error["extensions"]["error"]["code"] == "rate_limit_exceeded"


def test_whoever_leaves_stops_the_model(stage, play):
    question = fresh()
    seen = play("chat", data=data(said(question)), leave=4)
    assert 0 < len(seen["texts"][-1]) < len(TEXT)
    while (call := stage.calls(question)[0])["outcome"] is None:
        pass
    assert call["outcome"] == "cancelled"
    assert call["tokens_sent"] < 60


def test_agents_are_listed_and_their_threads_begin_empty(play):
    assert [agent["name"] for agent in play("availableAgents")["data"]["agents"]] == ["default", "terse"]
    state = play("loadAgentState", data={"threadId": "t1", "agentName": "terse"})["data"]
    assert {**state, "__typename": None} == {
        "threadId": "t1",
        "threadExists": False,
        "state": "{}",
        "messages": "[]",
        "__typename": None,
    }
    unknown = play("loadAgentState", data={"threadId": "t1", "agentName": "nope"})
    assert "The agent 'nope' does not exist." in unknown["error"]


def test_a_tool_reads_the_schema(play):
    queries, mutations = play("introspect")["data"]
    assert set(queries) == {"availableAgents", "hello", "loadAgentState"}
    assert mutations == ["generateCopilotResponse"]


def test_an_agent_of_the_stack_instructs_the_model(stage, play):
    question = fresh()
    play("chat", data=data(said(question), agentSession={"agentName": "terse"}))
    (call,) = stage.calls(question)
    assert call["messages"][0] == {"role": "system", "content": "Be brief."}


def test_what_was_used_is_counted(stage, play):
    with httpx.Client(
        base_url=stage.cloud.control_url, headers={"authorization": f"Bearer {stage.cloud.token}"}
    ) as control:
        control.delete("/points")
        play("chat", data=data(said(fresh())))
        play("chat", data=data(said(fresh()), model="nope"))
        while len(points := control.get("/points").json()) < 2:
            pass
    answered, refused = (of_point(point) for point in points)
    assert answered == {"outcome": "ok", "error": "", "protocol": "copilotkit_graphql", "status": 200, "tokens_out": 60}
    assert (refused["outcome"], refused["error"], refused["status"]) == ("refused", "model_not_found", 404)


def of_point(point):
    columns = schema().columns
    return {name: point[columns[name]] for name in ("outcome", "error", "protocol", "status", "tokens_out")}


def test_a_proxy_that_does_not_stream_answers_in_one_piece(tmp_path):
    with (
        staged(tmp_path, streaming={"enabled": False}) as stage,
        node_client("copilotkit_graphql", url=f"{stage.url}/copilotkit", key=KEY) as play,
    ):
        whole = play("chat", data=data(said(fresh())))
        (call,) = play("chat", data=data(said("set_background to Red"), model="acting", actions=[PAINT]))["messages"]
    assert (whole["texts"], whole["status"]) == ([TEXT], SUCCESS)
    assert (call["name"], call["status"]["code"]) == ("set_background", "Success")
