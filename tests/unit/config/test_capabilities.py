"""What targets can do: the table, the stack's own word, and everything where nothing is known."""

import pytest
from edgewright.config import from_values
from edgewright.config.capabilities import ABILITIES, capabilities_of, table
from edgewright.config.prices import table as prices
from edgewright.localcloud.models.catalogue import MODELS

from .test_load import BGE, EMBEDS, GOOD, findings, models

API = {"type": "openai-compatible", "base_url": "https://x.example/v1", "key": "none"}


def known(model, upstream="ai", **more):
    targets = [{"upstream": upstream, "model": model, **more}]
    upstreams = {"ai": {"type": "workers-ai"}, "api": API}
    asked = {"m": {"targets": targets}, **models(vectors=[BGE])["models"]}
    config = from_values({**GOOD, **EMBEDS, "upstreams": upstreams, "models": asked}, source="x")
    (target,) = config.models["m"].targets
    return capabilities_of(config.upstreams[target.upstream], target)


def test_the_table_knows_the_models_of_the_local_cloud_and_their_shapes():
    rows = table()["models"]
    assert set(rows) == set(MODELS)
    for name, model in MODELS.items():
        row = rows[name]
        assert row.get("native", False) == (model.shape == "native" and not model.dimensions), name
        assert row.get("dimensions", []) == ([model.dimensions] if model.dimensions else []), name
        assert ("embeddings" in row["can"], "chat" in row["can"]) == (bool(model.dimensions), not model.dimensions), (
            name
        )


def test_the_table_names_no_ability_that_is_none_and_has_every_model_with_a_price():
    assert {ability for row in table()["models"].values() for ability in row["can"]} <= set(ABILITIES)
    assert set(prices()["models"]) <= set(table()["models"])


def test_a_known_model_can_what_the_table_says_and_what_the_stack_says():
    assert known(BGE) == {
        **dict.fromkeys(ABILITIES, False),
        "embeddings": True,
        "images": None,
        "dimensions": [384],
        "batch": 100,
        "native": False,
        "beside": False,
        "guided": False,
    }
    old = known("@cf/meta/llama-3.1-8b-instruct")
    assert (old["native"], old["json_schema"], old["vision"], old["stop"]) == (True, True, False, False)
    changed = known("@cf/meta/llama-3.1-8b-instruct", capabilities={"stop": True, "tools": False})
    assert changed == {**old, "stop": True, "tools": False}


@pytest.mark.parametrize(("model", "upstream"), [("@cf/x", "ai"), (BGE, "api"), ("gpt", "api")])
def test_of_a_model_that_is_not_known_nothing_is_said_unless_the_stack_does(model, upstream):
    assert known(model, upstream) is None
    said = known(model, upstream, capabilities={"vision": False, "dimensions": [256, 512]})
    unsaid = {"images": None, "batch": None, "native": False, "beside": False, "guided": False}
    everything = {**dict.fromkeys(ABILITIES, True), **unsaid}
    assert said == {**everything, "vision": False, "dimensions": [256, 512]}


def test_a_capability_is_typed():
    wrong = {"upstream": "ai", "model": "@cf/x", "capabilities": {"vision": "yes", "smell": True, "dimensions": [0]}}
    found = findings(models={"small": {"targets": [wrong]}})
    for key in ("vision", "smell", "dimensions"):
        assert any(f"models.small.targets[0].capabilities.{key}" in finding for finding in found), key


def test_verification_chats_with_a_model_that_does():
    config = from_values({**GOOD, **EMBEDS, **models(embed=[BGE], small=["@cf/x"])}, source="x")
    assert config.verify_model == "small"
