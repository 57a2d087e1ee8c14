"""The rules of the API that deployments run into, each with its status and code."""

import base64
import json

import httpx
import pytest


def module(code, name="entry.js"):
    content = base64.b64encode(code.encode()).decode()
    return {"name": name, "content_type": "application/javascript+module", "content_base64": content}


def version(code="export default { fetch() { return new Response('ok') } }", **more):
    return {"main_module": "entry.js", "compatibility_date": "2026-11-01", "modules": [module(code)], **more}


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


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (400, 9106)),
        ({"Authorization": "Token x"}, (400, 6003)),
        ({"Authorization": "Bearer short"}, (400, 6003)),
        ({"Authorization": "Bearer " + "w" * 40}, (401, 10000)),
    ],
)
def test_authentication_comes_first(api, headers, expected):
    answer = httpx.get(f"{api.cloud.api_url}/nowhere", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == expected
    assert "w" * 40 not in answer.text


def test_another_account_is_not_ours(api):
    assert api.refused("GET", "/accounts/" + "0" * 32 + "/storage/kv/namespaces") == (403, 10000)


def test_an_unknown_route_names_itself_and_is_counted(api, capfd):
    assert api.refused("GET", f"{api.a}/queues") == (404, 7003)
    assert "GET" in api("GET", f"{api.a}/queues").json()["errors"][0]["message"]
    assert "not implemented" in capfd.readouterr().err
    assert api.refused("PATCH", f"{api.a}/storage/kv/namespaces") == (405, 7001)


def test_a_token_and_its_account_are_found(api):
    assert api.result("GET", "/user/tokens/verify")["status"] == "active"
    assert [account["id"] for account in api.result("GET", "/accounts")] == [api.cloud.account_id]
    assert api.result("GET", "/accounts", params={"page": 2}) == []
    assert len(api.result("GET", "/zones", params={"name": api.cloud.zone_name})) == 1
    assert api.result("GET", "/zones", params={"name": "other.com"}) == []


def test_namespaces_have_unique_titles(api):
    path = f"{api.a}/storage/kv/namespaces"
    made = api.result("POST", path, json={"title": "t"})
    assert api.refused("POST", path, json={"title": "t"}) == (400, 10014)
    assert api.refused("POST", path, json={}) == (400, 10019)
    assert api.result("PUT", f"{path}/{made['id']}", json={"title": "u"})["title"] == "u"
    assert api.result("DELETE", f"{path}/{made['id']}") is None
    assert api.refused("GET", f"{path}/{made['id']}") == (404, 10013)


@pytest.mark.parametrize("key", ["plain", "a/b?c %25", "é😀", "a%2Fb"])
def test_values_by_any_key(api, key):
    from urllib.parse import quote

    namespace = api.result("POST", f"{api.a}/storage/kv/namespaces", json={"title": "t"})
    base = f"{api.a}/storage/kv/namespaces/{namespace['id']}"
    path = httpx.URL(f"{api.cloud.api_url}{base}/values/{quote(key, safe='')}")
    form = {"value": (None, "v"), "metadata": (None, '{"m":1}')}
    assert api.http.put(path, files=form).status_code == 200
    assert api.http.get(path).content == b"v"
    assert [entry["name"] for entry in api.result("GET", f"{base}/keys")] == [key]
    assert api.http.delete(path).status_code == 200
    assert api.http.get(path).json()["errors"][0]["code"] == 10009


def test_values_expire_by_the_clock(api):
    namespace = api.result("POST", f"{api.a}/storage/kv/namespaces", json={"title": "t"})
    path = f"{api.a}/storage/kv/namespaces/{namespace['id']}/values/k"
    assert api.refused("PUT", path, params={"expiration_ttl": 30}, content=b"v") == (400, 10034)
    api.result("PUT", path, params={"expiration_ttl": 60}, content=b"v")
    assert api("GET", path).content == b"v"
    api.control("POST", "clock", json={"advance_seconds": 61})
    assert api.refused("GET", path) == (404, 10009)


def test_keys_are_listed_a_page_at_a_time(api):
    namespace = api.result("POST", f"{api.a}/storage/kv/namespaces", json={"title": "t"})
    base = f"{api.a}/storage/kv/namespaces/{namespace['id']}"
    api.result("PUT", f"{base}/bulk", json=[{"key": f"k{index:02}", "value": "v"} for index in range(25)])
    seen, cursor = [], ""
    while True:
        body = api("GET", f"{base}/keys", params={"limit": 10, "cursor": cursor, "prefix": "k"}).json()
        seen += [entry["name"] for entry in body["result"]]
        cursor = body["result_info"]["cursor"]
        if not cursor:
            break
    assert seen == [f"k{index:02}" for index in range(25)]


def test_worker_names_are_unique_and_found_by_name_or_id(api, worker):
    assert api.refused("POST", f"{api.a}/workers/workers", json={"name": "edge"})[0] == 409
    assert api.result("GET", f"{api.a}/workers/workers/edge")["id"] == worker["id"]
    assert api.refused("GET", f"{api.a}/workers/workers/nope") == (404, 10007)
    assert api.result("GET", f"{api.a}/workers/services/edge")["id"] == "edge"
    assert api.refused("GET", f"{api.a}/workers/services/nope") == (404, 10090)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (version("export default {"), (400, 10021)),
        (version("throw new Error('at start')"), (400, 10021)),
        (version("import './missing.js'; export default {}"), (400, 10021)),
        (version(compatibility_date="2099-01-01"), (400, 10021)),
        (version(main_module="other.js"), (400, 10021)),
        (version(bindings=[{"name": "A", "type": "ai"}, {"name": "A", "type": "ai"}]), (400, 10053)),
        (version(bindings=[{"name": "K", "type": "kv_namespace", "namespace_id": "0" * 32}]), (400, 10041)),
        (version(bindings=[{"name": "K", "type": "kv_namespace", "namespace_id": "x"}]), (400, 10042)),
        (version(bindings=[{"name": "D", "type": "durable_object_namespace", "class_name": "X"}]), (400, 10061)),
    ],
)
def test_a_version_that_cannot_run_is_refused_at_upload(api, worker, body, expected):
    assert api.refused("POST", f"{api.a}/workers/workers/{worker['id']}/versions", json=body) == expected


