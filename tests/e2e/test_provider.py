"""The component plugin as Pulumi's engine meets it: a process that is asked over gRPC, without the CLI."""

import asyncio
import json
from contextlib import closing

import grpc
import httpx
import pulumi
import pytest
from edgewright.components import EdgeProxy, EdgeProxyArgs
from edgewright.config import from_values
from edgewright.engine import resources
from edgewright.engine.api import CloudflareApi
from edgewright.engine.deployment import Deployment
from edgewright.engine.monitor import DeploymentMonitor
from edgewright.engine.state import State
from edgewright.keys import new_client_key
from edgewright.localcloud import LocalCloud
from edgewright.provider import OUTPUTS, package_schema
from edgewright.provider.names import camel
from pulumi.runtime import mocks

from .conftest import ROOT
from .plugin import PROJECT, STACK, STACK_URN, UNKNOWN, Recorder, secret, started

KEY, OTHER = new_client_key(), new_client_key()
CANARY = "canary-of-an-upstream"

# One configuration twice: as a program in another language gives it, and as a stack file does.
INPUTS = {
    "accountId": "a" * 32,
    "environment": "prod",
    "name": "ai-proxy",
    "workersDev": True,
    "protect": True,
    "upstreams": {
        "ai": {"type": "workers-ai", "gateway": None},
        "api": {"type": "openai-compatible", "baseUrl": "https://x.example/v1"},
    },
    "upstreamKeys": secret({"api": CANARY}),
    "models": {
        "small_one": {
            "targets": [
                {"upstream": "ai", "model": "@cf/x", "price": {"input": 0.5, "output": 1, "cachedInput": 0.25}},
                {"upstream": "api", "model": "m", "timeouts": {"firstTokenMs": 9000}},
            ]
        }
    },
    "auth": {"keys": {"ci": {"tenant": "ci"}, "web": {"tenant": "web"}}},
    "clientKeys": secret({"ci": [KEY, new_client_key()], "web": OTHER}),
    "cache": {"enabled": True, "ttlSeconds": 120, "retainOnDestroy": True},
    "sessions": {"enabled": True, "maxContextTokens": 1000, "summary": {"maxTokens": 100}},
    "limits": {"rules": [{"name": "hour", "per": "key", "of": "requests", "atMost": 25, "windowSeconds": 3600}]},
    "routes": [{"pattern": "ai.example.com/*", "zone": "example.com"}],
    "customDomain": {"hostname": "llm.example.com", "zone": "example.com"},
    "verification": {"drills": True},
    "drillSecret": secret("d" * 64),
}
VALUES = {
    "account_id": "a" * 32,
    "environment": "prod",
    "name": "ai-proxy",
    "workers_dev": True,
    "protect": True,
    "upstreams": {
        "ai": {"type": "workers-ai"},
        "api": {"type": "openai-compatible", "base_url": "https://x.example/v1"},
    },
    "upstream_keys": {"api": CANARY},
    "models": {
        "small_one": {
            "targets": [
                {"upstream": "ai", "model": "@cf/x", "price": {"input": 0.5, "output": 1, "cached_input": 0.25}},
                {"upstream": "api", "model": "m", "timeouts": {"first_token_ms": 9000}},
            ]
        }
    },
    "auth": {"keys": {"ci": {"tenant": "ci"}, "web": {"tenant": "web"}}},
    "client_keys": INPUTS["clientKeys"]["value"],
    "cache": {"enabled": True, "ttl_seconds": 120, "retain_on_destroy": True},
    "sessions": {"enabled": True, "max_context_tokens": 1000, "summary": {"max_tokens": 100}},
    "limits": {"rules": [{"name": "hour", "per": "key", "of": "requests", "at_most": 25, "window_seconds": 3600}]},
    "routes": [{"pattern": "ai.example.com/*", "zone": "example.com"}],
    "custom_domain": {"hostname": "llm.example.com", "zone": "example.com"},
    "verification": {"drills": True},
    "drill_secret": "d" * 64,
}


