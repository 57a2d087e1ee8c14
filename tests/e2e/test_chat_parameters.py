"""What chats ask of models, by the official OpenAI clients: done where a model can, refused by name where none can."""

import json

import openai
import pydantic
import pytest
from edgewright_verify.upstream import ScriptedUpstream

from .node_client import node_client
from .stage import KEY, Stage, fresh

DATA = "data:image/png;base64,iVBORw0KGgo="
SCOUT, FULL, OLD = (
    "@cf/meta/llama-4-scout-17b-16e-instruct",
    "@cf/zai-org/glm-4.7-flash",
    "@cf/meta/llama-3.1-8b-instruct",
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


class City(pydantic.BaseModel):
    name: str
    inhabitants: int
    twins: list[str]


def changes(base_url):
    def targets(*models, **more):
        return {"targets": [{"upstream": "ai", "model": model, **more} for model in models]}

    return {
        "upstreams": {
            "ai": {"type": "workers-ai"},
            "wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"},
        },
        "models": {
            "full": targets(FULL),
            "native": targets(OLD),
            "seeing": targets(SCOUT),
            "mixed": targets(OLD, SCOUT),
            "aging": targets("@cf/meta/llama-3.2-11b-vision-instruct"),
            "guided": targets("@cf/mistralai/mistral-small-3.1-24b-instruct"),
            "small": targets("@cf/mistral/mistral-7b-instruct-v0.1", capabilities={"tools": False}),
            "bounded": targets(FULL, capabilities={"n": False, "streaming": False}),
            "good": {"targets": [{"upstream": "wall", "model": "good"}]},
        },
        "default_model": "full",
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parameters")
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes(upstream.base_url)) as made:
        yield made


@pytest.fixture(scope="module")
def client(stage):
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def play(stage):
    with node_client("openai", url=stage.url, key=KEY) as played:
        yield played


def asking(model, content, **more):
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def text_of(done, choice=0):
    return done.choices[choice].message.content


def showing(*images, text="What is on it?"):
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in images)]


def test_several_choices_are_all_there(client, play):
    done = client.chat.completions.create(**asking("full", "Three ways", n=3))
    assert [choice.index for choice in done.choices] == [0, 1, 2]
    assert len({text_of(done, place) for place in range(3)}) == 3
    assert done.usage.completion_tokens == sum(len(text_of(done, place).split()) for place in range(3))
    node = play("create", asked=asking("full", "Three ways", n=3))
    assert [choice["message"]["content"] for choice in node["choices"]] == [text_of(done, place) for place in range(3)]


def test_log_probabilities_are_told_whole_and_streamed(client, play):
    asked = asking("full", "How sure", logprobs=True, top_logprobs=2)
    done = client.chat.completions.create(**asked)
    told = done.choices[0].logprobs.content
    assert "".join(each.token for each in told) == text_of(done)
    assert all(each.logprob < 0 and len(each.top_logprobs) == 2 for each in told)
    with client.chat.completions.stream(**asked) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    assert [each.token for each in streamed.choices[0].logprobs.content] == [each.token for each in told]
    node = play("stream", asked={**asked, "stream": True})
    assert [each["token"] for each in node["choices"][0]["logprobs"]["content"]] == [each.token for each in told]


@pytest.mark.parametrize("model", ["full", "native"])
def test_a_seed_reaches_the_model(client, model):
    asked = asking(model, "Draw", extra_headers={"cache-control": "no-store"})
    one, same, other = (text_of(client.chat.completions.create(**asked, seed=seed)) for seed in (7, 7, 8))
    assert (one == same, "The seed is 7." in one, "The seed is 8." in other) == (True, True, True)


def test_the_answer_ends_before_a_stop(client):
    whole = text_of(client.chat.completions.create(**asking("full", "Never end")))
    for stop in (" This", ["nowhere", " This"]):
        done = client.chat.completions.create(**asking("full", "Never end", stop=stop))
        assert text_of(done).strip() == whole.split(" This")[0]
        assert done.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", ["full", "native"])