def test_the_refusal_of_code_says_what_is_wrong(api, worker):
    answer = api("POST", f"{api.a}/workers/workers/{worker['id']}/versions", json=version("throw new Error('boom')"))
    assert "boom" in answer.json()["errors"][0]["message"]


def test_a_deployment_has_one_or_two_versions_and_all_of_the_traffic(api, worker):
    made = api.result("POST", f"{api.a}/workers/workers/{worker['id']}/versions", json=version())["id"]
    assert deploy(api, worker, (made, 50)).status_code == 400
    assert deploy(api, worker).status_code == 400
    assert deploy(api, worker, ("0" * 8, 100)).json()["errors"][0]["code"] == 100146
    assert deploy(api, worker, (made, 100)).status_code == 200
    listed = api.result("GET", f"{api.a}/workers/scripts/edge/deployments")["deployments"]
    assert listed[0]["versions"][0]["version_id"] == made


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


def test_routes_are_unique_and_need_a_worker(api, worker):
    path = f"{api.z}/workers/routes"
    made = api.result("POST", path, json={"pattern": "a.edgewright.test/*", "script": worker["name"]})
    assert api.refused("POST", path, json={"pattern": "a.edgewright.test/*", "script": "edge"}) == (409, 10020)
    assert api("POST", path, json={"pattern": "a.edgewright.test/*"}).headers["x-should-retry"] == "false"
    assert api.refused("POST", path, json={"pattern": "b.edgewright.test/*", "script": "nope"}) == (400, 10019)
    assert api.refused("POST", path, json={"pattern": "a.other.com/*", "script": "edge"}) == (400, 10022)
    assert api.result("DELETE", f"{path}/{made['id']}") == {"id": made["id"]}


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


def test_models_answer_over_the_api_too(api):
    asked = {"messages": [{"role": "user", "content": "hello"}]}
    model = "@cf/meta/llama-3.2-3b-instruct"
    assert "hello" in api.result("POST", f"{api.a}/ai/run/{model}", json=asked)["response"]
    chat = api("POST", f"{api.a}/ai/v1/chat/completions", json={**asked, "model": model}).json()
    assert "hello" in chat["choices"][0]["message"]["content"]
    assert api.refused("POST", f"{api.a}/ai/run/@cf/no/such", json=asked) == (400, 5007)
    with api.http.stream("POST", f"{api.a}/ai/run/{model}", json={**asked, "stream": True}) as stream:
        assert list(stream.iter_lines())[-2] == "data: [DONE]"
    found = api.result("GET", f"{api.a}/ai/models/search", params={"search": "gpt-oss"})
    assert {"@cf/openai/gpt-oss-20b", "@cf/openai/gpt-oss-120b"} <= {entry["name"] for entry in found}