@pytest.fixture(scope="module")
def plugin():
    with started() as running:
        yield running
    assert "Traceback" not in "".join(running.said), "".join(running.said)


def refusal(plugin, **changes):
    """What the plugin says of inputs that it refuses; nothing may be registered."""
    recorder = Recorder()
    inputs = {name: value for name, value in {**INPUTS, **changes}.items() if value is not None}
    with pytest.raises(grpc.RpcError) as raised:
        plugin.construct(inputs, monitor=recorder)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not recorder.made
    return raised.value.details()


def test_the_schema_is_the_committed_one(plugin):
    told = json.loads(plugin.schema())
    assert told == package_schema()
    assert told == json.loads((ROOT / "docs/reference/component.schema.json").read_text())


@pytest.fixture
def loop():
    """The SDK's outputs want an event loop, also outside of it."""
    with closing(asyncio.new_event_loop()) as made:
        asyncio.set_event_loop(made)
        yield made
        asyncio.set_event_loop(None)


@pytest.mark.usefixtures("loop")
def test_it_registers_what_the_python_program_registers(plugin):
    own = Recorder()
    mocks.set_mocks(None, project=PROJECT, stack=STACK, monitor=own)

    @mocks.test
    def program():
        proxy = EdgeProxy("proxy", EdgeProxyArgs(from_values(VALUES, source="x")))
        return pulumi.Output.all(**proxy.outputs())

    program()
    del own.made[STACK_URN], own.outputs[STACK_URN]
    told = Recorder()
    plugin.construct(INPUTS, monitor=told)
    assert len(told.made) == 7
    assert told.made == own.made
    assert told.outputs == own.outputs


def test_it_answers_with_the_outputs_of_the_schema(plugin):
    state, urn = plugin.construct(INPUTS, monitor=Recorder())
    properties = package_schema()["resources"]["edgewright:index:EdgeProxy"]["properties"]
    assert urn == f"urn:pulumi:{STACK}::{PROJECT}::edgewright:index:EdgeProxy::proxy"
    assert set(state) == set(properties) - {"dataset"}
    for name, value in state.items():
        assert (isinstance(value, dict) and "value" in value) == properties[name].get("secret", False), name
    assert state["verifyKey"] == secret(KEY)
    assert state["otherKey"] == secret(OTHER)
    assert state["urls"][0] == "https://llm.example.com"
    assert state["versionId"] == "id-proxy-version"


def test_no_secret_is_registered_in_plain_text(plugin):
    recorder = Recorder()
    plugin.construct(INPUTS, monitor=recorder)
    version = json.dumps(next(made["inputs"] for urn, made in recorder.made.items() if "WorkerVersion" in urn))
    assert f'"value": "{CANARY}"' in version
    for urn, made in recorder.made.items():
        text = json.dumps(made["inputs"]).replace(f'"value": "{CANARY}"', "").replace(f'"value": "{"d" * 64}"', "")
        assert not [held for held in (CANARY, KEY, OTHER, "d" * 64) if held in text], urn


