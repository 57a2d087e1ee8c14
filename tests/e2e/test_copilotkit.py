"""CopilotKit's runtime on the deployed Worker: real AG-UI clients, and what pages ask beside runs by plain HTTP."""

import json
from contextlib import contextmanager

import httpx
import pytest
from ag_ui.core import Event
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT
from pydantic import TypeAdapter

from .ag_ui_client import CLIENTS, NODE, ag_ui_client, types
from .stage import Stage, fresh

ORIGIN = "https://app.example"
INTERRUPT = {"type": "RUN_ERROR", "message": "Run stopped by user", "code": "STOPPED"}
PAINT = {
    "name": "set_background",
    "description": "Sets the colour of the page",
    "parameters": {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]},
}


@contextmanager
def deployed(folder, **more):
    with ScriptedUpstream(0.2) as upstream:
        changes = {
            "upstreams": {
                "workers-ai": {"type": "workers-ai"},
                "wall": {"type": "openai-compatible", "base_url": upstream.base_url, "key": "none"},
            },
            "models": {
                "small": {"targets": [{"upstream": "workers-ai", "model": "@cf/meta/llama-3.1-8b-instruct-fp8-fast"}]},
                "long": {"targets": [{"upstream": "wall", "model": "good"}]},
            },
            "default_model": "small",
            "agents": {"default": {}, "long": {"model": "long"}},
            "protocols": {"ag_ui": True, "copilotkit": True},
            "cors": {"origins": [ORIGIN]},
        }
        with Stage(folder, upstream, **changes, **more) as made:
            yield made


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("copilotkit")) as made:
        yield made


@pytest.fixture(scope="module", params=CLIENTS)
def client(request, stage):
    """Plays scenarios with one of the clients."""
    if NODE is None:
        pytest.skip("the AG-UI clients need Node")
    with ag_ui_client(request.param, f"{stage.url}/copilotkit/agent") as play:
        yield play


def asked(thread, *messages, **more):
    return {"threadId": thread, "runId": fresh("run"), "messages": messages, **more}


def user(text):
    return {"id": fresh("user"), "role": "user", "content": text}


def post(stage, path, body, **more):
    return stage.http.post(f"{stage.url}/copilotkit{path}", json=body, **more)


def get(stage, path):
    return stage.http.get(f"{stage.url}/copilotkit{path}")


def events(text):
    """The events of a stream, each one that the protocol's own models know."""
    frames = [frame.removeprefix("data: ") for frame in text.split("\n\n") if frame.startswith("data: ")]
    for frame in frames:
        TypeAdapter(Event).validate_json(frame)
    return [json.loads(frame) for frame in frames]


def said(told):
    return "".join(event["delta"] for event in told if event["type"] == "TEXT_MESSAGE_CONTENT")


def connected(stage, thread):
    return events(post(stage, "/agent/default/connect", asked(thread)).text)


def begun(response):
    """The lines of a run's stream, read until the model has said something; the rest is still to come."""
    lines = response.iter_lines()
    read = []
    for line in lines:
        read.append(line)
        if "TEXT_MESSAGE_CONTENT" in line:
            return read, lines
    raise AssertionError(read)


def run(stage, thread, *messages, agent="long", base="/copilotkit"):
    return stage.http.stream("POST", f"{stage.url}{base}/agent/{agent}/run", json=asked(thread, *messages))


def left_in_the_middle(stage, thread, **how):
    with run(stage, thread, user(f"leave {thread}"), **how) as response:
        begun(response)
        return response.headers["x-edge-run"]


def test_a_client_talks_over_two_turns_and_comes_back_to_all_of_it(client):
    thread = fresh("thread")
    told = client({"say": f"Say {thread}"}, {"say": "And again"}, threadId=thread)
    assert [each["failure"] for each in told["runs"]] == [None, None]
    assert [message["role"] for message in told["messages"]] == ["user", "assistant", "user", "assistant"]
    back = client({}, path="default/connect", threadId=thread)
    assert back["runs"][0]["failure"] is None
    assert types(back["runs"][0]) == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]
    assert back["messages"] == told["messages"]


def test_the_page_runs_a_tool_and_comes_back_to_its_result(client):
    thread = fresh("thread")
    turns = {"say": "Please use set_background with Red"}, {"result": "background is now red"}
    told = client(*turns, tools=[PAINT], threadId=thread)
    assert [each["failure"] for each in told["runs"]] == [None, None]
    assert told["messages"][-1]["content"].startswith("The tool answered: background is now red.")
    assert client({}, path="default/connect", threadId=thread)["messages"] == told["messages"]


