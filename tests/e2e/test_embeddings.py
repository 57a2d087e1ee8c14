"""Embeddings end to end: the official OpenAI clients against the deployed Worker, whose models are Workers AI's."""

import openai
import pytest
from edgewright_verify.upstream import ScriptedUpstream

from .node_client import node_client
from .odd import targets
from .stage import KEY, Stage

BASE, FAULTY = "@cf/baai/bge-base-en-v1.5", "@cf/fault/error-500"
LIMITED = "sk-edge-" + "l" * 43
RULE = {"name": "some", "per": "key", "of": "tokens", "at_most": 60, "window_seconds": 3600, "kind": "fixed"}


def changes():
    return {
        "upstreams": {"workers-ai": {"type": "workers-ai"}},
        "models": {
            "good": targets("@cf/openai/gpt-oss-20b"),
            "embed": targets(BASE),
            "shaky": targets(FAULTY, BASE),
            "nothing": targets(FAULTY),
        },
        "fallback": {"attempts_per_target": 1},
        "protocols": {"embeddings": True},
        "cache": {"enabled": True},
        "usage": {"enabled": True},
        "limits": {"max_output_tokens": 256, "rules": [{**RULE, "keys": ["limited"]}]},
        "auth": {"keys": {"demo": {"tenant": "demo"}, "limited": {"tenant": "demo"}}},
        "client_keys": {"demo": KEY, "limited": LIMITED},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes()) as made:
        made.deploy(**beside(made.cloud))
        yield made


def beside(cloud):
    """The changes that add another server: the local cloud's own API speaks OpenAI's embeddings, and wants a key."""
    own = {"type": "openai-compatible", "base_url": f"{cloud.api_url}/accounts/{cloud.account_id}/ai/v1"}
    models = changes()["models"] | {"own": {"targets": [{"upstream": "own", "model": BASE}]}}
    return {
        "upstreams": {**changes()["upstreams"], "own": own},
        "models": models,
        "upstream_keys": {"own": cloud.token},
    }


@pytest.fixture(scope="module")
def connect(stage):
    made = []

    def client(key=KEY):
        made.append(openai.OpenAI(base_url=f"{stage.url}/v1", api_key=key, max_retries=0))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture(scope="module")
def play(stage):
    with node_client("openai", url=stage.url, key=KEY) as played:
        yield played


def test_texts_become_vectors_which_both_clients_read_from_base64_and_from_numbers(client, play):
    """Both ask for base64 unless they are told otherwise."""
    given = ["one text", "another"]
    made = client.embeddings.create(model="embed", input=given)
    assert [(item.index, len(item.embedding)) for item in made.data] == [(0, 768), (1, 768)]
    assert made.usage.prompt_tokens == made.usage.total_tokens > 0
    assert made.model == "embed"
    plain = client.embeddings.create(model="embed", input=given, encoding_format="float")
    node = play("embed", asked={"model": "embed", "input": given})
    for mine, other, nodes in zip(made.data, plain.data, node["data"], strict=True):
        assert mine.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert mine.embedding == pytest.approx(nodes["embedding"], abs=1e-6)
        assert sum(value * value for value in mine.embedding) == pytest.approx(1, abs=1e-3)


def test_another_server_gives_the_same_vectors_and_its_own_count(client):
    own = client.embeddings.create(model="own", input=["one text", "another"])
    ours = client.embeddings.create(model="embed", input=["one text", "another"])
    assert [item.embedding for item in own.data] == [pytest.approx(item.embedding, abs=1e-6) for item in ours.data]
    assert own.usage.prompt_tokens == 3  # its models count words


def test_who_leaves_leaves_no_model_running(connect, stage):
    stage.control("POST", "pace", json={"first_token_ms": 5_000})
    try:
        with pytest.raises(openai.APITimeoutError):
            connect().with_options(timeout=0.5).embeddings.create(model="embed", input="nobody waits for this")
        assert stage.model_call_ended("cancelled", "nobody waits for this")
    finally:
        stage.control("POST", "pace", json={"first_token_ms": 0})


