"""Three real AG-UI clients against agents on the deployed Worker; AG-UI's own Python models read its events, too."""

import json

import pytest
from ag_ui.core import Event, EventType
from edgewright_verify.upstream import ScriptedUpstream
from pydantic import TypeAdapter

from .ag_ui_client import CLIENTS, NODE, ag_ui_client, types
from .odd import targets, upstreams
from .stage import KEY, Stage, fresh

PAINT = {
    "name": "set_background",
    "description": "Sets the colour of the page",
    "parameters": {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]},
}

pytestmark = pytest.mark.skipif(NODE is None, reason="the AG-UI clients need Node")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ag-ui")
    with ScriptedUpstream(0.05) as upstream, upstreams(upstream.base_url) as served:
        changes = {
            "upstreams": served,
            "models": {
                "small": targets("@cf/meta/llama-3.1-8b-instruct-fp8-fast"),
                "mended": targets("@cf/fault/error-500", "@cf/openai/gpt-oss-120b"),
                "dead": targets("@cf/fault/error-500"),
                "broken": targets("cut", upstream="wall"),
                "slow": targets("slow", upstream="wall"),
                "thinker": targets("thinker", upstream="thinker"),
            },
            "default_model": "small",
            "sessions": {"enabled": False},
            "agents": {
                **{name: {"model": name} for name in ("mended", "dead", "broken", "slow", "thinker")},
                "default": {"instructions": "Be kind."},
                "quiet": {"tools": "none"},
            },
            "protocols": {"ag_ui": True},
        }
        with Stage(folder, upstream, **changes) as made:
            yield made


@pytest.fixture(scope="module", params=CLIENTS)
def client(request, stage):
    """Plays scenarios with one of the clients."""
    with ag_ui_client(request.param, f"{stage.url}/agent") as play:
        yield play


def test_a_run_is_told_word_by_word_and_kept_by_the_client(client):
    told = client({"say": f"Say {fresh()}"}, {"say": "And again"})
    first, second = told["runs"]
    assert first["failure"] is None
    assert types(first)[:2] == ["RUN_STARTED", "TEXT_MESSAGE_START"]
    assert types(first)[-2:] == ["TEXT_MESSAGE_END", "RUN_FINISHED"]
    assert types(first).count("TEXT_MESSAGE_CONTENT") > 3
    if client.version != "ag-ui-0.0.42":  # it passes over what it does not know
        [used] = first["events"][-1]["usage"]
        assert used["totalTokens"] == used["inputTokens"] + used["outputTokens"] > 0
    assert [message["role"] for message in told["messages"]] == ["user", "assistant", "user", "assistant"]
    assert told["messages"][1]["content"].startswith('You wrote "Say ')
    assert second["failure"] is None


def test_the_page_runs_a_tool_and_the_model_goes_on(client):
    told = client(
        {"say": "Please use set_background with Red"},
        {"result": "background is now red"},
        tools=[PAINT],
        state={"count": 1},
    )
    asked, went_on = told["runs"]
    assert asked["failure"] is went_on["failure"] is None
    assert [name for name in types(asked) if name != "TOOL_CALL_ARGS"] == [
        "RUN_STARTED",
        "TOOL_CALL_START",
        "TOOL_CALL_END",
        "RUN_FINISHED",
    ]
    user, called, result, answer = told["messages"]
    assert called["toolCalls"][0]["function"]["name"] == "set_background"
    assert json.loads(called["toolCalls"][0]["function"]["arguments"]) == {"color": "Red"}
    assert result["toolCallId"] == called["toolCalls"][0]["id"]
    assert answer["content"].startswith("The tool answered: background is now red.")
    assert told["state"] == {"count": 1}
    assert user["role"] == "user"


def test_an_agent_without_tools_calls_none(client):
    told = client({"say": "Please use set_background with Red"}, path="quiet/run", tools=[PAINT])
    assert "TOOL_CALL_START" not in types(told["runs"][0])
    assert told["messages"][-1]["content"]


def test_what_the_model_thinks_comes_before_what_it_says(client):
    [run] = client({"say": "Two and two?"}, path="thinker/run")["runs"]
    assert run["failure"] is None
    thought = "REASONING" if client.version == "ag-ui-1.0.0" else "THINKING"
    told = types(run)
    assert told[1].startswith(thought)
    assert told.index("TEXT_MESSAGE_START") > max(place for place, name in enumerate(told) if name.startswith(thought))


def test_another_model_answers_where_the_first_fails(client):
    told = client({"say": f"Hello {fresh()}"}, path="mended/run")
    assert told["runs"][0]["failure"] is None
    assert "gpt-oss-120b" in told["messages"][-1]["content"]


def test_the_same_question_of_another_thread_is_a_new_message(client):
    question = f"What is {fresh()}?"
    first, second = (client({"say": question}) for _ in range(2))
    assert first["messages"][-1]["content"] == second["messages"][-1]["content"]
    assert first["messages"][-1]["id"] != second["messages"][-1]["id"]
    assert second["runs"][0]["events"][0]["threadId"] != first["runs"][0]["events"][0]["threadId"]


def test_a_failure_before_the_first_word_is_an_http_error(client):
    [run] = client({"say": "Hello"}, path="dead/run")["runs"]
    assert "50" in run["failure"]["message"]


@pytest.mark.parametrize(
    ("agent", "key", "status", "code"),
    [("nobody", KEY, 404, "agent_not_found"), ("default", "sk-edge-wrong", 401, "invalid_api_key")],
)
def test_a_refusal_tells_its_status_and_why(client, agent, key, status, code):
    [run] = client({"say": "Hello"}, path=f"{agent}/run", key=key)["runs"]
    assert f"HTTP {status}" in run["failure"]["message"]
    assert code in run["failure"]["message"]


def test_a_failure_in_the_middle_is_a_run_error_and_the_next_turn_works(client):
    told = client({"say": f"Hello {fresh()}"}, {"say": "Are you there?"}, path="broken/run")
    for run in told["runs"]:
        assert run["failure"] is None
        assert run["runError"]["code"] in ("stream_truncated", "upstream_error")
        assert types(run)[-1] == "RUN_ERROR"


def test_a_client_that_aborts_stops_the_model(client, stage):
    question = fresh("abort")
    [run] = client({"say": question}, path="slow/run", leaveAfter=5)["runs"]
    assert "RUN_FINISHED" not in types(run)
    [call] = stage.calls(question)
    assert call["outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("agent", "more"),
    [
        ("default", {}),
        ("thinker", {"protocolVersion": "1.0"}),
        ("broken", {}),
        ("default", {"tools": [PAINT], "forwardedProps": {"toolChoice": "required"}}),
    ],
    ids=["text", "reasoning", "failure", "tool"],
)
def test_events_are_those_of_the_protocols_own_models(stage, agent, more):
    asked = {
        "threadId": "t",
        "runId": "r",
        "messages": [{"id": "u", "role": "user", "content": f"Hello {fresh()}"}],
        **more,
    }
    response = stage.http.post(f"{stage.url}/agent/{agent}/run", json=asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    frames = response.text.split("\n\n")
    assert frames.pop() == ""
    events = [TypeAdapter(Event).validate_json(frame.removeprefix("data: ")) for frame in frames]
    for frame, event in zip(frames, events, strict=True):
        # Nothing of a frame is unknown to the model, nothing of it is null.
        assert json.loads(frame.removeprefix("data: ")) == event.model_dump(
            by_alias=True, exclude_none=True, mode="json"
        )
    assert events[0].type == EventType.RUN_STARTED
    assert events[-1].type in (EventType.RUN_FINISHED, EventType.RUN_ERROR)
