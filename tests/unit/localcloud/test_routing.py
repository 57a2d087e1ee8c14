"""Which Worker answers: by host, by the only one there is, by name."""

import json

import pytest

WHOAMI = """return Response.json({{ worker: "{name}", url: request.url, method: request.method,
  headers: Object.fromEntries(request.headers), country: request.cf.country, body: await request.text() }});"""


@pytest.fixture
def workers(bench):
    for name in ("alpha", "beta"):
        bench.deploy(bench.handler(WHOAMI.format(name=name)), name=name)


def who(bench, host, path="/", **headers):
    answer = bench.edge.get(path, headers={"Host": host, **headers})
    return answer.json()["worker"] if answer.status_code == 200 else answer.status_code


def test_the_only_worker_answers_whatever_the_host(bench):
    bench.deploy(bench.handler(WHOAMI.format(name="alpha")))
    answer = bench.edge.post("/a%2Fb?c=d", content="body", headers={"x-custom": "kept"}).json()
    assert answer["url"] == f"{bench.cloud.url}/a%2Fb?c=d"
    assert (answer["method"], answer["body"]) == ("POST", "body")
    assert answer["headers"]["x-custom"] == "kept"
    assert answer["headers"]["cf-connecting-ip"] == "127.0.0.1"
    assert answer["headers"]["cf-ray"].endswith("-LOC")
    assert answer["country"] == "XX"


def test_of_several_the_named_one_answers(bench, workers):
    del workers
    assert who(bench, "127.0.0.1", **{"x-local-worker": "beta"}) == "beta"
    assert who(bench, "127.0.0.1", **{"x-local-worker": "gamma"}) == 404


def test_of_several_the_first_has_the_bare_address_and_each_one_below_its_name(bench, workers):
    del workers
    addresses = {
        each["name"]: each["subdomain"]["url"] for each in bench.result("GET", f"{bench.account}/workers/workers")
    }
    assert addresses == {"alpha": bench.cloud.url, "beta": f"{bench.cloud.url}/~beta"}
    assert who(bench, "127.0.0.1", "/x") == "alpha"
    answer = bench.edge.get("/~beta/a%2Fb?c=d").json()
    assert (answer["worker"], answer["url"]) == ("beta", f"{bench.cloud.url}/a%2Fb?c=d")
    assert bench.edge.get("/~beta").json()["url"] == f"{bench.cloud.url}/"
    # A path that names no Worker is the Worker's own.
    assert bench.edge.get("/~gamma/x").json()["url"] == f"{bench.cloud.url}/~gamma/x"


def test_a_first_worker_without_a_deployment_answers_nothing(bench):
    bench.result("POST", f"{bench.account}/workers/workers", json={"name": "empty"})
    for name in ("alpha", "beta"):
        bench.deploy(bench.handler(WHOAMI.format(name=name)), name=name)
    answer = bench.edge.get("/")
    assert answer.status_code == 404
    assert "alpha, beta" in answer.text
    assert "x-local-worker" in answer.text


def test_workers_dev_follows_its_switches(bench, workers):
    del workers
    path = f"{bench.account}/workers/scripts/beta/subdomain"
    assert bench.result("GET", path) == {"enabled": False, "previews_enabled": False}
    assert who(bench, "beta.edgewright.workers.dev") == 404
    assert bench.result("POST", path, json={"enabled": True})["enabled"] is True
    assert who(bench, "beta.edgewright.workers.dev") == "beta"
    bench.result("PUT", f"{bench.account}/workers/subdomain", json={"subdomain": "acme"})
    assert who(bench, "beta.acme.workers.dev") == "beta"
    assert bench.result("GET", f"{bench.account}/workers/subdomain") == {"subdomain": "acme"}
    assert bench.result("DELETE", path) == {"enabled": False, "previews_enabled": False}
    assert who(bench, "beta.acme.workers.dev") == 404


def test_the_most_specific_route_wins(bench, workers):
    del workers
    routes = f"{bench.zone}/workers/routes"
    for pattern, script in [
        ("*.edgewright.test/*", "alpha"),
        ("api.edgewright.test/*", "beta"),
        ("api.edgewright.test/v1/*", "alpha"),
        ("api.edgewright.test/none/*", None),
    ]:
        bench.result("POST", routes, json={"pattern": pattern, "script": script})
    assert who(bench, "x.edgewright.test", "/y") == "alpha"
    assert who(bench, "api.edgewright.test:8443", "/y") == "beta"
    assert who(bench, "api.edgewright.test", "/v1/y") == "alpha"
    assert who(bench, "api.edgewright.test", "/none/y") == 404
    answer = bench.edge.get("/v1/y", headers={"Host": "api.edgewright.test"}).json()
    assert answer["url"] == "https://api.edgewright.test/v1/y"


def test_routes_are_made_changed_and_deleted(bench, workers):
    del workers
    routes = f"{bench.zone}/workers/routes"
    made = bench.result("POST", routes, json={"pattern": "api.edgewright.test/*", "script": "alpha"})
    assert bench.error("POST", routes, json={"pattern": "api.edgewright.test/*", "script": "beta"}) == (409, 10020)
    answer = bench.api.post(routes, json={"pattern": "api.edgewright.test/*"})
    assert answer.headers["x-should-retry"] == "false"
    one = f"{routes}/{made['id']}"
    bench.result("PUT", one, json={"pattern": "api.edgewright.test/*", "script": "beta"})
    assert who(bench, "api.edgewright.test") == "beta"
    assert bench.result("GET", routes)[0]["script"] == "beta"
    assert bench.result("DELETE", one) == {"id": made["id"]}
    assert bench.error("GET", one) == (404, 10009)
    assert who(bench, "api.edgewright.test") == 404


