"""The API as a whole: who may call, what is missing, what is logged, what fails on request."""

import json

import httpx
import pytest


def ask(bench, path="/user/tokens/verify", **headers):
    answer = httpx.get(bench.cloud.api_url + path, headers=headers, trust_env=False)
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], [link["code"] for link in error.get("error_chain", [])]


def test_the_format_of_credentials_is_checked_before_they_are(bench):
    assert ask(bench) == (400, 9106, [])
    assert ask(bench, Authorization="Basic x") == (400, 6003, [6111])
    assert ask(bench, Authorization="Bearer with space") == (400, 6003, [6111])
    assert ask(bench, **{"X-Auth-Email": "a@b.c", "X-Auth-Key": "short"}) == (400, 6003, [6103])
    assert ask(bench, **{"X-Auth-Email": "none", "X-Auth-Key": "a" * 37}) == (400, 6003, [6102])
    assert ask(bench, Authorization="Bearer " + "x" * 40) == (401, 1000, [])
    assert ask(bench, "/accounts", Authorization="Bearer " + "x" * 40) == (401, 10000, [])


def test_the_token_is_good(bench):
    answer = bench.api.get("/user/tokens/verify").json()
    assert answer["result"]["status"] == "active"
    assert answer["messages"][0]["message"] == "This API Token is valid and active"
    assert len(bench.cloud.token) == 40


def test_a_foreign_account_is_out_of_scope_and_no_id_is_no_route(bench):
    assert bench.error("GET", "/accounts/" + "0" * 32 + "/workers/workers") == (403, 10000)
    assert bench.error("GET", "/zones/" + "0" * 32) == (403, 10000)
    assert bench.error("GET", "/accounts/nonsense/workers/workers") == (404, 7003)


def test_a_missing_route_says_so_everywhere(bench, capfd):
    answer = bench.api.get(f"{bench.account}/queues")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == 7003
    assert f"{bench.account.lstrip('/')}/queues" in answer.json()["errors"][0]["message"]
    assert f"not implemented: GET /client/v4{bench.account}/queues" in capfd.readouterr().err
    assert bench.control.get("/state").json()["not_implemented"] == {f"GET /client/v4{bench.account}/queues": 1}
    assert bench.error("DELETE", "/user") == (405, 7001)


def test_identity_and_zones_honour_pages_and_filters(bench):
    assert [account["id"] for account in bench.result("GET", "/accounts")] == [bench.cloud.account_id]
    assert bench.result("GET", "/accounts?page=2") == []
    assert bench.result("GET", "/memberships")[0]["account"]["id"] == bench.cloud.account_id
    zones = bench.result("GET", "/zones", params={"name": bench.cloud.zone_name})
    assert [zone["id"] for zone in zones] == [bench.cloud.zone_id]
    assert bench.result("GET", "/zones", params={"name": "other.test"}) == []
    assert bench.result("GET", "/zones", params={"name": bench.cloud.zone_name, "page": 2}) == []
    assert bench.result("GET", bench.zone)["account"]["id"] == bench.cloud.account_id


def test_dns_records(bench):
    record = {"name": "api", "type": "AAAA", "content": "100::", "proxied": True, "ttl": 300}
    made = bench.result("POST", f"{bench.zone}/dns_records", json=record)
    assert (made["name"], made["ttl"], made["proxiable"]) == ("api.edgewright.test", 1, True)
    one = f"{bench.zone}/dns_records/{made['id']}"
    assert bench.error("POST", f"{bench.zone}/dns_records", json=record) == (400, 81058)
    assert bench.result("PATCH", one, json={"comment": "c"})["comment"] == "c"
    assert bench.result("DELETE", one) == {"id": made["id"]}
    assert bench.error("GET", one) == (404, 81044)


def test_the_log_has_every_request_and_no_secret(bench):
    secret = "canary-0123456789"
    bindings = [
        {"name": "S", "type": "secret_text", "text": secret},
        {"name": "T", "type": "plain_text", "text": "shown"},
    ]
    bench.deploy(bench.handler("return new Response('x')"), bindings=bindings)
    metadata = {"main_module": "e.js", "bindings": bindings}
    parts = {
        "e.js": ("e.js", bench.handler("return new Response('y')"), "application/javascript+module"),
        "metadata": (None, json.dumps(metadata), "application/json"),
    }
    bench.result("PUT", f"{bench.account}/workers/scripts/edge", files=parts)
    log = bench.control.get("/requests")
    assert secret not in log.text
    assert bench.cloud.token not in log.text
    upload = next(entry for entry in log.json() if entry["path"].endswith("/versions"))
    assert upload["method"] == "POST"
    assert upload["status"] == 200
    assert upload["headers"]["authorization"] == "[redacted]"
    assert upload["body"]["bindings"][0]["text"] == "[redacted]"
    assert upload["body"]["bindings"][1]["text"] == "shown"
    bench.control.delete("/requests")
    assert bench.control.get("/requests").json() == []


def test_faults_answer_as_often_as_asked(bench):
    fault = {"method": "GET", "path": "/accounts$", "status": 503, "code": 1234, "message": "down", "times": 2}
    assert bench.control.post("/faults", json=fault).status_code == 200
    assert bench.error("GET", "/accounts") == (503, 1234)
    answer = bench.api.get("/accounts")
    assert answer.headers["x-should-retry"] == "false"
    assert bench.api.get("/accounts").status_code == 200


def test_faults_set_headers_and_only_touch_what_they_match(bench):
    fault = {"path": "/zones", "status": 429, "headers": {"Retry-After": "0"}}
    bench.control.post("/faults", json=fault)
    assert bench.api.get("/accounts").status_code == 200
    answer = bench.api.get("/zones")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "0")
    assert "x-should-retry" not in answer.headers
    bench.control.delete("/faults")
    assert bench.api.get("/zones").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/faults", {"path": "(", "status": 500}, "path"),
        ("/faults", {"path": "x", "status": 200}, "status"),
        ("/faults", {"path": "x", "stauts": 500}, "stauts"),
        ("/clock", {"advance_seconds": -1}, "advance_seconds"),
        ("/kv", {"mode": "broken"}, "mode"),
        ("/pace", {"token_ms": "fast"}, "token_ms"),
    ],
)
def test_the_control_api_names_what_it_does_not_accept(bench, path, body, field):
    answer = bench.control.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}: ")


def test_the_control_api_wants_the_token(bench):
    assert httpx.get(f"{bench.cloud.control_url}/state", trust_env=False).status_code == 401
    assert bench.control.get("/nothing").status_code == 404


def test_both_kinds_of_credentials_at_once_are_legal(bench):
    headers = {"X-Auth-Email": "a@b.c", "X-Auth-Key": "a" * 37}
    assert bench.api.get("/accounts", headers=headers).status_code == 200
