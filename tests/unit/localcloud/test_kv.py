"""KV: the API's rules, the binding's rules, one store and one clock."""

import json

import pytest

READER = """
  if (request.method === "PUT") {
    const options = JSON.parse(url.searchParams.get("options") ?? "{}");
    await env.KV.put(url.searchParams.get("key"), await request.text(), options);
    return new Response("ok");
  }
  if (url.pathname === "/list") return Response.json(await env.KV.list({ prefix: "p", limit: 2 }));
  if (url.pathname === "/many") return Response.json([...(await env.KV.get(["a/b?c %", "none"]))]);
  const { value, metadata } = await env.KV.getWithMetadata(url.searchParams.get("key"));
  return Response.json({ value, metadata });
"""


@pytest.fixture
def kv(bench):
    """The path of a namespace, bound to a deployed Worker as KV."""
    namespace = bench.namespace()
    binding = {"name": "KV", "type": "kv_namespace", "namespace_id": namespace}
    caught = f"try {{ {READER} }} catch (error) {{ return new Response(String(error), {{ status: 500 }}) }}"
    bench.deploy(bench.handler(caught), bindings=[binding])
    return f"{bench.account}/storage/kv/namespaces/{namespace}"


@pytest.fixture
def path(bench):
    return f"{bench.account}/storage/kv/namespaces/{bench.namespace('bare')}"


def test_what_the_worker_writes_the_api_reads_and_back(bench, kv):
    bench.edge.put("/", params={"key": "a/b?c %", "options": '{"metadata": {"m": 1}}'}, content="worker")
    assert bench.api.get(f"{kv}/values/a%2Fb%3Fc%20%25").content == b"worker"
    assert bench.result("GET", f"{kv}/metadata/a%2Fb%3Fc%20%25") == {"m": 1}
    bench.api.put(f"{kv}/values/a%2Fb%3Fc%20%25", content=b"api")
    assert bench.edge.get("/", params={"key": "a/b?c %"}).json() == {"value": "api", "metadata": None}
    assert bench.edge.get("/many").json() == [["a/b?c %", "api"], ["none", None]]
    assert bench.edge.get("/", params={"key": "none"}).json() == {"value": None, "metadata": None}


def test_entries_expire_by_the_clock_of_the_account(bench, kv):
    bench.edge.put("/", params={"key": "k", "options": '{"expirationTtl": 60}'}, content="x")
    assert "expiration" in bench.api.get(f"{kv}/values/k").headers
    bench.control.post("/clock", json={"advance_seconds": 40})
    assert bench.edge.get("/", params={"key": "k"}).json()["value"] == "x"
    bench.control.post("/clock", json={"advance_seconds": 21})
    assert bench.edge.get("/", params={"key": "k"}).json()["value"] is None
    assert bench.error("GET", f"{kv}/values/k") == (404, 10009)
    assert bench.result("GET", f"{kv}/keys") == []


@pytest.mark.parametrize(
    ("key", "size", "options", "status"),
    [
        ("k" * 513, 1, {}, "414"),
        ("k", 1, {"expirationTtl": 59}, "400"),
        ("k", 1, {"metadata": "m" * 1025}, "413"),
        ("k", 25 * 1024 * 1024 + 1, {}, "413"),
    ],
)
def test_the_binding_keeps_the_limits(bench, kv, key, size, options, status):
    del kv
    answer = bench.edge.put("/", params={"key": key, "options": json.dumps(options)}, content=b"x" * size)
    assert answer.status_code == 500
    assert status in answer.text


def test_the_worker_lists_by_pages(bench, kv):
    for key in ("p1", "p2", "p3", "q"):
        bench.api.put(f"{kv}/values/{key}", content=b"x")
    listed = bench.edge.get("/list").json()
    assert [key["name"] for key in listed["keys"]] == ["p1", "p2"]
    assert listed["list_complete"] is False
    assert listed["cursor"]