def test_one_text_is_a_list_of_one(client):
    assert len(client.embeddings.create(model="embed", input="alone", dimensions=768).data) == 1


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"input": [[1, 2, 3]]}, "input[0]", "unsupported_parameter"),
        ({"input": [1, 2, 3]}, "input[0]", "unsupported_parameter"),
        ({"input": []}, "input", "invalid_request"),
        ({"input": "x", "dimensions": 256}, "dimensions", "unsupported_parameter"),
        ({"input": ["x"] * 101}, "input", "unsupported_parameter"),
        ({"input": "x", "model": "good"}, "model", "unsupported_parameter"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_before_a_model_is_asked(client, stage, asked, param, code):
    before = len(stage.model_calls(""))
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(**{"model": "embed", **asked})
    assert (caught.value.param, caught.value.code) == (param, code)
    assert len(stage.model_calls("")) == before


def test_a_model_for_vectors_does_not_chat(client, play):
    asked = {"model": "embed", "messages": [{"role": "user", "content": "hi"}]}
    with pytest.raises(openai.BadRequestError, match="/v1/embeddings"):
        client.chat.completions.create(**asked)
    assert play("create", asked=asked)["failure"] == {
        "name": "BadRequestError",
        "status": 400,
        "code": "unsupported_parameter",
        "param": "model",
    }


def test_the_next_target_answers_where_the_first_fails_and_nobody_where_all_do(client):
    raw = client.embeddings.with_raw_response.create(model="shaky", input="fall back")
    assert (raw.headers["x-edge-target"], raw.headers["x-edge-attempts"]) == (f"workers-ai/{BASE}", "2")
    assert len(raw.parse().data[0].embedding) == 768
    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model="nothing", input="fall down")
    assert caught.value.code == "upstream_unavailable"


def test_the_same_text_is_kept(client, stage):
    first = client.embeddings.with_raw_response.create(model="embed", input="keep me")
    again = client.embeddings.with_raw_response.create(model="embed", input="keep me", encoding_format="float")
    assert (first.headers["x-edge-cache"], again.headers["x-edge-cache"]) == ("MISS", "HIT")
    assert again.parse().data[0].embedding == pytest.approx(first.parse().data[0].embedding, abs=1e-6)
    assert len(stage.model_calls("keep me")) == 1


def test_what_a_key_may_use_holds_here_too(connect):
    limited = connect(LIMITED)
    raw = limited.embeddings.with_raw_response.create(model="embed", input="within the limit")
    assert 0 < int(raw.headers["x-ratelimit-remaining-tokens"]) < 60
    with pytest.raises(openai.RateLimitError):
        limited.embeddings.create(model="embed", input="beyond " * 60)


def test_each_request_is_one_point_with_its_tokens_and_cost(client, stage):
    raw = client.embeddings.with_raw_response.create(model="embed", input="count these words", user="ann")
    told = raw.parse().usage
    (point,) = stage.points(raw.headers["x-request-id"])
    values = [point[name] for name in ("kind", "protocol", "model", "user", "outcome", "tokens_in", "tokens_out")]
    assert values == ["request", "embeddings", "embed", "ann", "ok", told.prompt_tokens, 0]
    assert point["estimated"] == 1  # Workers AI does not tell what its embeddings used
    assert point["cost"] == pytest.approx(told.prompt_tokens * 0.067 / 1e6)
    assert point["neurons"] == pytest.approx(told.prompt_tokens * 6058 / 1e6)


def test_a_bad_key_and_an_unknown_model_have_the_clients_own_errors(connect, client, play):
    with pytest.raises(openai.AuthenticationError):
        connect("sk-wrong").embeddings.create(model="embed", input="x")
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="nope", input="x")
    assert play("embed", asked={"model": "nope", "input": "x"})["failure"]["name"] == "NotFoundError"


def test_the_deployed_worker_says_that_it_has_the_route(stage):
    assert "POST /v1/embeddings" in stage.http.get(f"{stage.url}/.well-known/edgewright").json()["endpoints"]
