"""Zones, DNS records and where Workers answer."""

import pytest


@pytest.fixture
def worker(zoned):
    return zoned.result("POST", f"{zoned.a}/workers/workers", json={"name": zoned.name("edge")})["name"]


def test_a_zone_is_found_by_its_name(zoned):
    found = zoned.result("GET", "/zones", params={"name": zoned.cloud.zone_name})
    assert [zone["id"] for zone in found] == [zoned.cloud.zone_id]
    assert zoned.result("GET", "/zones", params={"name": zoned.cloud.zone_name, "page": 2}) == []
    zone = zoned.result("GET", zoned.z)
    assert (zone["name"], zone["account"]["id"]) == (zoned.cloud.zone_name, zoned.cloud.account_id)


def test_records_are_made_changed_and_deleted(zoned):
    path, name = f"{zoned.z}/dns_records", f"{zoned.prefix}.{zoned.cloud.zone_name}"
    record = {"name": name, "type": "TXT", "content": '"one"', "ttl": 300}
    made = zoned.result("POST", path, json=record)
    assert zoned.refused("POST", path, json=record) == (400, 81058)
    one = f"{path}/{made['id']}"
    assert zoned.result("PUT", one, json={**record, "content": '"two"'})["content"] == '"two"'
    assert zoned.result("PATCH", one, json={"ttl": 600})["ttl"] == 600
    assert zoned.result("GET", one)["content"] == '"two"'
    assert [each["id"] for each in zoned.result("GET", path, params={"name": name})] == [made["id"]]
    assert zoned.result("DELETE", one) == {"id": made["id"]}
    assert zoned.refused("GET", one) == (404, 81044)


def test_routes_are_unique_and_need_a_worker(zoned, worker):
    path, host = f"{zoned.z}/workers/routes", f"{zoned.prefix}.{zoned.cloud.zone_name}"
    made = zoned.result("POST", path, json={"pattern": f"{host}/*", "script": worker})
    assert zoned.refused("POST", path, json={"pattern": f"{host}/*", "script": worker}) == (409, 10020)
    unknown = {"pattern": f"{host}/a/*", "script": zoned.name("nope")}
    assert zoned.refused("POST", path, json=unknown) == (400, 10019)
    elsewhere = {"pattern": f"{zoned.prefix}.example.invalid/*", "script": worker}
    assert zoned.refused("POST", path, json=elsewhere) == (400, 10022)
    one = f"{path}/{made['id']}"
    zoned.result("PUT", one, json={"pattern": f"{host}/v1/*", "script": worker})
    assert zoned.result("GET", one) == {"id": made["id"], "pattern": f"{host}/v1/*", "script": worker}
    assert made["id"] in [each["id"] for each in zoned.result("GET", path)]
    assert zoned.result("DELETE", one) == {"id": made["id"]}


def test_a_refused_route_is_not_tried_again(api):
    """Local only: the real API lets the provider try ten times."""
    path, route = f"{api.z}/workers/routes", {"pattern": "a.edgewright.test/*"}
    api.result("POST", path, json=route)
    assert api("POST", path, json=route).headers["x-should-retry"] == "false"


def test_custom_domains_are_bound_and_bound_anew(api):
    """Local only: a real one orders a certificate, which a deletion does not take back."""
    for name in ("edge", "other"):
        api.result("POST", f"{api.a}/workers/workers", json={"name": name})
    path = f"{api.a}/workers/domains"
    domain = {"hostname": "ai.edgewright.test", "service": "edge", "zone_id": api.cloud.zone_id}
    made = api.result("PUT", path, json=domain)
    assert api.result("PUT", path, json={**domain, "service": "other"})["id"] == made["id"]
    assert api.result("GET", f"{path}/{made['id']}")["service"] == "other"
    assert [each["id"] for each in api.result("GET", path)] == [made["id"]]
    assert api("DELETE", f"{path}/{made['id']}").status_code == 200
    assert api.refused("GET", f"{path}/{made['id']}") == (404, 100114)