def test_a_client_stops_its_run_from_another_connection(client, stage):
    thread = fresh("thread")
    stop = {"after": 5, "url": f"{stage.url}/copilotkit/agent/long/stop/{thread}"}
    told = client({"say": f"stop {thread}"}, path="long/run", threadId=thread, stop=stop)
    (stopped,) = told["runs"]
    assert stopped["stopped"] == {"stopped": True, "interrupt": INTERRUPT}
    assert stopped["failure"] is stopped["runError"] is None
    assert types(stopped)[-2:] == ["TEXT_MESSAGE_END", "RUN_FINISHED"]
    (call,) = stage.calls(thread)
    assert call["outcome"] == "cancelled"
    assert call["tokens_sent"] < len(TEXT.split())
    assert client({}, path="default/connect", threadId=thread)["messages"] == told["messages"]


def test_a_run_goes_on_without_its_page_which_comes_back_to_it(stage):
    thread = fresh("thread")
    left_in_the_middle(stage, thread)
    told = connected(stage, thread)
    assert [event["type"] for event in told[:3]] == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "TEXT_MESSAGE_START"]
    assert [event["type"] for event in told[-2:]] == ["TEXT_MESSAGE_END", "RUN_FINISHED"]
    assert [message["role"] for message in told[1]["messages"]] == ["user"]
    assert said(told) == TEXT
    (call,) = stage.calls(thread)
    assert call["outcome"] == "done"
    *_, answer = connected(stage, thread)[1]["messages"]
    assert (answer["id"], answer["content"]) == (told[2]["messageId"], TEXT)


def test_a_run_that_nobody_reads_can_still_be_stopped(stage):
    thread = fresh("thread")
    left_in_the_middle(stage, thread)
    assert post(stage, f"/agent/long/stop/{thread}", {"runId": "another"}).json() == {
        "stopped": False,
        "message": f"No active run for thread '{thread}'.",
    }
    envelope = {"method": "agent/stop", "params": {"agentId": "long", "threadId": thread}}
    assert post(stage, "", envelope).json()["stopped"] is True
    again = asked(thread, user("once more"))
    assert post(stage, "/agent/default/run", again, headers={"x-edge-overlap": "reject"}).status_code == 200
    (call,) = stage.calls(thread)
    assert call["outcome"] == "cancelled"


def test_a_caller_of_plain_ag_ui_who_leaves_stops_the_model(stage):
    thread = fresh("thread")
    run_id = left_in_the_middle(stage, thread, base="")
    assert "run_stopped" in stage.http.get(f"/conversations/{thread}/runs/{run_id}/events").text
    (call,) = stage.calls(thread)
    assert call["outcome"] == "cancelled"


def test_the_model_is_told_the_talk_as_the_page_has_it_now(stage):
    thread = fresh("thread")
    first, second = user(f"first {thread}"), user(f"second {thread}")
    with run(stage, thread, first) as response:
        *_, open_text, _, _ = events(response.read().decode())
    answer = {"id": open_text["messageId"], "role": "assistant", "content": "cut by the page"}
    with run(stage, thread, first, answer, second) as response:
        response.read()
    with run(stage, thread, second) as response:
        response.read()
    told = [[message["content"] for message in call["messages"]] for call in stage.calls(thread)]
    kept = [first["content"], answer["content"], second["content"]]
    assert told == [kept[:1], kept, kept[2:]]
    assert [each["content"] for each in connected(stage, thread)[1]["messages"]] == [second["content"], TEXT]


def test_a_second_run_of_a_thread_waits_for_the_first(stage):
    thread = fresh("thread")
    with run(stage, thread, user(f"one {thread}")) as response:
        read, lines = begun(response)
        with run(stage, thread, user(f"two {thread}")) as second:
            assert said(events(second.read().decode())) == TEXT
        whole = "\n".join([*read, *lines])
    assert said(events(whole)) == TEXT


def test_suggestions_are_no_thread(stage):
    thread = fresh("thread")
    suggest = {**PAINT, "name": "copilotkitSuggest"}
    forced = {"toolChoice": {"type": "function", "function": {"name": "copilotkitSuggest"}}}
    told = events(
        post(stage, "/agent/default/run", asked(thread, user("x"), tools=[suggest], forwardedProps=forced)).text
    )
    assert "TOOL_CALL_START" in [event["type"] for event in told]
    assert said(events(post(stage, "/agent/default/suggest", asked(thread, user("x"))).text))
    assert connected(stage, thread) == []


