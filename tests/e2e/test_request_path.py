"""Sharing, sealing, the breaker and keys on the deployed Worker in workerd, with a scripted upstream behind it."""

import asyncio
import hashlib
import hmac
import json
import secrets
import socket
import time
from http.client import HTTPResponse

import httpx
import pytest
from edgewright.keys import new_client_key
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT

from .gated import END, WORDS, GatedModel
from .odd import served, targets
from .stage import Stage

SCALE = 0.1
KEYS = {name: new_client_key() for name in ("demo", "other", "old")}
SIGNING_KEY = new_client_key()
SEALING = ["a" * 64, "b" * 64]


def changes(base_url, gated):
    """Models on the scripted upstream, one on another that is let speak, two tenants."""
    models = {
        "m": ["good"],
        "slow": ["slow", "good"],
        "dead": ["unavailable", "good"],
        "hopeless": ["unavailable"],
    }
    return {
        "upstreams": {"wall": served(base_url), "gate": served(gated)},
        "models": {
            **{name: targets(*models, upstream="wall") for name, models in models.items()},
            "gated": targets("gated", upstream="gate"),
        },
        "default_model": "m",
        "sessions": {"enabled": False},
        "cache": {"enabled": True, "encryption": True},
        "cache_keys": [SEALING[0]],
        "auth": {
            "keys": {"demo": {"tenant": "demo"}, "other": {"tenant": "other"}},
            "signed_requests": True,
        },
        "client_keys": {"demo": [KEYS["demo"], KEYS["old"]], "other": KEYS["other"]},
        "signing_keys": {"demo": SIGNING_KEY},
        "breaker": {"failures": 2, "open_ms": 400, "max_open_ms": 400},
        "fallback": {"attempts_per_target": 1, "base_delay_ms": 1, "max_delay_ms": 1},
    }


class Deployed(Stage):
    def ask(self, text, *, key="demo", headers=(), **more):
        body = {"messages": [{"role": "user", "content": text}], **more}
        return httpx.post(
            f"{self.url}/v1/chat/completions", json=body, headers={**bearer(key), **dict(headers)}, timeout=20
        )

    def kept(self):
        """The values in KV by their names, as the API gives them."""
        namespaces = f"{self.cloud.api_url}/accounts/{self.cloud.account_id}/storage/kv/namespaces"
        base = f"{namespaces}/{self.outputs['namespace_id']}"
        headers = {"authorization": f"Bearer {self.cloud.token}"}
        names = [entry["name"] for entry in httpx.get(f"{base}/keys", headers=headers).json()["result"]]
        return {name: httpx.get(f"{base}/values/{name}", headers=headers).text for name in names}


def bearer(key):
    return {"authorization": f"Bearer {KEYS[key]}"}


def fresh():
    return f"Say the words ({secrets.token_hex(8)})"


@pytest.fixture(scope="module")
def gate():
    with GatedModel() as running:
        yield running


@pytest.fixture(scope="module")
def deployed(tmp_path_factory, gate):
    folder = tmp_path_factory.mktemp("request-path")
    with (
        ScriptedUpstream(SCALE) as upstream,
        Deployed(folder, upstream, **changes(upstream.base_url, gate.base_url)) as made,
    ):
        yield made


def told(response):
    """The text of an answer, streamed or not; None where it is no whole answer."""
    return text_of(response.status_code, response.headers["content-type"], response.text)


def text_of(status, kind, body):
    if status != 200:
        return None
    if "event-stream" not in kind:
        return json.loads(body)["choices"][0]["message"]["content"]
    data = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")]
    if any("error" in chunk for chunk in data) or not body.endswith("data: [DONE]\n\n"):
        return None
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in data if chunk["choices"])


async def together(url, count, text, model):
    """So many identical requests at once, every other one streamed; beside them others that keep workerd busy."""
    async with httpx.AsyncClient(base_url=f"{url}/v1", headers=bearer("demo"), timeout=30) as client:

        def ask(content, **more):
            return client.post("/chat/completions", json={"messages": [{"role": "user", "content": content}], **more})

        busy = asyncio.gather(*(ask(fresh()) for _ in range(20)))
        found = await asyncio.gather(*(ask(text, model=model, stream=index % 2 == 0) for index in range(count)))
        await busy
        return found


def test_100_identical_requests_make_one_call_and_one_write(deployed):
    text, before = fresh(), set(deployed.kept())
    answers = asyncio.run(together(deployed.url, 100, text, "slow"))
    assert {told(answer) for answer in answers} == {TEXT}
    assert len(deployed.calls(text)) == 1
    states = [answer.headers["x-edge-cache"] for answer in answers]
    assert states.count("MISS") == 1
    assert states.count("COALESCED") == 99
    written = set(deployed.kept()) - before
    assert len(written) <= 21  # ours, and those of the others beside it
    assert told(deployed.ask(text, model="slow")) == TEXT
    assert len(deployed.calls(text)) == 1