def test_a_preview_goes_on_where_secrets_are_not_known_yet(plugin):
    recorder = Recorder()
    unknown = {"clientKeys": secret(UNKNOWN), "drillSecret": secret(UNKNOWN), "upstreamKeys": {"api": UNKNOWN}}
    state, _ = plugin.construct({**INPUTS, **unknown}, monitor=recorder, preview=True)
    assert len(recorder.made) == 7
    assert state["verifyKey"] == state["otherKey"] == state["drillSecret"] == secret(UNKNOWN)
    assert state["verifyModel"] == "small_one"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"accountId": "x"}, "accountId: "),
        ({"accountId": None}, "accountId: missing."),
        ({"accountId": UNKNOWN}, "accountId: not known before the run."),
        ({"accountId": secret("a" * 32)}, "accountId: is a secret, but would be written in plain text."),
        ({"cache": {"ttlSeconds": 5}}, "cache.ttlSeconds: "),
        ({"cache": {"ttl_seconds": 120}}, "cache.ttl_seconds: unknown input. Fix: it is called ttlSeconds here."),
        ({"cache": {"ttlSecond": 120}}, "cache.ttlSecond: unknown key. Fix: did you mean ttlSeconds?"),
        ({"cashe": {}}, "cashe: unknown key. Fix: did you mean cache?"),
        ({"upstreams": {"ai": {"type": "openai"}}}, "upstreams.ai"),
        ({"defaultModel": "big"}, "defaultModel: 'big' is not in models. Fix: use one of small_one."),
        ({"fallback": {"midStream": "go"}}, "fallback.midStream: "),
        ({"clientKeys": None}, 'Fix: set the secret input clientKeys["ci"] to "$(edgewright keys new)".'),
        ({"clientKeys": secret({"ci": "short"})}, "clientKeys.ci: not of the form sk-edge-"),
        (
            {"limits": {"rules": [{"name": "x", "per": "key", "of": "usd", "atMost": 1}]}},
            "limits.rules[0].windowSeconds",
        ),
        ({"models": 5}, "models: "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_inputs_are_named(plugin, changes, told):
    said = refusal(plugin, **changes)
    assert told in said
    assert said.startswith("the inputs have ")
    assert "Traceback" not in said
    assert ".py" not in said


def test_all_findings_come_at_once_and_no_secret_among_them(plugin):
    said = refusal(plugin, accountId="x", cache={"ttlSeconds": 1}, clientKeys=secret({"ci": CANARY}))
    assert "the inputs have " in said
    for name in ("accountId: ", "cache.ttlSeconds: ", "clientKeys.ci: "):
        assert f"  - {name}" in said
    assert CANARY not in said


def test_another_component_is_refused(plugin):
    with pytest.raises(grpc.RpcError) as raised:
        plugin.construct(INPUTS, monitor=Recorder(), token="edgewright:index:EdgeProxies")
    assert "edgewright:index:EdgeProxies: not of this package." in raised.value.details()


def test_a_refusal_leaves_the_plugin_working(plugin):
    refusal(plugin, accountId="x")
    _, urn = plugin.construct(INPUTS, monitor=Recorder(), name="second")
    assert urn.endswith("::second")


def test_what_it_registers_serves_callers(plugin, tmp_path):
    """The same construction with the embedded engine's deployment behind the monitor."""
    inputs = {
        "environment": "dev",
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/meta/llama-3.1-8b-instruct-fp8-fast"}]}},
        "cache": {"enabled": True},
        "auth": {"keys": {"ci": {"tenant": "ci"}}},
        "clientKeys": secret({"ci": KEY}),
    }
    with LocalCloud() as cloud:
        api = CloudflareApi(cloud.api_url, cloud.token)
        deployment = Deployment(api, State.load(tmp_path))
        monitor = DeploymentMonitor(deployment, lambda token, args: resources.invoke(api, token, args))
        mocks.set_mocks(None, project=PROJECT, stack=STACK, monitor=monitor)
        state, _ = plugin.construct({**inputs, "accountId": cloud.account_id}, monitor=monitor)
        answer = httpx.post(
            f"{state['url']}/v1/chat/completions",
            json={"model": "small", "messages": [{"role": "user", "content": "hi"}]},
            headers={"Authorization": f"Bearer {state['verifyKey']['value']}"},
            trust_env=False,
            timeout=30,
        )
    assert answer.status_code == 200
    assert answer.headers["x-edge-version"] == state["contentHash"][:16]


def test_the_outputs_are_those_of_the_component():
    assert {camel(name) for name in OUTPUTS} == set(
        package_schema()["resources"]["edgewright:index:EdgeProxy"]["properties"]
    )
