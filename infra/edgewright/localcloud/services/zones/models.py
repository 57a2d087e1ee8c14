"""The one zone and its DNS records (cloudflare-api facts 4.13 and 4.15)."""

from __future__ import annotations

from typing import Any

from edgewright.localcloud.account import ACCOUNT_EMAIL, ACCOUNT_ID, ACCOUNT_NAME, ZONE_ID, ZONE_NAME, Account, new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.services.identity.models import CREATED, USER_ID
from edgewright.localcloud.storage import Doc

_ADDRESSES = ("A", "AAAA", "CNAME")


def zone() -> Doc:
    """The zone as the API shows it."""
    return {
        "id": ZONE_ID,
        "name": ZONE_NAME,
        "status": "active",
        "paused": False,
        "type": "full",
        "development_mode": 0,
        "name_servers": [f"a.ns.{ZONE_NAME}", f"b.ns.{ZONE_NAME}"],
        "original_name_servers": None,
        "original_registrar": None,
        "original_dnshost": None,
        "created_on": CREATED,
        "modified_on": CREATED,
        "activated_on": CREATED,
        "account": {"id": ACCOUNT_ID, "name": ACCOUNT_NAME},
        "owner": {"id": USER_ID, "type": "user", "email": ACCOUNT_EMAIL, "name": ACCOUNT_NAME},
        "plan": _plan(),
        "meta": {"step": 4, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
        "permissions": ["#zone:read", "#zone:edit", "#worker:read", "#worker:edit"],
        "tenant": {"id": None, "name": None},
        "tenant_unit": {"id": None},
    }


def _plan() -> Doc:
    return {
        "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
        "name": "Free Website",
        "price": 0,
        "currency": "USD",
        "frequency": "",
        "is_subscribed": False,
        "can_subscribe": False,
        "legacy_id": "free",
        "legacy_discount": False,
        "externally_managed": False,
    }


def put_record(account: Account, body: dict[str, Any], old: Doc | None = None) -> Doc:
    """Make a DNS record, or change ``old``; a relative name is completed with the zone's.

    Raises:
        EnvelopeError: 9005 a field is missing, 81058 the same record exists.
    """
    for field in ("name", "type", "content"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise EnvelopeError("zones", 9005, detail=f"{field} is required")
    name = body["name"] if body["name"].endswith(ZONE_NAME) else f"{body['name']}.{ZONE_NAME}".removeprefix("@.")
    for other in account.records.all(name=name, type=body["type"], content=body["content"]):
        if old is None or other["id"] != old["id"]:
            raise EnvelopeError("zones", 81058)
    now = account.clock.stamp()
    proxied = bool(body.get("proxied"))
    doc = {
        "comment": None,
        "tags": [],
        "settings": {},
        "meta": {},
        **{key: value for key, value in body.items() if value is not None},
        "id": old["id"] if old else new_id(),
        "name": name,
        "proxied": proxied,
        "proxiable": body["type"] in _ADDRESSES,
        "ttl": 1 if proxied else body.get("ttl") or 1,
        "created_on": old["created_on"] if old else now,
        "modified_on": now,
    }
    return account.records.put(doc["id"], doc)