def test_kv_fails_and_heals_on_request(bench, kv):
    del kv
    bench.control.post("/kv", json={"mode": "fail"})
    assert bench.edge.get("/", params={"key": "k"}).status_code == 500
    bench.control.post("/kv", json={"mode": "ok"})
    assert bench.edge.get("/", params={"key": "k"}).status_code == 200


def test_namespaces_have_unique_titles(bench):
    every = f"{bench.account}/storage/kv/namespaces"
    one = bench.result("POST", every, json={"title": "one"})
    assert one == {"id": one["id"], "title": "one", "supports_url_encoding": True}
    assert len(one["id"]) == 32
    assert bench.error("POST", every, json={"title": "one"}) == (400, 10014)
    assert bench.error("POST", every, json={}) == (400, 10019)
    two = bench.namespace("two")
    assert bench.error("PUT", f"{every}/{two}", json={"title": "one"}) == (400, 10014)
    assert bench.result("PUT", f"{every}/{two}", json={"title": "three"})["title"] == "three"
    assert bench.result("DELETE", f"{every}/{two}") is None
    assert bench.error("GET", f"{every}/{two}") == (404, 10013)


def test_lists_end_with_an_empty_page(bench):
    for title in ("a", "b", "c"):
        bench.namespace(title)
    every = f"{bench.account}/storage/kv/namespaces"
    answer = bench.api.get(every, params={"per_page": 2, "page": 2, "order": "title", "direction": "desc"}).json()
    assert [item["title"] for item in answer["result"]] == ["a"]
    assert answer["result_info"] == {"page": 2, "per_page": 2, "count": 1, "total_count": 3, "total_pages": 2}
    assert bench.result("GET", every, params={"page": 3}) == []


def test_keys_come_in_the_order_of_their_bytes_with_a_cursor(bench, path):
    keys = ["é", "z", "Z", "a"] + [f"k{number:02}" for number in range(20)]
    for key in keys:
        bench.api.put(f"{path}/values/{key}", content=b"x")
    seen, cursor = [], ""
    while True:
        answer = bench.api.get(f"{path}/keys", params={"limit": 10, "cursor": cursor}).json()
        seen += [key["name"] for key in answer["result"]]
        cursor = answer["result_info"]["cursor"]
        if not cursor:
            break
    assert seen == sorted(keys, key=str.encode)
    assert bench.error("GET", f"{path}/keys", params={"limit": 9}) == (400, 10012)


def test_values_come_as_a_form_with_metadata(bench, path):
    parts = {"value": (None, b"\x00\xff"), "metadata": (None, '{"a": [1]}')}
    assert bench.result("PUT", f"{path}/values/k?expiration_ttl=60", files=parts) is None
    assert bench.api.get(f"{path}/values/k").content == b"\x00\xff"
    assert bench.result("GET", f"{path}/metadata/k") == {"a": [1]}
    listed = bench.result("GET", f"{path}/keys")
    assert listed[0]["metadata"] == {"a": [1]}
    assert listed[0]["expiration"] > 0
    assert bench.error("PUT", f"{path}/values/k?expiration_ttl=59", content=b"x") == (400, 10034)
    assert bench.error("PUT", f"{path}/values/{'k' * 513}", content=b"x") == (414, 10012)


def test_bulk_calls(bench, path):
    pairs = [
        {"key": "text", "value": "1", "metadata": {"m": 1}},
        {"key": "bytes", "value": "/w==", "base64": True},
    ]
    done = {"successful_key_count": 2, "unsuccessful_keys": []}
    assert bench.result("PUT", f"{path}/bulk", json=pairs) == done
    assert bench.api.get(f"{path}/values/bytes").content == b"\xff"
    asked = {"keys": ["text", "none"], "type": "json", "withMetadata": True}
    found = bench.result("POST", f"{path}/bulk/get", json=asked)
    assert found == {"values": {"text": {"value": 1, "metadata": {"m": 1}}, "none": None}}
    assert bench.result("POST", f"{path}/bulk/delete", json=["text", "bytes"]) == done
    assert bench.result("GET", f"{path}/keys") == []
    assert bench.error("PUT", f"{path}/bulk", json=[]) == (400, 10029)