def test_a_page_learns_of_agents_by_either_transport(stage):
    info = get(stage, "/info").json()
    assert set(info["agents"]) == {"default", "long"}
    assert info["threadEndpoints"]["list"] is True
    single = post(stage, "", {"method": "info"}).json()
    assert single.pop("singleRoute") == {"resourceOperations": True, "threadEndpoints": info["threadEndpoints"]}
    assert single == info


def test_a_run_and_a_connection_by_the_envelope(stage):
    thread = fresh("thread")
    sent = {"method": "agent/run", "params": {"agentId": "default"}, "body": asked(thread, user("Hello"))}
    told = events(post(stage, "", sent).text)
    assert told[-1]["type"] == "RUN_FINISHED"
    back = {"method": "agent/connect", "params": {"agentId": "default"}, "body": asked(thread)}
    assert events(post(stage, "", back).text)[1]["messages"][1]["content"] == said(told)


def test_threads_are_listed_and_read(stage):
    thread = fresh("thread")
    told = events(post(stage, "/agent/long/run", asked(thread, user(f"list {thread}"))).text)
    newest = get(stage, "/threads?agentId=long").json()["threads"][0]
    assert (newest["id"], newest["agentId"]) == (thread, "long")
    params = {"path": "/threads?agentId=long", "httpMethod": "GET"}
    wrapped = post(stage, "", {"method": "resource/request", "params": params}).json()
    assert wrapped["threads"][0] == newest
    messages = get(stage, f"/threads/{thread}/messages").json()["messages"]
    assert [(each["role"], each["content"]) for each in messages] == [
        ("user", f"list {thread}"),
        ("assistant", said(told)),
    ]
    for event in get(stage, f"/threads/{thread}/events").json()["events"]:
        TypeAdapter(Event).validate_python(event)
    assert get(stage, f"/threads/{thread}/state").json() == {"state": None}
    assert get(stage, f"/threads/{fresh()}/state").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/agent/nobody/run", {}, 404, "agent_not_found"),
        ("/agent/default/run", {"threadId": "t"}, 400, "invalid_request"),
        ("", {}, 400, "invalid_request"),
        ("", {"method": "nope"}, 400, "invalid_request"),
        ("/info", {}, 405, "method_not_allowed"),
    ],
)
def test_a_refusal_has_the_runtimes_shape(stage, path, body, status, error):
    response = post(stage, path, body)
    assert (response.status_code, response.json()["error"], set(response.json())) == (
        status,
        error,
        {"error", "message"},
    )


def test_a_page_of_another_origin_may_ask(stage):
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-copilotcloud-public-api-key",
    }
    preflight = httpx.options(f"{stage.url}/copilotkit/agent/default/run", headers=headers)
    assert preflight.status_code == 204
    allowed = preflight.headers
    assert allowed["access-control-allow-origin"] == ORIGIN
    assert allowed["access-control-allow-credentials"] == "true"
    assert allowed["access-control-allow-headers"] == headers["access-control-request-headers"]
    assert allowed["access-control-allow-methods"] == "GET, POST, PATCH, DELETE, OPTIONS"
    for response in (
        post(stage, "/agent/default/run", asked(fresh(), user("x")), headers={"origin": ORIGIN}),
        httpx.get(f"{stage.url}/copilotkit/info", headers={"origin": ORIGIN}),
        post(stage, "/agent/default/connect", asked(fresh()), headers={"origin": ORIGIN}),
    ):
        assert response.headers["access-control-allow-origin"] == ORIGIN


def test_without_conversations_a_page_chats_and_is_told_what_there_is_not(tmp_path):
    thread = fresh("thread")
    with deployed(tmp_path, sessions={"enabled": False}) as stage:
        assert "threadEndpoints" not in get(stage, "/info").json()
        assert said(events(post(stage, "/agent/default/run", asked(thread, user("Hello"))).text))
        empty = post(stage, "/agent/default/connect", asked(thread))
        assert (empty.status_code, empty.text) == (200, "")
        assert empty.headers["content-type"].startswith("text/event-stream")
        stopped = post(stage, f"/agent/default/stop/{thread}", {}).json()
        assert stopped["stopped"] is False
        assert "sessions.enabled" in stopped["message"]
        missing = get(stage, "/threads?agentId=default")
        assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
