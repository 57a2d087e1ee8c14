"""Routes, custom domains and DNS records (cloudflare-api facts 4.8, 4.9, 4.13)."""

from __future__ import annotations

import re
from typing import Any

from werkzeug import Response

from edgewright.localcloud.account import ZONE_ID, ZONE_NAME, hex_id
from edgewright.localcloud.envelope import ApiFault, page_of
from edgewright.localcloud.router import ApiRequest


def _one(request: ApiRequest, table: str, family: str, code: int, parameter: str) -> dict[str, Any]:
    found: dict[str, Any] | None = request.cloud.account[table].get(request.params[parameter])
    if found is None:
        raise ApiFault(family, code)
    return found


def _worker_exists(request: ApiRequest, name: str) -> None:
    if not any(worker["name"] == name for worker in request.cloud.account["workers"].values()):
        raise ApiFault("routes", 10019)


def list_routes(request: ApiRequest) -> list[Any]:
    """All routes of the zone."""
    return list(request.cloud.account["routes"].values())


def _route(request: ApiRequest, identifier: str) -> dict[str, Any]:
    body = request.json()
    pattern = body.get("pattern")
    host = re.sub(r"^https?://", "", pattern or "").split("/")[0].removeprefix("*").lstrip(".")
    if not pattern or not (host == ZONE_NAME or host.endswith("." + ZONE_NAME)):
        raise ApiFault("routes", 10022, pattern)
    taken = request.cloud.account["routes"].values()
    if any(route["pattern"] == pattern and route["id"] != identifier for route in taken):
        raise ApiFault("routes", 10020)
    if body.get("script"):
        _worker_exists(request, body["script"])
    return {"id": identifier, "pattern": pattern, **({"script": body["script"]} if body.get("script") else {})}


def create_route(request: ApiRequest) -> dict[str, Any]:
    """A new route; patterns are unique and the script has to exist."""
    return _put(request, "routes", _route(request, hex_id()))


def get_route(request: ApiRequest) -> dict[str, Any]:
    """One route."""
    return _one(request, "routes", "routes", 10018, "route")


def update_route(request: ApiRequest) -> dict[str, Any]:
    """Another pattern or script."""
    get_route(request)
    return _put(request, "routes", _route(request, request.params["route"]))


def delete_route(request: ApiRequest) -> dict[str, Any]:
    """Delete a route."""
    return _drop(request, "routes", get_route(request))


def list_domains(request: ApiRequest) -> list[Any]:
    """All custom domains, filtered if asked."""
    domains = request.cloud.account["domains"].values()
    wanted = {name: request.query[name] for name in ("hostname", "service", "zone_id") if name in request.query}
    return [domain for domain in domains if all(domain[name] == value for name, value in wanted.items())]


def put_domain(request: ApiRequest) -> dict[str, Any]:
    """Attach a host name; one that is attached already is moved."""
    body = request.json()
    _worker_exists(request, body["service"])
    known = next((d for d in request.cloud.account["domains"].values() if d["hostname"] == body["hostname"]), None)
    domain = {
        "id": known["id"] if known else hex_id(),
        "zone_id": body.get("zone_id", ZONE_ID),
        "zone_name": ZONE_NAME,
        "hostname": body["hostname"],
        "service": body["service"],
        "environment": body.get("environment", "production"),
        "cert_id": known["cert_id"] if known else hex_id(),
    }
    return _put(request, "domains", domain)


def get_domain(request: ApiRequest) -> dict[str, Any]:
    """One custom domain."""
    return _one(request, "domains", "domains", 100114, "domain")


def delete_domain(request: ApiRequest) -> dict[str, Any]:
    """Detach a host name."""
    return _drop(request, "domains", get_domain(request))


def list_records(request: ApiRequest) -> Response:
    """DNS records, by name and type if asked."""
    records = list(request.cloud.account["dns_records"].values())
    for name in ("name", "type"):
        records = [record for record in records if request.query.get(name) in (None, record[name])]
    return page_of(records, request.query, default=100)


def _record(request: ApiRequest, known: dict[str, Any]) -> dict[str, Any]:
    now = request.cloud.account.timestamp()
    defaults = {
        "id": hex_id(),
        "ttl": 1,
        "proxied": False,
        "comment": None,
        "tags": [],
        "settings": {},
        "meta": {},
        "proxiable": True,
        "created_on": now,
    }
    return {**defaults, **known, **request.json(), "modified_on": now}


def create_record(request: ApiRequest) -> dict[str, Any]:
    """A new DNS record."""
    return _put(request, "dns_records", _record(request, {}))


def get_record(request: ApiRequest) -> dict[str, Any]:
    """One DNS record."""
    return _one(request, "dns_records", "dns", 81044, "record")


def update_record(request: ApiRequest) -> dict[str, Any]:
    """Change a DNS record."""
    return _put(request, "dns_records", _record(request, get_record(request)))


def delete_record(request: ApiRequest) -> dict[str, Any]:
    """Delete a DNS record."""
    return _drop(request, "dns_records", get_record(request))


def _put(request: ApiRequest, table: str, record: dict[str, Any]) -> dict[str, Any]:
    account = request.cloud.account
    with account.lock:
        account[table][record["id"]] = record
        account.save()
    request.cloud.runtime.apply()
    return record


def _drop(request: ApiRequest, table: str, record: dict[str, Any]) -> dict[str, Any]:
    account = request.cloud.account
    with account.lock:
        del account[table][record["id"]]
        account.save()
    request.cloud.runtime.apply()
    return {"id": record["id"]}
