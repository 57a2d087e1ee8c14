"""Workers and versions: what is refused, what is shown, what runs."""

import json
import os

import pytest

HELLO = "export default { fetch() { return new Response('hello') } }"
OBJECT = """
import { DurableObject } from "cloudflare:workers";
export class Conv extends DurableObject {
  async add() {
    this.ctx.storage.sql.exec("create table if not exists hits (at integer)");
    this.ctx.storage.sql.exec("insert into hits values (1)");
    return this.ctx.storage.sql.exec("select count(*) as n from hits").one().n;
  }
}
"""
COUNT = "return new Response(String(await env.CONV.get(env.CONV.idFromName('a')).add()))"
CONV = {"name": "CONV", "type": "durable_object_namespace", "class_name": "Conv"}
EXPORTS = {"Conv": {"type": "durable-object", "storage": "sqlite"}}


def refusal(answer):
    assert answer.json()["success"] is False
    return answer.status_code, answer.json()["errors"][0]["code"], answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export default {", "SyntaxError"),
        ("throw new Error('boom at start')", "boom at start"),
        (f"import './missing.js'; {HELLO}", "missing.js"),
    ],
)
def test_workerd_refuses_what_does_not_start(bench, text, said):
    status, code, message = refusal(bench.upload(text))
    assert (status, code) == (400, 10021)
    assert said in message
    assert "entry.js" in message
    assert "version:" not in message


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"compatibility_date": "2999-01-01"}, 10021),
        ({"compatibility_date": "soon"}, 10021),
        ({"compatibility_flags": ["no_such_flag"]}, 10021),
        ({"main_module": "other.js"}, 10021),
        ({"bindings": [{"name": "A", "type": "ai"}, {"name": "A", "type": "version_metadata"}]}, 10053),
        ({"bindings": [{"name": "K", "type": "kv_namespace", "namespace_id": "0" * 32}]}, 10041),
        ({"bindings": [{"name": "K", "type": "kv_namespace", "namespace_id": "x"}]}, 10042),
        ({"bindings": [{"name": "S", "type": "service", "service": "none"}]}, 10144),
        ({"bindings": [{"name": "B", "type": "r2_bucket", "bucket_name": "b"}]}, 10042),
        ({"bindings": [{"name": "T", "type": "plain_text"}]}, 10042),
        ({"bindings": [{"type": "ai"}]}, 10042),
        ({"bindings": [CONV]}, 10061),
        ({"bindings": [{"name": "I", "type": "inherit"}]}, 10057),
        ({"migrations": {"old_tag": "v1", "new_tag": "v2", "new_classes": []}}, 10079),
    ],
)
def test_the_api_refuses(bench, fields, code):
    assert refusal(bench.upload(HELLO, **fields))[1] == code


def test_an_upload_over_three_mebibytes_gzipped_is_refused(bench):
    noise = os.urandom(3 * 1024 * 1024).hex()
    large = bench.module("noise.txt", noise, "text/plain")
    answer = bench.upload(HELLO, modules=[bench.module("entry.js", HELLO), large])
    assert refusal(answer)[:2] == (413, 10027)
    zeros = bench.module("zeros.txt", "0" * len(noise), "text/plain")
    assert bench.upload(HELLO, modules=[bench.module("entry.js", HELLO), zeros]).status_code == 200


def test_a_refused_upload_leaves_nothing(bench):
    bench.upload("export default {", exports=EXPORTS)
    assert bench.result("GET", f"{bench.account}/workers/workers/edge/versions") == []


def test_a_version_is_shown_as_the_provider_reads_it(bench):
    namespace = bench.namespace()
    bindings = [
        {"name": "Z", "type": "secret_text", "text": "hidden-text"},
        {"name": "a", "type": "plain_text", "text": "small letters sort behind capitals"},
        {"name": "KV", "type": "kv_namespace", "namespace_id": namespace},
        {"name": "CFG", "type": "json", "json": {"a": [1, 2]}},
    ]
    modules = [
        bench.module("lib/b.js", "export const b = 1"),
        bench.module("entry.js", f"import './lib/b.js'; {HELLO}"),
    ]
    annotations = {"workers/message": "m", "workers/tag": "t"}
    answer = bench.upload(HELLO, bindings=bindings, modules=modules, annotations=annotations)
    assert "hidden-text" not in answer.text
    made = answer.json()["result"]
    assert [binding["name"] for binding in made["bindings"]] == ["CFG", "KV", "Z", "a"]
    assert made["annotations"]["workers/tag"] == "t"
    assert made["annotations"]["workers/triggered_by"]
    assert (made["number"], made["source"], made["usage_model"]) == (1, "api", "standard")
    assert made["startup_time_ms"] > 0
    assert made["urls"] == [bench.cloud.url]
    one = f"{bench.account}/workers/workers/edge/versions/{made['id']}"
    assert "modules" not in bench.result("GET", one)
    assert bench.result("GET", f"{one}?include=modules")["modules"] == modules
    assert bench.error("GET", f"{bench.account}/workers/workers/edge/versions/none") == (404, 100146)


