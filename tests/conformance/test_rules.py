"""The rules of the API that show in what a deployed Worker answers."""

import json

import httpx
import pytest

from .uploads import version


@pytest.fixture
def worker(api):
    return api.result("POST", f"{api.a}/workers/workers", json={"name": "edge", "subdomain": {"enabled": True}})


def deploy(api, worker, *splits):
    body = {"strategy": "percentage", "versions": [{"version_id": v, "percentage": p} for v, p in splits]}
    return api("POST", f"{api.a}/workers/scripts/{worker['name']}/deployments", json=body)


def release(api, worker, code, **more):
    made = api.result("POST", f"{api.a}/workers/workers/{worker['id']}/versions", json=version(code, **more))
    assert deploy(api, worker, (made["id"], 100)).status_code == 200
    return made["id"]


def get(api, path="/", **headers):
    return httpx.get(api.cloud.url + path, headers=headers, trust_env=False)


def test_traffic_is_split_and_a_version_can_be_asked_for(api, worker):
    code = "export default {{ fetch() {{ return new Response('{0}') }} }}"
    first = release(api, worker, code.format("one"))
    second = api.result("POST", f"{api.a}/workers/workers/{worker['id']}/versions", json=version(code.format("two")))[
        "id"
    ]
    assert get(api).text == "one"
    assert deploy(api, worker, (first, 50), (second, 50)).status_code == 200
    assert {get(api).text for _ in range(60)} == {"one", "two"}
    assert deploy(api, worker, (first, 100), (second, 0)).status_code == 200
    assert {get(api).text for _ in range(20)} == {"one"}
    for identifier, text in ((second, "two"), (first, "one"), ("0" * 36, "one")):
        assert get(api, **{"Cloudflare-Workers-Version-Overrides": f'edge="{identifier}"'}).text == text


def test_workers_answer_by_host(api, worker):
    release(api, worker, "export default { fetch(r) { return new Response('edge ' + new URL(r.url).protocol) } }")
    other = api.result("POST", f"{api.a}/workers/workers", json={"name": "other", "subdomain": {"enabled": True}})
    release(api, other, "export default { fetch() { return new Response('other') } }")
    api.result("POST", f"{api.z}/workers/routes", json={"pattern": "api.edgewright.test/v1/*", "script": "other"})
    domain = {"hostname": "ai.edgewright.test", "service": "edge", "zone_id": api.cloud.zone_id}
    api.result("PUT", f"{api.a}/workers/domains", json=domain)
    for host, path, text in (
        ("edge.edgewright.workers.dev", "/", "edge https:"),
        ("other.edgewright.workers.dev", "/", "other"),
        ("api.edgewright.test", "/v1/x", "other"),
        ("ai.edgewright.test", "/", "edge https:"),
    ):
        assert get(api, path, Host=host).text == text
    assert get(api, Host="api.edgewright.test").status_code == 404
    assert get(api, **{"x-local-worker": "other"}).text == "other"


def test_secrets_are_never_shown_and_never_logged(api, worker):
    bindings = [
        {"name": "S", "type": "secret_text", "text": "canary-secret"},
        {"name": "A", "type": "plain_text", "text": "a"},
    ]
    code = "export default { fetch(_, env) { return new Response(env.S + env.A) } }"
    made = release(api, worker, code, bindings=bindings)
    assert get(api).text == "canary-secreta"
    for path in (
        f"/workers/workers/edge/versions/{made}?include=modules",
        "/workers/scripts/edge/settings",
        "/workers/scripts/edge/secrets",
        f"/workers/scripts/edge/versions/{made}",
    ):
        text = api("GET", api.a + path).text
        assert "canary" not in text
        assert '"S"' in text
    assert "canary" not in json.dumps(api.log())


def test_a_script_can_be_uploaded_the_older_way(api):
    metadata = {
        "main_module": "i.js",
        "compatibility_date": "2026-11-01",
        "bindings": [{"name": "V", "type": "json", "json": {"a": 1}}],
    }
    code = "export default { fetch(_, env) { return Response.json(env.V) } }"
    files = {
        "i.js": ("i.js", code, "application/javascript+module"),
        "metadata": (None, json.dumps(metadata), "application/json"),
    }
    assert api.result("PUT", f"{api.a}/workers/scripts/old", files=files)["id"] == "old"
    assert get(api).json() == {"a": 1}
    content = api("GET", f"{api.a}/workers/scripts/old/content/v2")
    assert content.headers["cf-entrypoint"] == "i.js"
    assert code.encode() in content.content
