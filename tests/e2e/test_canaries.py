"""Canary secrets are put everywhere a secret can be, and then looked for everywhere it must not be."""

import base64
import json
import queue
import secrets
import tempfile
from pathlib import Path

import httpx
import pytest
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.keys import new_client_key
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from werkzeug import Response

from .conftest import ROOT

CANARIES = {
    "client key": new_client_key(),
    "signing key": new_client_key(),
    "upstream key": f"sk-upstream-{secrets.token_hex(16)}",
    "sealing key": secrets.token_hex(32),
    "drill secret": secrets.token_hex(32),
    "usage token": secrets.token_hex(20),
    "collector's key": f"otlp-{secrets.token_hex(16)}",
    "unknown key": new_client_key(),
    "prompt": f"prompt-{secrets.token_hex(16)}",
    "upstream's words": f"words-{secrets.token_hex(16)}",
    "answer": f"answer-{secrets.token_hex(16)}",
}


@pytest.fixture(scope="module")
def upstream(make_httpserver):
    """A model whose refusals and broken streams quote what must not be passed on."""
    told, key = CANARIES["upstream's words"], CANARIES["upstream key"]
    path = "/v1/chat/completions"
    error = {"error": {"message": f"{told} for {key}", "code": "boom"}}

    def refuse(model, status):
        matched = make_httpserver.expect_request(path, json=Model(model))
        matched.respond_with_json(error, status=status, headers={"x-upstream": told, "www-authenticate": told})

    for model, status in (("refuses", 400), ("denies", 401), ("fails", 500), ("limits", 429), ("moves", 302)):
        refuse(model, status)
    make_httpserver.expect_request(path, json=Model("breaks")).respond_with_data(
        f'data: {{"choices":[{{"delta":{{"content":"half "}}}}]}}\n\ndata: {json.dumps(error)}\n\n',
        content_type="text/event-stream",
    )
    make_httpserver.expect_request(path, json=Model("garbles")).respond_with_data(
        f"<html>{told}", content_type="text/html"
    )
    answer = {"message": {"role": "assistant", "content": CANARIES["answer"]}, "finish_reason": "stop"}
    make_httpserver.expect_request(path, json=Model("good")).respond_with_json({"choices": [answer]})
    return make_httpserver


@pytest.fixture(scope="module")
def spans(upstream):
    """What a collector is sent, but for the key that it is sent by its header."""
    got = queue.Queue()

    def take(request):
        named = {key.lower(): text for key, text in request.headers.items()}
        assert named.pop("x-collector-key") == CANARIES["collector's key"]
        got.put(request.get_data() + repr(named).encode())
        return Response("{}", content_type="application/json")

    upstream.expect_request("/v1/traces", method="POST").respond_with_handler(take)
    return got


class Model(dict):
    """Equal to every chat request for one model."""

    def __init__(self, name):
        super().__init__(model=name)

    def __eq__(self, body):
        return body.get("model") == self["model"]

    __hash__ = None


MODELS = ("good", "refuses", "denies", "fails", "limits", "moves", "breaks", "garbles")


@pytest.fixture(scope="module")
def left_behind(upstream, spans, tmp_path_factory):
    """Everything that can be seen after a deployment has been used: name of the sink -> its bytes."""
    folder = tmp_path_factory.mktemp("canaries")
    sinks = {}
    # A short one, for the unix sockets in it: the running cloud's own folder, with workerd's log and its modules.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="edge-") as running:
        patch.setenv(STATE_VARIABLE, str(folder))
        patch.setattr(tempfile, "tempdir", running)
        with LocalCloud(state_dir=folder / "cloud", token=CANARIES["usage token"]) as cloud:
            api = CloudflareApi(cloud.api_url, cloud.token)
            engine = EmbeddedEngine(ROOT, "local", api=lambda: api, overrides=stack(upstream.url_for("")))
            engine.up(lambda step, done: sinks.__setitem__(f"step {step} {done}", repr(step).encode()))
            url = engine.outputs(reveal=True)["url"]
            sinks |= answers(url)
            sinks["outputs"] = repr(engine.outputs()).encode()
            sinks["preview"] = repr(engine.preview()).encode()
            sinks |= account(cloud)
            with_a_broken_kv(cloud, url)
            sinks |= {f"spans {number}": spans.get(timeout=20) for number in range(CHATS)}
            [own] = Path(running).iterdir()
            sinks |= files(own, "run/")
    return sinks | files(folder, "")


