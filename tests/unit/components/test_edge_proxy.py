"""EdgeProxy under the SDK's own mocks: which resources it declares, with what, and in which order."""

import asyncio
import json

import pulumi
import pytest
from edgewright.components import EdgeProxy, EdgeProxyArgs, edge_proxy, routing
from edgewright.config import from_values
from edgewright.errors import ConfigError
from edgewright.keys import new_client_key
from edgewright.rendering import Bundle, Module
from pulumi.runtime import mocks

KEY = new_client_key()
VALUES = {
    "account_id": "a" * 32,
    "environment": "dev",
    "upstreams": {
        "ai": {"type": "workers-ai"},
        "api": {"type": "openai-compatible", "base_url": "https://x.example/v1"},
    },
    "upstream_keys": {"api": "canary"},
    "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
    "auth": {"keys": {"ci": {"tenant": "ci"}}},
    "client_keys": {"ci": KEY},
    "cache": {"enabled": True},
    "verification": {"drills": True},
    "drill_secret": "d" * 64,
    "routes": [{"pattern": "ai.example.com/*", "zone": "example.com"}],
    "custom_domain": {"hostname": "llm.example.com", "zone": "example.com"},
}


class Recorder(mocks.Mocks):
    def __init__(self):
        self.made = {}

    def new_resource(self, args):
        self.made[args.typ.rsplit(":", 1)[-1]] = args.inputs
        extra = {"urls": ["https://0123abcd-edge-proxy-dev.acme.workers.dev"]} if "Version" in args.typ else {}
        return f"id-{args.name}", {**args.inputs, **extra}

    def call(self, args):
        return {"id": "zone-of-" + args.args["filter"]["name"]}


@pytest.fixture
def deploy(monkeypatch):
    asyncio.set_event_loop(asyncio.new_event_loop())  # the SDK's mocks want one; an engine's run before leaves none
    monkeypatch.setattr(edge_proxy, "render", lambda _config: Bundle("entry.js", (Module("entry.js", "x"),)))

    def made(transform=None, **changes):
        recorder = Recorder()
        mocks.set_mocks(recorder, project="edgewright", stack="dev")
        values = {**VALUES, **changes}

        @mocks.test
        def program():
            proxy = EdgeProxy("edge", EdgeProxyArgs(config=from_values(values, source="x"), transform=transform or {}))
            recorder.outputs = {}
            recorder.proxy = proxy
            return pulumi.Output.all(**proxy.outputs()).apply(recorder.outputs.update)

        program()
        return recorder

    return made


def test_everything_is_declared(deploy):
    made = deploy().made
    assert set(made) == {
        "EdgeProxy",
        "WorkersKvNamespace",
        "Worker",
        "WorkerVersion",
        "WorkersDeployment",
        "WorkersRoute",
        "WorkersCustomDomain",
    }
    assert made["WorkersRoute"]["zoneId"] == "zone-of-example.com"
    assert made["WorkersDeployment"]["versions"] == [{"percentage": 100, "versionId": "id-edge-version"}]


def test_bindings_are_sorted_bytewise(deploy):
    made = deploy().made["WorkerVersion"]["bindings"]
    bindings = made["value"] if isinstance(made, dict) else made
    names = [binding["name"] for binding in bindings]
    assert names == sorted(names, key=str.encode)
    assert names == ["AI", "CACHE", "CONTENT_HASH", "DRILL_SECRET", "KEY_HASHES", "UPSTREAM_API_KEY", "VERSION"]


def test_a_client_key_itself_is_never_bound(deploy):
    assert KEY not in json.dumps(deploy().made["WorkerVersion"])


def test_what_is_off_is_not_made(deploy):
    made = deploy(cache={"enabled": False}, routes=[], custom_domain=None).made
    assert not {"WorkersKvNamespace", "WorkersRoute", "WorkersCustomDomain"} & set(made)


def test_the_outputs(deploy):
    out = deploy().outputs
    assert out["url"] == "https://llm.example.com"
    assert out["urls"] == [
        "https://llm.example.com",
        "https://ai.example.com",
        "https://edge-proxy-dev.acme.workers.dev",
    ]
    assert out["worker"] == "edge-proxy-dev"
    assert out["version_id"] == "id-edge-version"
    assert out["verify_key"] == KEY


def test_a_transform_amends_any_child(deploy):
    made = deploy(transform={"worker": lambda args: {**args, "logpush": True}}).made
    assert made["Worker"]["logpush"] is True
    with pytest.raises(ConfigError, match="'wroker'"):
        EdgeProxyArgs(config=None, transform={"wroker": dict})


def test_the_local_address_comes_first():
    config = from_values(VALUES, source="x")
    assert routing.addresses(config, "http://127.0.0.1:8787", [])[0] == "http://127.0.0.1:8787"
    assert routing.addresses(config, None, ["http://127.0.0.1:8787"])[0] == "http://127.0.0.1:8787"
