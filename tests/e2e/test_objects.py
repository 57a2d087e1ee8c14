"""Durable Object classes of the real program: data that outlives versions, restarts and a kill; classes that go."""

import pytest
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.errors import ApiError
from edgewright_verify.upstream import ScriptedUpstream

from .conftest import ROOT
from .stage import Stage, fresh, stack

OFF = {"sessions": {"enabled": False}}
DELETED = {**OFF, "deleted_objects": ["Conversation"]}


@pytest.fixture(scope="module")
def upstream():
    with ScriptedUpstream(0.05) as running:
        yield running


@pytest.fixture
def stage(tmp_path, upstream):
    with Stage(tmp_path, upstream) as made:
        yield made


def transcript(stage, talk):
    answer = stage.http.get(f"/conversations/{talk}")
    assert answer.status_code == 200, answer.text
    return [(message["role"], message["content"]) for message in answer.json()["messages"]]


def turn(stage, talk, number):
    answer = stage.say(f"turn {number} of {talk}", talk)
    assert answer.status_code == 200, answer.text


def preview(stage, **changes):
    """The notes of a preview."""
    api = CloudflareApi(stage.cloud.api_url, stage.cloud.token)
    overrides = {**stack(stage.upstream.base_url), **changes}
    result = EmbeddedEngine(ROOT, "local", api=lambda: api, overrides=overrides).preview(lambda *_: None)
    assert api.writes == 0
    return [note for step in result.steps for note in step.notes]


def files(stage):
    return sorted((stage.folder / "cloud").glob("*/*/*.sqlite"))


def test_a_conversation_outlives_a_version_a_restart_and_a_kill(stage):
    talk = fresh()
    turn(stage, talk, 1)
    stage.deploy(limits={"max_messages": 77})
    turn(stage, talk, 2)

    stage.cloud.close()
    stage.start()
    stage.deploy(limits={"max_messages": 77})
    turn(stage, talk, 3)

    stage.kill()
    said = transcript(stage, talk)
    assert [text for role, text in said if role == "user"] == [f"turn {number} of {talk}" for number in (1, 2, 3)]
    assert [role for role, _ in said] == ["user", "assistant"] * 3
    turn(stage, talk, 4)
    assert len(transcript(stage, talk)) == 8


def test_a_class_is_dropped_only_when_the_stack_file_says_so(stage):
    talks = [fresh(), fresh()]
    for talk in talks:
        turn(stage, talk, 1)
    held = len(files(stage))

    (note,) = preview(stage, **OFF)
    assert "Conversation is no longer declared" in note
    with pytest.raises(ApiError) as caught:
        stage.deploy(**OFF)
    assert caught.value.code == 100402
    assert "`deleted_objects: [Conversation]`" in str(caught.value)
    assert len(transcript(stage, talks[0])) == 2

    (note,) = preview(stage, **DELETED)
    assert "cannot be undone" in note
    assert " of them hold data" in note
    assert len(files(stage)) == held
    stage.deploy(**DELETED)
    assert files(stage) == []
    assert stage.say("hello", talks[0]).status_code != 500

    (note,) = preview(stage)
    assert "Conversation is a new class" in note
    stage.deploy()
    assert stage.http.get(f"/conversations/{talks[0]}").status_code == 404
    assert preview(stage) == []
