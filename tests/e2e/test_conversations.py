"""Conversations on the deployed Worker: objects in workerd, SQLite on disk, and real clients."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT
from openai import OpenAI

from .stage import KEY, Stage, fresh


@pytest.fixture(scope="module")
def upstream():
    with ScriptedUpstream(0.05) as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("conversations")
    with Stage(folder, upstream) as made:
        yield made


def test_the_official_client_talks_over_two_turns(stage):
    talk = fresh()
    headers = {"X-Conversation-Id": talk}
    with OpenAI(base_url=f"{stage.url}/v1", api_key=KEY) as client:
        first = client.chat.completions.create(
            model="good", messages=[{"role": "user", "content": f"first {talk}"}], extra_headers=headers
        )
        assert first.choices[0].message.content == TEXT
        with client.chat.completions.create(
            model="good", messages=[{"role": "user", "content": f"second {talk}"}], stream=True, extra_headers=headers
        ) as stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == TEXT
    held = stage.http.get(f"/conversations/{talk}").json()
    assert [message["content"] for message in held["messages"]] == [f"first {talk}", TEXT, f"second {talk}", TEXT]


def events(text):
    """The frames of a stream by their ids; what has none (the role, [DONE]) is left out."""
    frames = [frame.split("\n", 1) for frame in text.split("\n\n") if frame.startswith("id: ")]
    return {int(name.removeprefix("id: ")): frame for name, frame in frames}


def test_a_stream_is_read_again_from_any_of_its_events(stage):
    talk = fresh()
    response = stage.say(f"stream {talk}", talk, stream=True)
    whole, run = response.text, response.headers["x-edge-run"]
    numbered = events(whole)
    assert list(numbered) == list(range(1, len(numbered) + 1))
    for after in (0, 1, len(numbered) // 2, len(numbered)):
        again = stage.http.get(f"/conversations/{talk}/runs/{run}/events", params={"starting_after": after}).text
        assert whole.endswith(again)
        assert list(events(again)) == list(range(after + 1, len(numbered) + 1))


def left_in_the_middle(stage, talk, **headers):
    """A turn whose caller leaves after some words: its run, and what he has seen."""
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": f"hello {talk}"}]}
    headers = {"x-conversation-id": talk, **headers}
    with stage.http.stream("POST", "/chat/completions", json=body, headers=headers) as response:
        seen = ""
        for text in response.iter_text():
            seen += text
            if 'w3"' in seen:
                return response.headers["x-edge-run"], seen
    raise AssertionError(f"ended too soon: {seen}")


def ended_run(stage, talk, run):
    """The run, once it is over; its events are followed to their end."""
    stage.http.get(f"/conversations/{talk}/runs/{run}/events").raise_for_status()
    return stage.http.get(f"/conversations/{talk}/runs/{run}").json()


def test_a_run_goes_on_without_its_caller_and_many_read_it(stage):
    talk = fresh()
    run, seen = left_in_the_middle(stage, talk)
    path = f"/conversations/{talk}/runs/{run}/events"
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: stage.http.get(path).text, range(8)))
    (text,) = texts
    assert text.startswith(seen[: seen.rindex("\n\n")])
    assert ended_run(stage, talk, run)["status"] == "completed"
    assert stage.http.get(f"/conversations/{talk}").json()["messages"][-1]["content"] == TEXT


def test_a_run_ends_with_its_caller_where_that_is_asked_for(stage):
    talk = fresh()
    run, _ = left_in_the_middle(stage, talk, **{"x-edge-on-disconnect": "cancel"})
    path = f"/conversations/{talk}/runs/{run}"  # who reads its events would keep it going
    while (ended := stage.http.get(path).json())["status"] == "running":
        threading.Event().wait(0.02)
    assert ended["status"] == "stopped"
    assert ended["calls"][0]["outcome"] == "left"


def test_stop_ends_a_run_for_all_and_its_call(stage):
    talk = fresh()
    run, _ = left_in_the_middle(stage, talk)
    path = f"/conversations/{talk}/runs/{run}"
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: stage.http.get(f"{path}/events").text)
        stage.http.post(f"{path}/stop").raise_for_status()
        assert "run_stopped" in reading.result()
    (call,) = stage.calls(talk)
    assert call["outcome"] == "cancelled"


def test_turns_at_once_are_answered_in_turn(stage):
    talk = fresh()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: stage.say(f"turn {number} {talk}", talk), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    roles = [message["role"] for message in stage.http.get(f"/conversations/{talk}").json()["messages"]]
    assert roles == ["user", "assistant"] * 6


def test_a_turn_sent_again_with_its_key_is_answered_once(stage):
    talk = fresh()
    headers = {"idempotency-key": talk}
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: stage.say(f"once {talk}", talk, stream=True, headers=headers), range(10)))
    assert len({answer.text for answer in answers}) == 1
    assert len(stage.http.get(f"/conversations/{talk}").json()["messages"]) == 2
    assert len(stage.calls(talk)) == 1


def test_what_no_longer_fits_is_summarised_by_a_model(stage):
    stage.deploy(sessions={"enabled": True, "max_context_tokens": 600, "summary": {"model": "good", "max_tokens": 100}})
    try:
        talk = fresh()
        for turn in range(4):
            assert stage.say(f"{turn} {talk} " + "long " * 100, talk).status_code == 200
        held = stage.http.get(f"/conversations/{talk}").json()
        assert held["summary"]["text"] == TEXT
        assert held["summary"]["through"] in [run["id"] for run in held["runs"]]
        asked = [call["messages"][0]["content"] for call in stage.calls(talk)]
        assert any(text.startswith("Summarise") for text in asked)
        assert any(TEXT in text and not text.startswith("Summarise") for text in asked)
    finally:
        stage.deploy()