@pytest.mark.parametrize("streamed", [False, True])
def test_json_mode(client, model, streamed):
    asked = asking(model, f"JSON please {streamed}", response_format={"type": "json_object"})
    if streamed:
        chunks = client.chat.completions.create(**asked, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    else:
        text = text_of(client.chat.completions.create(**asked))
    assert json.loads(text)["answer"]


@pytest.mark.parametrize("model", ["full", "native", "seeing", "guided"])
def test_an_answer_is_parsed_by_its_schema(client, play, model):
    done = client.chat.completions.parse(**asking(model, "Describe Bergen", response_format=City))
    city = done.choices[0].message.parsed
    assert (city.name, type(city.inhabitants), city.twins) == ("Bergen", int, ["Bergen"])
    form = {"name": "city", "strict": True, "schema": City.model_json_schema()}
    node = play(
        "parse", asked=asking(model, "Describe Bergen", response_format={"type": "json_schema", "json_schema": form})
    )
    assert City.model_validate_json(node["choices"][0]["message"]["content"]) == city


def test_the_older_models_get_the_schema_as_they_take_it(client, stage):
    mark = fresh()
    client.chat.completions.parse(**asking("native", mark, response_format=City))
    (call,) = stage.model_calls(mark)
    assert call["body"]["response_format"]["json_schema"]["properties"]["name"] == {"title": "Name", "type": "string"}


def test_an_image_is_seen_whole_and_streamed(client):
    asked = asking("seeing", showing(DATA))
    assert "You sent an image (image/png)." in text_of(client.chat.completions.create(**asked))
    chunks = client.chat.completions.create(**asked, stream=True)
    assert "an image (image/png)" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_an_older_model_sees_the_image_that_it_takes_beside_its_messages(client):
    assert "You sent an image." in text_of(client.chat.completions.create(**asking("aging", showing(DATA))))


def test_a_target_that_cannot_is_passed_over_while_another_can(client, stage):
    mark = fresh()
    raw = client.chat.completions.with_raw_response.create(**asking("mixed", showing(DATA, text=mark)))
    assert (raw.headers["x-edge-target"], raw.headers["x-edge-targets"]) == (f"ai/{SCOUT}", "1")
    assert [call["model"] for call in stage.model_calls(mark)] == [SCOUT]
    plain = client.chat.completions.with_raw_response.create(**asking("mixed", f"plain {mark}"))
    assert plain.headers["x-edge-target"] == f"ai/{OLD}"


@pytest.mark.parametrize(
    ("model", "asked", "param"),
    [
        ("native", {"content": showing(DATA)}, "messages[0].content[1]"),
        ("aging", {"content": showing(DATA, DATA)}, "messages[0].content[1]"),
        ("seeing", {"content": showing(DATA, "https://x.example/a.png")}, "messages[0].content[2]"),
        (
            "full",
            {"content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
            "messages[0].content[0]",
        ),
        ("full", {"content": [{"type": "file", "file": {"file_data": DATA}}]}, "messages[0].content[0]"),
        ("native", {"n": 2}, "n"),
        ("bounded", {"n": 2}, "n"),
        ("native", {"logprobs": True}, "logprobs"),
        ("native", {"stop": ["END"]}, "stop"),
        ("native", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("small", {"tools": [TOOL]}, "tools"),
        ("small", {"response_format": {"type": "json_object"}}, "response_format"),
        (
            "small",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
            "response_format",
        ),
    ],
)
def test_what_no_target_can_do_is_refused_by_name_before_one_is_asked(client, stage, play, model, asked, param):
    mark = fresh()
    request = asking(model, asked.get("content", mark), user=mark, **{k: v for k, v in asked.items() if k != "content"})
    with pytest.raises(openai.BadRequestError, match=f"'{model}' cannot") as caught:
        client.chat.completions.create(**request)
    assert (caught.value.param, caught.value.code) == (param, "unsupported_parameter")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**request, stream=True)
    failure = play("create", asked=request)["failure"]
    assert failure == {"name": "BadRequestError", "status": 400, "code": "unsupported_parameter", "param": param}
    assert stage.model_calls(mark) == []


def test_who_cannot_stream_is_asked_for_the_whole_which_comes_as_a_stream(client, stage):
    mark = fresh()
    chunks = list(client.chat.completions.create(**asking("bounded", mark), stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert mark in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [call["stream"] for call in stage.model_calls(mark)] == [False]


def test_a_model_of_which_nothing_is_known_is_asked_for_everything(client, stage):
    mark = fresh()
    extras = {"n": 1, "logprobs": True, "stop": ["END"], "seed": 1, "reasoning_effort": "low"}
    assert client.chat.completions.create(**asking("good", showing("https://x.example/a.png", text=mark), **extras))
    (call,) = stage.calls(mark)
    assert call


def test_a_talk_about_an_image_goes_on_with_who_sees(client, stage):
    talk = {"extra_headers": {"x-conversation-id": fresh()}}
    mark = fresh()
    client.chat.completions.create(**asking("mixed", showing(DATA, text=mark)), **talk)
    client.chat.completions.create(**asking("mixed", "And its colour?"), **talk)
    assert [call["model"] for call in stage.model_calls(mark)] == [SCOUT, SCOUT]