def test_a_failure_is_told_to_each_and_not_kept(deployed):
    text = fresh()
    answers = asyncio.run(together(deployed.url, 20, text, "hopeless"))
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {
        (503, "upstream_unavailable")
    }
    calls = len(deployed.calls(text))
    assert calls < 20
    assert deployed.ask(text, model="hopeless").status_code == 503
    assert len(deployed.calls(text)) == calls + 1


def raw(deployed, text, **more):
    """A caller on a connection of its own, who leaves by closing it."""
    address = httpx.URL(deployed.url)
    body = json.dumps({"messages": [{"role": "user", "content": text}], **more}).encode()
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {KEYS['demo']}"]
    lines += [f"content-length: {len(body)}", "", ""]
    connection = socket.create_connection((address.host, address.port), timeout=20)
    connection.sendall("\r\n".join(lines).encode() + body)
    return connection


def answered(connection):
    """The text that such a caller hears, and what the cache did."""
    with connection, HTTPResponse(connection) as response:
        response.begin()
        text = text_of(response.status, response.headers["content-type"], response.read().decode())
        return text, response.headers["x-edge-cache"]


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_does_not_disturb_the_others_not_even_the_first(deployed, gate, stream):
    text = fresh()
    gate.calls.clear()
    first = raw(deployed, text, stream=stream, model="gated")
    assert gate.asked()
    others = [raw(deployed, text, stream=kind, model="gated") for kind in (True, False, stream)]
    second = raw(deployed, text, stream=stream, model="gated")
    deployed.ask(fresh())  # goes the whole way after them: they are all there
    first.close()
    second.close()
    gate.let(END)
    assert [answered(other) for other in others] == [("".join(WORDS), "COALESCED")] * 3
    assert len(gate.calls) == 1


def test_no_tenant_is_served_what_another_has_asked(deployed):
    """Twenty prompts, each asked by one tenant and then by the other: no hit across, one within."""
    for _ in range(20):
        text = fresh()
        states = [deployed.ask(text, key=key).headers["x-edge-cache"] for key in ("demo", "other", "demo", "other")]
        assert states == ["MISS", "MISS", "HIT", "HIT"]
        assert len(deployed.calls(text)) == 2


def test_two_keys_of_one_name_share_what_is_theirs(deployed):
    text = fresh()
    assert deployed.ask(text, key="old").headers["x-edge-cache"] == "MISS"
    assert deployed.ask(text, key="demo").headers["x-edge-cache"] == "HIT"


def test_a_signed_request(deployed):
    body = json.dumps({"messages": [{"role": "user", "content": fresh()}]}).encode()
    moment, nonce, path = int(time.time()), secrets.token_hex(16), "/v1/chat/completions"
    signed = f"demo.{moment}.{nonce}.POST.{path}.{hashlib.sha256(body).hexdigest()}"
    signature = hmac.new(SIGNING_KEY.encode(), signed.encode(), hashlib.sha256).hexdigest()
    headers = {"x-edge-signature": f"key=demo,t={moment},n={nonce},v1={signature}"}
    first, again = (httpx.post(deployed.url + path, content=body, headers=headers, timeout=20) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 401)
    assert SIGNING_KEY not in first.text + again.text


def test_a_dead_target_is_left_out_and_found_again(deployed):
    first = [deployed.ask(fresh(), model="dead") for _ in range(4)]
    assert {told(answer) for answer in first} == {TEXT}
    text = fresh()
    left_out = deployed.ask(text, model="dead")
    assert [call["model"] for call in deployed.calls(text)] == ["good"]
    assert 'breaker;desc="wall/unavailable open"' in left_out.headers["server-timing"]
    until = time.monotonic() + 10
    while "probe" not in deployed.ask(fresh(), model="dead").headers["server-timing"]:
        assert time.monotonic() < until, "it was never probed"
        time.sleep(0.05)


def test_what_is_kept_is_sealed_and_outlives_a_change_of_keys(deployed):
    text = fresh()
    assert deployed.ask(text).headers["x-edge-cache"] == "MISS"
    values = deployed.kept()
    assert values
    assert not any(word in value for value in values.values() for word in ("w1 w2", text, '"answer"'))
    for keys, state in (([SEALING[1], SEALING[0]], "HIT"), ([SEALING[1]], "MISS")):
        deployed.deploy(cache_keys=keys)
        assert deployed.ask(text).headers["x-edge-cache"] == state
    deployed.deploy()


@pytest.mark.parametrize("mode", ["fail", "slow"])
def test_a_kv_that_does_not_work_costs_no_answer(deployed, mode):
    control = httpx.Client(
        base_url=deployed.cloud.control_url, headers={"authorization": f"Bearer {deployed.cloud.token}"}
    )
    try:
        control.post(
            "/kv", json={"mode": mode, "latency_ms": 20_000} if mode == "slow" else {"mode": mode}
        ).raise_for_status()
        answer = deployed.ask(fresh())
        assert told(answer) == TEXT
        assert answer.elapsed.total_seconds() < 20
    finally:
        control.post("/kv", json={"mode": "ok"}).raise_for_status()
        control.close()