@pytest.mark.parametrize(
    ("pattern", "script", "code"),
    [
        ("api.other.test/*", "alpha", 10022),
        ("api.edgewright.test/*/x", "alpha", 10022),
        ("/only/path", "alpha", 10022),
        ("api.edgewright.test/*", "gamma", 10019),
    ],
)
def test_wrong_routes_are_refused(bench, workers, pattern, script, code):
    del workers
    body = {"pattern": pattern, "script": script}
    assert bench.error("POST", f"{bench.zone}/workers/routes", json=body) == (400, code)


def test_custom_domains(bench, workers):
    del workers
    domains = f"{bench.account}/workers/domains"
    body = {"hostname": "ai.edgewright.test", "service": "alpha", "zone_id": bench.cloud.zone_id}
    made = bench.result("PUT", domains, json=body)
    assert (made["environment"], made["zone_name"]) == ("production", bench.cloud.zone_name)
    assert who(bench, "ai.edgewright.test") == "alpha"
    again = bench.result("PUT", domains, json={**body, "service": "beta"})
    assert again["id"] == made["id"]
    assert who(bench, "ai.edgewright.test") == "beta"
    assert bench.error("PUT", domains, json={**body, "service": "gamma"}) == (404, 10007)
    assert bench.error("PUT", domains, json={**body, "hostname": "ai.other.test"}) == (400, 100117)
    assert bench.result("DELETE", f"{domains}/{made['id']}") is None
    assert bench.error("GET", f"{domains}/{made['id']}") == (404, 100114)


def test_redirects_reach_the_caller(bench):
    bench.deploy(bench.handler("return Response.redirect('https://elsewhere.test/', 302)"))
    answer = bench.edge.get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.test/")


def test_a_worker_may_call_this_machine_and_nothing_else(bench, httpserver):
    httpserver.expect_request("/v1/models").respond_with_json({"data": []})
    body = """const target = url.searchParams.get("to");
    try { return await fetch(target) } catch (error) { return new Response(String(error), { status: 599 }) }"""
    bench.deploy(bench.handler(body))
    assert bench.edge.get("/", params={"to": httpserver.url_for("/v1/models")}).json() == {"data": []}
    assert bench.edge.get("/", params={"to": "http://192.0.2.1/"}).status_code == 599


SCRIPT = "export default { fetch() { return new Response('legacy') } }"


def put_script(bench, metadata, source=SCRIPT):
    parts = {
        "index.js": ("index.js", source, "application/javascript+module"),
        "metadata": (None, json.dumps({"main_module": "index.js", **metadata}), "application/json"),
    }
    return bench.api.put(f"{bench.account}/workers/scripts/legacy", files=parts)


def test_scripts_of_other_tools_run_and_are_read_back(bench):
    secret = {"name": "S", "type": "secret_text", "text": "hidden-text"}
    plain = {"name": "T", "type": "plain_text", "text": "t"}
    first = put_script(bench, {"bindings": [secret, plain], "compatibility_date": "2026-01-01"}).json()["result"]
    assert bench.edge.get("/").text == "legacy"
    path = f"{bench.account}/workers/scripts/legacy"
    assert bench.result("GET", f"{path}/secrets") == [{"name": "S", "type": "secret_text"}]
    settings = bench.result("GET", f"{path}/settings")
    assert settings["bindings"] == [{"name": "S", "type": "secret_text"}, plain]
    assert settings["compatibility_date"] == "2026-01-01"
    content = bench.api.get(f"{path}/content/v2")
    assert content.headers["cf-entrypoint"] == "index.js"
    assert SCRIPT in content.text
    service = bench.result("GET", f"{bench.account}/workers/services/legacy")
    assert service["default_environment"]["script"]["etag"] == first["etag"]
    assert bench.error("GET", f"{bench.account}/workers/services/none") == (404, 10090)
    assert [script["id"] for script in bench.result("GET", f"{bench.account}/workers/scripts")] == ["legacy"]
    kept = put_script(bench, {"bindings": [], "keep_bindings": ["secret_text"]}).json()["result"]
    assert kept["etag"] != first["etag"]
    assert bench.result("GET", f"{path}/secrets") == [{"name": "S", "type": "secret_text"}]
    put_script(bench, {"bindings": []})
    assert bench.result("GET", f"{path}/secrets") == []
    assert len(bench.result("GET", f"{path}/versions")["items"]) == 3
    assert bench.result("DELETE", path) is None
    assert bench.error("GET", f"{bench.account}/workers/workers/legacy") == (404, 10007)


def test_the_entry_module_is_read_back_first(bench):
    parts = {
        "a.js": ("a.js", "export const text = 'from a'", "application/javascript+module"),
        "index.js": (
            "index.js",
            "import { text } from './a.js'; export default { fetch() { return new Response(text) } }",
            "application/javascript+module",
        ),
        "metadata": (None, json.dumps({"main_module": "index.js"}), "application/json"),
    }
    bench.result("PUT", f"{bench.account}/workers/scripts/legacy", files=parts)
    assert bench.edge.get("/").text == "from a"
    content = bench.api.get(f"{bench.account}/workers/scripts/legacy/content/v2").text
    assert content.index('name="index.js"') < content.index('name="a.js"')


def test_uploads_that_are_no_form_are_refused(bench):
    path = f"{bench.account}/workers/scripts/legacy"
    assert bench.error("PUT", path, json={}) == (400, 10001)
    assert bench.error("PUT", path, files={"index.js": ("index.js", SCRIPT)}) == (400, 10001)
    assert put_script(bench, {"main_module": "none.js"}).json()["errors"][0]["code"] == 10021
