"""The Vercel AI SDK against the deployed Worker's plain `/v1`. Nothing here knows how the proxy works."""

import pytest
from edgewright_verify.upstream import ScriptedUpstream

from .node_client import node_client
from .odd import targets
from .stage import KEY, Stage

SMALL, LARGE = "@cf/meta/llama-3.1-8b-instruct", "@cf/openai/gpt-oss-20b"
FAULTY, EMBED = "@cf/fault/error-500", "@cf/baai/bge-small-en-v1.5"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def changes():
    return {
        "upstreams": {"workers-ai": {"type": "workers-ai"}},
        "models": {
            "good": targets(LARGE),
            "native": targets(SMALL),
            "plain": targets("@cf/meta/llama-3.2-3b-instruct"),
            "shaky": targets(FAULTY, LARGE),
            "cut": targets("@cf/fault/cut"),
            "embed": targets(EMBED),
        },
        "fallback": {"attempts_per_target": 1},
        "protocols": {"embeddings": True},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ai-sdk")
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes()) as made:
        yield made


@pytest.fixture(scope="module")
def play(stage):
    with node_client("ai_sdk", url=stage.url, key=KEY) as played:
        yield played


@pytest.mark.parametrize("model", ["good", "native", "shaky"])
def test_text_whole_and_streamed(play, model):
    whole = play("generate", model=model, given={"prompt": f"Say hello to {model}"})
    assert (whole["finishReason"], len(whole["text"].split()) > 5) == ("stop", True)
    assert whole["usage"]["totalTokens"] == whole["usage"]["inputTokens"] + whole["usage"]["outputTokens"] > 0
    streamed = play("stream", model=model, given={"prompt": f"Say hello to {model}"})
    assert "".join(streamed["deltas"]) == whole["text"]
    assert (streamed["finishReason"], streamed["errors"]) == ("stop", [])
    assert streamed["usage"]["outputTokens"] > 0


@pytest.mark.parametrize("model", ["good", "native"])
@pytest.mark.parametrize("how", ["call", "call_streamed"])
def test_a_tool_is_called_run_and_its_result_told(play, model, how):
    seen = play(how, model=model, given={"prompt": f"Use get_weather for Oslo ({how}, {model})"})
    first, second = seen["steps"]
    assert first["calls"][0][0] == "get_weather"
    assert first["results"] == [f"4 degrees in {first['calls'][0][1]['city']}"]
    assert (first["finishReason"], second["finishReason"]) == ("tool-calls", "stop")
    assert "4 degrees" in (seen.get("text") or "".join(seen["deltas"]))


@pytest.mark.parametrize("model", ["good", "native"])
def test_an_object_fits_its_schema(play, model):
    seen = play("object", model=model, schema=PERSON, given={"prompt": "Invent somebody called Ada"})
    assert seen["object"] == {"name": "Ada", "age": 18}


def test_what_a_model_cannot_do_is_refused_with_its_name(play):
    failure = play("object", model="plain", schema=PERSON, given={"prompt": "Invent Ada"})["failure"]
    assert (failure["call"], failure["status"]) == (True, 400)
    assert failure["data"]["error"]["param"] == "response_format"
    assert failure["data"]["error"]["code"] == "unsupported_parameter"
    assert "'plain'" in failure["message"]


def test_many_texts_become_vectors(play):
    values = [f"text {number}" for number in range(5)]
    seen = play("embed", model="embed", values=values)
    assert [len(vector) for vector in seen["embeddings"]] == [384] * 5
    assert seen["embeddings"] != play("embed", model="embed", values=values[::-1])["embeddings"]
    assert seen["usage"]["tokens"] > 0
    failure = play("embed", model="good", values=values)["failure"]
    assert (failure["status"], failure["data"]["error"]["param"]) == (400, "model")


def test_a_stream_that_breaks_off_is_an_error(play):
    seen = play("stream", model="cut", given={"prompt": "hello"})
    assert seen["deltas"]
    assert len(seen["errors"]) == 1


def test_an_unknown_model_and_a_bad_key_are_told_as_such(play):
    assert play("generate", model="nope", given={"prompt": "x"})["failure"]["status"] == 404
    assert play("generate", model="good", key="sk-wrong", given={"prompt": "x"})["failure"]["status"] == 401


def test_who_leaves_a_stream_leaves_no_model_running(play, stage):
    play("leave", model="good", given={"prompt": "A slow answer for the AI SDK"})
    assert stage.model_call_ended("cancelled", "A slow answer for the AI SDK")
