"""A token with some permissions only."""

import pytest
from edgewright.localcloud.permissions import GROUPS

CALLS = {
    "Workers Scripts": ("account", "/workers/scripts"),
    "Workers KV Storage": ("account", "/storage/kv/namespaces"),
    "Workers AI": ("account", "/ai/models/search"),
    "Workers Routes": ("zone", "/workers/routes"),
    "DNS": ("zone", "/dns_records"),
    "Zone": ("zone", ""),
}


def limited(bench, *permissions):
    bench.control.post("/token", json={"permissions": list(permissions)}).raise_for_status()


@pytest.fixture(autouse=True)
def unlimited(bench):
    yield
    bench.control.post("/token", json={"permissions": None}).raise_for_status()


@pytest.mark.parametrize("group", CALLS)
def test_a_group_opens_its_paths_and_no_others(bench, group):
    limited(bench, f"{group} Read")
    for other, (level, path) in CALLS.items():
        path = (bench.account if level == "account" else bench.zone) + path
        if path.endswith(bench.zone) and group != other:
            assert bench.error("GET", path) == (403, 10000)
            continue
        status = bench.api.get(path).status_code
        assert status == (200 if other == group else 403), other


def test_reading_is_not_writing(bench):
    namespaces = f"{bench.account}/storage/kv/namespaces"
    limited(bench, "Workers KV Storage Read")
    assert bench.error("POST", namespaces, json={"title": "x"}) == (403, 10000)
    limited(bench, "Workers KV Storage Write")
    bench.result("POST", namespaces, json={"title": "written"})
    assert bench.result("GET", namespaces)


def test_zones_that_may_not_be_read_are_not_listed(bench):
    assert bench.result("GET", "/zones")
    limited(bench)
    assert bench.result("GET", "/zones") == []


def test_a_query_of_analytics_is_a_read(bench):
    sql = f"{bench.account}/analytics_engine/sql"
    limited(bench)
    assert bench.api.post(sql, content="SHOW TABLES").status_code in (401, 403)
    limited(bench, "Account Analytics Read")
    assert bench.api.post(sql, content="SHOW TABLES").status_code == 200


def test_the_token_itself_stays_good(bench):
    limited(bench)
    assert bench.result("GET", "/user/tokens/verify")["status"] == "active"


@pytest.mark.parametrize("given", [["Workers Scripts"], "Zone Read", [1]])
def test_a_permission_that_is_none_is_told(bench, given):
    answer = bench.control.post("/token", json={"permissions": given})
    assert answer.status_code == 400
    assert GROUPS[0] in answer.json()["error"]


def test_a_reset_gives_all_back(bench):
    limited(bench)
    bench.control.post("/reset").raise_for_status()
    assert bench.result("GET", f"{bench.account}/workers/scripts") == []