def files(folder, prefix):
    """The content of every file below a folder."""
    return {f"{prefix}{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_a_broken_kv(cloud, url):
    """One more answer, of which the Worker has something to log."""
    with httpx.Client(base_url=cloud.control_url, headers={"authorization": f"Bearer {cloud.token}"}) as control:
        control.post("/kv", json={"mode": "fail"}).raise_for_status()
        body = {"messages": [{"role": "user", "content": CANARIES["prompt"] + " again"}]}
        httpx.post(
            f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {CANARIES['client key']}"}
        )


def stack(address):
    """A stack whose every secret is a canary."""
    upstream = {"type": "openai-compatible", "base_url": f"{address}/v1", "key": "required"}
    return {
        "upstreams": {"api": upstream},
        "models": {name: {"targets": [{"upstream": "api", "model": name}]} for name in MODELS},
        "default_model": "good",
        "limits": {},
        "cache": {"enabled": True, "encryption": True},
        "auth": {"keys": {"demo": {"tenant": "demo"}}, "signed_requests": True},
        "fallback": {"attempts_per_target": 1},
        "verification": {"drills": True},
        "client_keys": {"demo": CANARIES["client key"]},
        "signing_keys": {"demo": CANARIES["signing key"]},
        "cache_keys": [CANARIES["sealing key"]],
        "upstream_keys": {"api": CANARIES["upstream key"]},
        "drill_secret": CANARIES["drill secret"],
        "observability": {"otlp": {"endpoint": address}},
        "otlp_headers": {"x-collector-key": CANARIES["collector's key"]},
    }


CHATS = 2 * len(MODELS) * 2 * 2 + 1
"""How many requests are made: each of them is told to the collector."""


def answers(url):
    """Answers and refusals, as their callers see them."""
    sinks = {}
    for key in ("client key", "unknown key"):
        for model in MODELS:
            for stream in (False, True):
                body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": CANARIES["prompt"]}]}
                headers = {"authorization": f"Bearer {CANARIES[key]}", "x-edge-drill": "t=1,n=12345678,fault=x,sig=0"}
                for drill in ({}, headers):
                    sent = {"authorization": headers["authorization"], **drill}
                    got = httpx.post(f"{url}/v1/chat/completions", json=body, headers=sent, timeout=20)
                    text = got.content.replace(CANARIES["answer"].encode(), b"") if model == "good" else got.content
                    sinks[f"{model}, {key}, {stream}, {bool(drill)}"] = text + repr(got.headers).encode()
    for path in ("/.well-known/edgewright", "/health", "/v1/models", "/v1/usage", "/metrics"):
        got = httpx.get(url + path, headers={"authorization": f"Bearer {CANARIES['client key']}"})
        sinks[path] = got.content + repr(got.headers).encode()
    return sinks


def account(cloud):
    """What the API tells of the Worker: settings, versions, modules, KV."""
    base = f"{cloud.api_url}/accounts/{cloud.account_id}"
    sinks = {}
    with httpx.Client(headers={"authorization": f"Bearer {cloud.token}"}) as client:
        for path in ("/workers/workers", "/workers/scripts", "/storage/kv/namespaces"):
            sinks[path] = client.get(base + path).content
        sinks["points"] = client.get(f"{cloud.control_url}/points").content
        [namespace] = client.get(f"{base}/storage/kv/namespaces").json()["result"]
        values = f"{base}/storage/kv/namespaces/{namespace['id']}"
        names = [entry["name"] for entry in client.get(f"{values}/keys").json()["result"]]
        assert names, "nothing was kept, so nothing could be found"
        sinks |= {f"KV {name}": client.get(f"{values}/values/{name}").content + name.encode() for name in names}
        for worker in client.get(f"{base}/workers/workers").json()["result"]:
            versions = f"{base}/workers/workers/{worker['id']}/versions"
            for version in client.get(versions).json()["result"]:
                shown = client.get(f"{versions}/{version['id']}?include=modules")
                sinks[f"version {version['id']}"] = shown.content
                for module in shown.json()["result"]["modules"]:
                    sinks[f"module {module['name']}"] = base64.b64decode(module["content_base64"])
    return sinks


# What may hold secrets: the local stack's own file, readable by its owner only, and the fake account itself, which has
# to give each deployed Worker its bindings, as Cloudflare has.
STORES = ("secrets.json", "account.sqlite")


@pytest.mark.parametrize("name", CANARIES)
def test_a_canary_is_found_nowhere(left_behind, name):
    canary = CANARIES[name].encode()
    assert not [sink for sink, held in left_behind.items() if canary in held and not sink.endswith(STORES)]


def test_the_search_would_find_them(left_behind):
    """The sinks are there and hold what they are to hold."""
    spanned = b"".join(held for sink, held in left_behind.items() if sink.startswith("spans "))
    assert CANARIES["drill secret"].encode() in left_behind["cloud/account.sqlite"]
    assert CANARIES["collector's key"].encode() in left_behind["cloud/account.sqlite"]
    assert b"cache read failed" in left_behind["run/workerd.log"]
    assert any(sink.startswith("KV ") and b'"sealed"' in held for sink, held in left_behind.items())
    assert b"createApp" in left_behind["module entry.js"]
    assert b"client_closed_request" in left_behind["points"] or b'"failed"' in left_behind["points"]
    assert b"USAGE_TOKEN" in left_behind["stacks/local/state.json"]
    assert b"chat good" in spanned
    assert b"upstream_error" in spanned
    assert b"OTLP_HEADERS" in left_behind["stacks/local/state.json"]
    assert b"KEY_HASHES" in left_behind["stacks/local/state.json"]
