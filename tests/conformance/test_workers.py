"""Workers, versions and deployments: the three calls that a deployment of ours makes."""

import pytest

from .uploads import module, version


@pytest.fixture
def worker(account):
    return account.result("POST", f"{account.a}/workers/workers", json={"name": account.name("edge")})


def upload(account, worker, **more):
    """The id of a version."""
    return account.result("POST", f"{account.a}/workers/workers/{worker['id']}/versions", json=version(**more))["id"]


def deploy(account, worker, *splits):
    body = {"strategy": "percentage", "versions": [{"version_id": v, "percentage": p} for v, p in splits]}
    return account("POST", f"{account.a}/workers/scripts/{worker['name']}/deployments", json=body)


def test_names_are_unique_and_workers_found_by_name_or_id(account, worker):
    path, name = f"{account.a}/workers/workers", worker["name"]
    assert account.refused("POST", path, json={"name": name})[0] == 409
    assert account.result("GET", f"{path}/{name}")["id"] == account.result("GET", f"{path}/{worker['id']}")["id"]
    assert account.refused("GET", f"{path}/{account.name('nope')}") == (404, 10007)


def test_a_worker_is_changed_and_deleted(account, worker):
    path = f"{account.a}/workers/workers/{worker['id']}"
    changed = account.result("PUT", path, json={"name": account.name("new"), "logpush": False, "tags": ["a"]})
    assert (changed["id"], changed["name"], changed["tags"]) == (worker["id"], account.name("new"), ["a"])
    assert account.result("PATCH", path, json={"tags": ["b"]})["tags"] == ["b"]
    assert account.result("DELETE", path) is None
    assert account.refused("GET", path) == (404, 10007)


def test_workers_are_listed_in_pages_until_one_is_empty(account, worker):
    found = []
    for page in range(1, 1000):
        listed = account.result("GET", f"{account.a}/workers/workers", params={"page": page, "per_page": 100})
        found += [each["id"] for each in listed]
        if not listed:
            break
    assert worker["id"] in found


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
def test_a_version_that_cannot_run_is_refused_at_upload(account, worker, body, expected):
    assert account.refused("POST", f"{account.a}/workers/workers/{worker['id']}/versions", json=body) == expected


def test_the_refusal_of_code_says_what_is_wrong(account, worker):
    path = f"{account.a}/workers/workers/{worker['id']}/versions"
    answer = account("POST", path, json=version("throw new Error('boom')"))
    assert "boom" in answer.json()["errors"][0]["message"]


def test_a_version_is_read_back_as_it_was_sent(account, worker):
    """What is read is what the provider compares with its state: a difference is a replacement."""
    modules = [module("import './lib.js'; export default { fetch() {} }"), module("export const a = 1", "lib.js")]
    bindings = [{"name": "A", "type": "plain_text", "text": "a"}, {"name": "B", "type": "ai"}]
    annotations = {"workers/message": "m", "workers/tag": "t"}
    made = upload(account, worker, modules=modules, bindings=bindings, annotations=annotations, usage_model="standard")
    path = f"{account.a}/workers/workers/{worker['id']}/versions"
    read = account.result("GET", f"{path}/{made}", params={"include": "modules"})
    assert {each["name"]: each["content_base64"] for each in read["modules"]} == {
        each["name"]: each["content_base64"] for each in modules
    }
    assert [each["name"] for each in read["bindings"]] == ["A", "B"]
    assert read["main_module"] == "entry.js"
    assert annotations.items() <= read["annotations"].items()
    assert not account.result("GET", f"{path}/{made}").get("modules")
    assert made in [each["id"] for each in account.result("GET", path)]


def test_a_deployment_has_one_or_two_versions_and_all_of_the_traffic(account, worker):
    made = upload(account, worker)
    assert deploy(account, worker, (made, 50)).status_code == 400
    assert deploy(account, worker).status_code == 400
    assert deploy(account, worker, ("0" * 8, 100)).json()["errors"][0]["code"] == 100146
    deployed = deploy(account, worker, (made, 100)).json()["result"]
    path = f"{account.a}/workers/scripts/{worker['name']}/deployments"
    assert account.result("GET", path)["deployments"][0]["versions"][0]["version_id"] == made
    read = account.result("GET", f"{path}/{deployed['id']}")
    assert {"id", "created_on", "source", "strategy", "author_email", "annotations", "versions"} <= set(read)


def test_secrets_are_never_shown(account, worker):
    secret = {"name": "S", "type": "secret_text", "text": "canary-secret"}
    made = upload(account, worker, bindings=[secret])
    assert deploy(account, worker, (made, 100)).status_code == 200
    script = f"{account.a}/workers/scripts/{worker['name']}"
    for path in (
        f"{account.a}/workers/workers/{worker['id']}/versions/{made}?include=modules",
        f"{script}/settings",
        f"{script}/secrets",
        f"{script}/secrets/S",
        f"{script}/versions/{made}",
    ):
        text = account("GET", path).text
        assert "canary" not in text
        assert '"S"' in text


OBJECTS = """import { DurableObject } from "cloudflare:workers";
export class Conv extends DurableObject {}
export default { fetch() { return new Response("ok") } }"""


def test_a_class_has_a_namespace_once_it_is_deployed(account, worker):
    exports = {"Conv": {"type": "durable-object", "storage": "sqlite"}}
    bindings = [{"name": "CONV", "type": "durable_object_namespace", "class_name": "Conv"}]
    made = upload(account, worker, code=OBJECTS, exports=exports, bindings=bindings)
    assert deploy(account, worker, (made, 100)).status_code == 200
    path = f"{account.a}/workers/durable_objects/namespaces"
    found = [each for each in account.result("GET", path) if each["script"] == worker["name"]]
    assert [(each["class"], each["use_sqlite"]) for each in found] == [("Conv", True)]
    assert account.result("GET", f"{path}/{found[0]['id']}/objects", params={"limit": 100}) == []
