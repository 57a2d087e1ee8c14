"""Embeddings end to end: the real clients against the deployed Worker, whose models are Workers AI's and another server's."""

import base64
import json
import struct

import httpx
import openai
import pytest
from edgewright.paths import STATE_VARIABLE
from edgewright_verify.upstream import ScriptedUpstream

from .stage import KEY, Stage

BASE, FAULTY = "@cf/baai/bge-base-en-v1.5", "@cf/fault/error-500"


def changes():
    def targets(*models):
        return {"targets": [{"upstream": "ai", "model": model} for model in models]}

    return {
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {"good": targets("@cf/openai/gpt-oss-20b"), "embed": targets(BASE), "shaky": targets(FAULTY, BASE)},
        "protocols": {"embeddings": True},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    with pytest.MonkeyPatch.context() as patch, ScriptedUpstream(0.02) as upstream:
        patch.setenv(STATE_VARIABLE, str(folder))
        with Stage(folder, upstream, **changes()) as made:
            yield made


@pytest.fixture
def client(stage):
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def test_texts_become_vectors_which_the_client_reads_from_base64_and_from_numbers(client):
    given = ["one text", "another"]
    made = client.embeddings.create(model="embed", input=given)
    assert [(item.index, len(item.embedding)) for item in made.data] == [(0, 768), (1, 768)]
    assert made.usage.prompt_tokens == made.usage.total_tokens > 0
    plain = client.embeddings.create(model="embed", input=given, encoding_format="float")
    for one, other in zip(made.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
