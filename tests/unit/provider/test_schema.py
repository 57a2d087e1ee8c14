"""The package schema: by the rules of Pulumi's metaschema, true to the stack's own types, and the pages made of it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from edgewright.config import StackConfig
from edgewright.config.models import SECRET_KEYS
from edgewright.provider import TOKEN, package_schema, reference
from edgewright.provider.names import camel, in_camel

ROOT = Path(__file__).parents[3]
SCHEMA = package_schema()
COMPONENT = SCHEMA["resources"][TOKEN]


def properties():
    """Every property of the package: where it is, its type, whether it is an input."""
    for name, spec in COMPONENT["inputProperties"].items():
        yield name, spec, True
    for name, spec in COMPONENT["properties"].items():
        yield f"outputs.{name}", spec, False
    for token, kind in SCHEMA["types"].items():
        for name, spec in kind.get("properties", {}).items():
            yield f"{token}.{name}", spec, True


def parts(spec):
    """A type and all types inside it."""
    yield spec
    for inner in [*spec.get("oneOf", ()), spec.get("items"), spec.get("additionalProperties")]:
        if inner:
            yield from parts(inner)


PROPERTIES = list(properties())


def test_the_committed_copies_are_the_ones_emitted():
    folder = ROOT / "docs" / "reference"
    assert json.loads((folder / "component.schema.json").read_text()) == SCHEMA
    assert (folder / "component.md").read_text() == reference()


def test_the_tokens_are_of_the_package():
    assert SCHEMA["name"] == "edgewright"
    assert re.fullmatch(r"\d+\.\d+\.\d+", SCHEMA["version"])
    for token in (*SCHEMA["types"], *SCHEMA["resources"]):
        assert re.fullmatch(r"edgewright:index:[A-Z][A-Za-z]*", token), token


@pytest.mark.parametrize(("where", "spec", "_input"), PROPERTIES, ids=[where for where, *_ in PROPERTIES])
def test_a_property_is_typed_and_described(where, spec, _input):
    assert re.fullmatch(r"[A-Z`].*\.", spec["description"]), where
    assert "default" not in spec, "an SDK would send it, and overrule the environment's profile"
    for part in parts(spec):
        told = [key for key in ("$ref", "oneOf", "type") if key in part]
        assert len(told) == 1, where
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/types/") in SCHEMA["types"], where
        if "oneOf" in part:
            assert len(part["oneOf"]) > 1
        assert ("items" in part) == (part.get("type") == "array")
        assert ("additionalProperties" in part) == (part.get("type") == "object")


def test_every_key_of_a_stack_is_an_input_and_no_section_is_hidden_by_a_choice():
    assert set(COMPONENT["inputProperties"]) == {camel(name) for name in StackConfig.model_fields}
    for name, section in StackConfig.model_json_schema()["$defs"].items():
        assert set(SCHEMA["types"][f"edgewright:index:{name}"]["properties"]) == set(map(camel, section["properties"]))


def test_secrets_are_marked_and_all_else_is_plain():
    secrets = {camel(name) for name in SECRET_KEYS}
    assert {name for name, spec in COMPONENT["inputProperties"].items() if spec.get("secret")} == secrets
    assert {name for name, spec in COMPONENT["properties"].items() if spec.get("secret")} == {
        "verifyKey",
        "otherKey",
        "drillSecret",
    }
    for where, spec, is_input in PROPERTIES:
        for part in parts(spec):
            assert part.get("plain", False) == (is_input and where not in secrets), where


def test_what_is_required_is_what_a_stack_requires():
    assert COMPONENT["requiredInputs"] == ["accountId", "environment", "models", "upstreams"]
    assert set(COMPONENT["required"]) < set(COMPONENT["properties"])


def test_names_of_both_worlds():
    assert camel("max_context_tokens") == "maxContextTokens"
    assert (
        in_camel("set sessions.max_context_tokens, not EDGEWRIGHT_X")
        == "set sessions.maxContextTokens, not EDGEWRIGHT_X"
    )
    assert in_camel("my-ttl_seconds ttl_seconds_") == "my-ttl_seconds ttl_seconds_"
    names = [name for held in StackConfig.model_json_schema()["$defs"].values() for name in held["properties"]]
    for name in {*names, *StackConfig.model_fields}:
        assert re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), camel(name)) == name


def test_the_schema_costs_no_seconds():
    script = "import sys, edgewright.provider as p; p.package_schema(); print('pulumi_cloudflare' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_manifest_starts_the_module_beside_it():
    assert yaml.safe_load((ROOT / "PulumiPlugin.yaml").read_text())["runtime"]["name"] == "python"
    assert (ROOT / "__main__.py").is_file()
    wanted = (line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#"))
    assert list(wanted) == [".[deploy]"]