def test_bindings_reach_the_worker_as_they_were_sent(bench):
    hard = 'quotes " \\ and\nlines é ☃ ${x}'
    bindings = [
        {"name": "TEXT", "type": "plain_text", "text": hard},
        {"name": "SECRET", "type": "secret_text", "text": hard},
        {"name": "CFG", "type": "json", "json": {"a": [1, hard]}},
        {"name": "VERSION", "type": "version_metadata"},
        {"name": "LIMIT", "type": "ratelimit", "namespace_id": "7", "simple": {"limit": 2, "period": 60}},
    ]
    body = """const seen = []; for (let i = 0; i < 3; i++) seen.push((await env.LIMIT.limit({ key: "k" })).success);
    return Response.json([env.TEXT, env.SECRET, env.CFG, env.VERSION.id, seen])"""
    version = bench.deploy(bench.handler(body), bindings=bindings)
    text, secret, config, identifier, allowed = bench.edge.get("/").json()
    assert (text, secret, config) == (hard, hard, {"a": [1, hard]})
    assert identifier == version
    assert allowed in ([True, True, False], [True, True, True])  # the last where a minute began in between


def test_modules_of_every_kind(bench):
    modules = [
        bench.module(
            "entry.js",
            bench.handler(
                "return Response.json([text, data.byteLength, json.a])",
                "import text from './t.txt';import data from './d.bin'; import json from './j.json';",
            ),
        ),
        bench.module("t.txt", "plain", "text/plain"),
        bench.module("d.bin", "12345", "application/octet-stream"),
        bench.module("j.json", '{"a": 1}', "application/json"),
    ]
    bench.deploy(HELLO, modules=modules)
    assert bench.edge.get("/").json() == ["plain", 5, 1]


def test_one_worker_calls_another(bench):
    bench.deploy(HELLO, name="inner")
    binding = {"name": "INNER", "type": "service", "service": "inner", "environment": "production"}
    bench.deploy(bench.handler("return env.INNER.fetch(request)"), name="outer", bindings=[binding])
    assert bench.edge.get("/", headers={"x-local-worker": "outer"}).text == "hello"


def test_data_points_are_kept(bench):
    body = "env.USAGE.writeDataPoint({ indexes: ['t'], blobs: ['b'], doubles: [1.5] }); return new Response('x')"
    bench.deploy(bench.handler(body), bindings=[{"name": "USAGE", "type": "analytics_engine", "dataset": "usage"}])
    bench.edge.get("/")
    for _ in range(200):
        if bench.control.get("/state").json()["data_points"] == 1:
            return
    pytest.fail("the point did not come")


def test_objects_keep_their_rows_over_versions(bench):
    for expected in ("1", "2"):
        bench.deploy(bench.handler(COUNT, OBJECT) + f"\n// {expected}", bindings=[CONV], exports=EXPORTS)
        assert bench.edge.get("/").text == expected
    shown = bench.result("GET", f"{bench.account}/workers/workers/edge/versions")
    assert shown[0]["bindings"][0]["namespace_id"] == shown[1]["bindings"][0]["namespace_id"]
    assert shown[0]["bindings"][0]["script_name"] == "edge"
    assert shown[0]["exports"] == EXPORTS
    namespaces = bench.result("GET", f"{bench.account}/workers/durable_objects/namespaces")
    expected = {"name": "edge_Conv", "script": "edge", "class": "Conv", "use_sqlite": True}
    assert namespaces == [{"id": shown[0]["bindings"][0]["namespace_id"], **expected}]


def test_two_versions_in_a_split_share_one_object(bench):
    versions = [
        bench.version(bench.handler(COUNT, OBJECT) + f"\n// {n}", bindings=[CONV], exports=EXPORTS) for n in (1, 2)
    ]
    bench.release({versions[0]: 100})
    bench.release({versions[0]: 50, versions[1]: 50})
    seen = [
        bench.edge.get("/", headers={"Cloudflare-Workers-Version-Overrides": f'edge="{versions[n % 2]}"'}).text
        for n in range(4)
    ]
    assert seen == ["1", "2", "3", "4"]


def test_workers_are_found_by_id_and_name_and_renamed(bench):
    identifier = bench.worker("edge")
    every = f"{bench.account}/workers/workers"
    assert bench.result("GET", f"{every}/edge")["id"] == identifier
    assert bench.error("POST", every, json={"name": "edge"}) == (409, 10013)
    assert bench.error("POST", every, json={"name": "No Name"}) == (400, 10016)
    changed = bench.result("PUT", f"{every}/{identifier}", json={"name": "edge-2", "tags": ["t"]})
    assert (changed["name"], changed["tags"], changed["logpush"]) == ("edge-2", ["t"], False)
    assert changed["references"]["durable_objects"] == []
    assert changed["subdomain"]["url"] == bench.cloud.url
    assert bench.error("GET", f"{every}/edge") == (404, 10007)
    assert bench.result("DELETE", f"{every}/edge-2") is None
    assert bench.error("DELETE", f"{every}/edge-2") == (404, 10007)


def test_deploying_with_the_upload(bench):
    body = {"main_module": "entry.js", "compatibility_date": "2026-11-01", "modules": [bench.module("entry.js", HELLO)]}
    bench.worker()
    bench.result(
        "POST", f"{bench.account}/workers/workers/edge/versions?deploy=true", json=json.loads(json.dumps(body))
    )
    assert bench.edge.get("/").text == "hello"
