"""A run is killed at each of its events: what was told is there, nothing is there twice, no call is made unseen."""

import threading

import httpx
import pytest
from edgewright.localcloud.runtime import supervisor

from .gated import END, WORDS, GatedModel
from .stage import Stage, fresh
from .test_conversations import events


@pytest.fixture(scope="module")
def model():
    with GatedModel() as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("crashes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "MOST_REVIVALS", 1_000)  # dying is what this test is about
        with Stage(folder, model) as made:
            yield made


def killed_after(stage, model, talk, boundary):
    """A streamed turn whose workerd is killed when the caller holds so many events: what he holds."""
    body = {"stream": True, "messages": [{"role": "user", "content": f"hello {talk}"}]}
    headers = {"x-conversation-id": talk, "idempotency-key": talk}
    seen, held = "", 0
    model.calls.clear()
    model.opening = min(1, boundary)
    killer = threading.Thread(target=kill_when_called, args=(stage, model))
    if boundary == 0:
        killer.start()
    try:
        with stage.http.stream("POST", "/chat/completions", json=body, headers=headers) as response:
            for text in response.iter_text():
                seen += text
                while len(events(seen)) > held:
                    held += 1
                    if held < boundary:
                        model.let()
                if held == boundary and (boundary < END or "[DONE]" in seen):
                    stage.kill()
    except httpx.TransportError:
        pass  # that is what was done to him
    if boundary == 0:
        killer.join()  # until there is a workerd again
    return events(seen)


def kill_when_called(stage, model):
    """Kills once the model has been asked, before it has said anything."""
    assert model.asked()
    stage.kill()


@pytest.mark.parametrize("boundary", range(END + 1))
def test_what_was_acknowledged_is_there_and_nothing_twice(stage, model, boundary):
    talk = fresh()
    held = killed_after(stage, model, talk, boundary)
    assert len(held) == boundary

    (run,) = stage.http.get(f"/conversations/{talk}").json()["runs"]
    replay = stage.http.get(f"/conversations/{talk}/runs/{run['id']}/events").text
    kept = events(replay)
    assert list(kept) == list(range(1, len(kept) + 1))
    assert {number: kept[number] for number in held} == held
    assert replay.endswith("data: [DONE]\n\n")
    whole = boundary == END
    assert run["status"] == ("completed" if whole else "interrupted")
    assert ("run_interrupted" in replay) == (not whole)
    assert len(model.calls) == 1, "nobody is asked again without being told to"

    model.opening = END
    again = stage.http.post(
        "/chat/completions",
        json={"stream": True, "messages": [{"role": "user", "content": f"hello {talk}"}]},
        headers={"x-conversation-id": talk, "idempotency-key": talk},
    )
    assert again.headers.get("x-edge-previous") == (None if whole else run["id"])
    assert len(model.calls) == (1 if whole else 2)
    messages = stage.http.get(f"/conversations/{talk}").json()["messages"]
    told = [message["content"] for message in messages if message["status"] == "completed"]
    assert told == [f"hello {talk}", "".join(WORDS)]
