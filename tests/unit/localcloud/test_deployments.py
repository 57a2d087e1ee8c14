"""Deployments: shares and overrides, and a swap that no caller notices."""

import http.client
import threading
from collections import Counter
from urllib.parse import urlsplit

import pytest

OVERRIDE = "Cloudflare-Workers-Version-Overrides"


def says(text):
    return f"export default {{ fetch() {{ return new Response({text!r}) }} }}"


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ([50], 10195),
        ([50, 60], 10195),
        ([101], 10195),
        ([0.005, 99.995], 10195),
        ([-1, 101], 10195),
        ([], 10195),
        ([30, 30, 40], 10195),
        (["all"], 10195),
    ],
)
def test_shares_must_make_sense(bench, shares, code):
    versions = [bench.version(says(f"{number}")) for number in range(len(shares))]
    body = {"versions": [{"version_id": v, "percentage": p} for v, p in zip(versions, shares, strict=True)]}
    bench.worker()
    path = f"{bench.account}/workers/scripts/edge/deployments"
    assert bench.error("POST", path, json={"strategy": "percentage", **body}) == (400, code)
    assert bench.result("GET", path) == {"deployments": []}


def test_only_versions_of_this_worker_can_be_deployed(bench):
    other = bench.version(says("other"), name="other")
    bench.worker("edge")
    body = {"strategy": "percentage", "versions": [{"version_id": other, "percentage": 100}]}
    path = f"{bench.account}/workers/scripts/edge/deployments"
    assert bench.error("POST", path, json=body) == (404, 100146)
    assert bench.error("GET", f"{path}/none") == (404, 10336)
    assert bench.error("GET", f"{bench.account}/workers/scripts/none/deployments") == (404, 10007)


def test_the_newest_deployment_is_first_and_live(bench):
    one, two = bench.version(says("one")), bench.version(says("two"))
    first = bench.release({one: 100})
    second = bench.release({two: 100})
    assert bench.edge.get("/").text == "two"
    path = f"{bench.account}/workers/scripts/edge/deployments"
    assert bench.result("GET", path)["deployments"] == [second, first]
    assert bench.result("GET", f"{path}/{first['id']}") == first
    assert first["annotations"] == {"workers/triggered_by": "deployment"}
    assert first["versions"] == [{"version_id": one, "percentage": 100}]


def test_a_message_is_cut_after_100_bytes(bench):
    one = bench.version(says("one"))
    path = f"{bench.account}/workers/scripts/edge/deployments"
    share = {"version_id": one, "percentage": 100}
    body = {"strategy": "percentage", "versions": [share], "annotations": {"workers/message": "é" * 51}}
    assert bench.result("POST", path, json=body)["annotations"]["workers/message"] == "é" * 50


def test_a_split_is_kept_and_an_override_reaches_a_live_version(bench):
    one, two, three = (bench.version(says(text)) for text in ("one", "two", "three"))
    bench.release({one: 80, two: 20})
    seen = Counter(bench.edge.get("/").text for _ in range(200))
    assert seen["one"] + seen["two"] == 200
    assert 15 <= seen["two"] <= 75  # 40 expected; outside once in 100,000 runs
    assert bench.edge.get("/", headers={OVERRIDE: f'edge="{two}"'}).text == "two"
    assert bench.edge.get("/", headers={OVERRIDE: f'other="{one}", edge="{one}"'}).text == "one"
    ignored = Counter(bench.edge.get("/", headers={OVERRIDE: f'edge="{three}"'}).text for _ in range(20))
    assert "three" not in ignored


def test_a_version_at_nought_per_cent_answers_only_when_named(bench):
    one, two = bench.version(says("one")), bench.version(says("two"))
    bench.release({one: 100, two: 0})
    assert {bench.edge.get("/").text for _ in range(30)} == {"one"}
    assert bench.edge.get("/", headers={OVERRIDE: f'edge="{two}"'}).text == "two"


def test_a_version_key_stays_on_one_version(bench):
    one, two = bench.version(says("one")), bench.version(says("two"))
    bench.release({one: 50, two: 50})
    by_key = {
        key: {bench.edge.get("/", headers={"Cloudflare-Workers-Version-Key": key}).text for _ in range(4)}
        for key in map(str, range(16))
    }
    assert all(len(seen) == 1 for seen in by_key.values())
    assert len(set.union(*by_key.values())) == 2


class Load:
    """Callers that ask one after the other until told to stop; ``failures`` holds everything but a right answer."""

    def __init__(self, bench, *kinds):
        self.answers = Counter()
        self.failures = []
        self._address = urlsplit(bench.cloud.url).netloc
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _ask(self, path, keep_alive):
        connection = http.client.HTTPConnection(self._address, timeout=20)
        while not self._stop.is_set():
            try:
                connection.request("GET", path)  # connects if it is not connected
                answer = connection.getresponse()
                body = answer.read()
                right = answer.status == 200 and (path != "/stream" or b"[DONE]" in body)
            except (OSError, http.client.HTTPException) as error:
                right, body = False, repr(error)
                connection.close()
            if right:
                self.answers[path] += 1
            else:
                self.failures.append(body)
            if not keep_alive:
                connection.close()
        connection.close()


STREAM = """
  if (url.pathname === "/stream") {
    const options = { prompt: "tell me something", stream: true };
    return new Response(await env.AI.run("@cf/meta/llama-3.1-8b-instruct", options));
  }
  if (env.CONV) await env.CONV.get(env.CONV.idFromName("a")).add();
  await env.KV.put("k", "v");
"""
OBJECT = """
import { DurableObject } from "cloudflare:workers";
export class Conv extends DurableObject {
  async add() { await this.ctx.storage.put("n", ((await this.ctx.storage.get("n")) ?? 0) + 1); }
}
"""


@pytest.mark.parametrize("objects", [False, True], ids=["without objects", "with objects"])
def test_redeploying_under_load_fails_no_request(bench, objects):
    """Open streams end whole, kept connections go on, the new version answers as soon as the call is answered."""
    fields = {"bindings": [{"name": "AI", "type": "ai"}]}
    fields["bindings"].append({"name": "KV", "type": "kv_namespace", "namespace_id": bench.namespace()})
    if objects:
        fields["bindings"].append({"name": "CONV", "type": "durable_object_namespace", "class_name": "Conv"})
        fields["exports"] = {"Conv": {"type": "durable-object", "storage": "sqlite"}}

    def source(number):
        return bench.handler(f"{STREAM} return new Response('{number}')", OBJECT)

    bench.deploy(source(0), **fields)
    load = Load(bench, ("/", True), ("/", True), ("/", False), ("/stream", True))
    try:
        for number in range(1, 5):
            bench.deploy(source(number), **fields)
            assert bench.edge.get("/").text == str(number)
    finally:
        load.end()
    assert load.failures == []
    assert load.answers["/"] > 20
    assert load.answers["/stream"] > 0


def test_deleting_a_worker_takes_it_off(bench):
    bench.deploy(says("x"))
    bench.result("DELETE", f"{bench.account}/workers/workers/edge")
    answer = bench.edge.get("/")
    assert answer.status_code == 404
    assert "no Worker is deployed" in answer.text
