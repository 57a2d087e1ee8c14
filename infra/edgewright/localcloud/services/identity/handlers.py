"""Answers about the one user, account and zone (cloudflare-api facts 4.15, 8.5)."""

from __future__ import annotations

from typing import Any

from werkzeug import Response

from edgewright.localcloud.account import ACCOUNT_ID, ZONE_ID, ZONE_NAME
from edgewright.localcloud.envelope import page_of, success
from edgewright.localcloud.router import ApiRequest

_SINCE = "2026-01-01T00:00:00.000000Z"
_USER_ID = "ed9e0000000000000000000000000003"

ACCOUNT = {
    "id": ACCOUNT_ID,
    "name": "Edgewright local cloud",
    "type": "standard",
    "settings": {"enforce_twofactor": False},
    "created_on": _SINCE,
}

ZONE: dict[str, Any] = {
    "id": ZONE_ID,
    "name": ZONE_NAME,
    "status": "active",
    "paused": False,
    "type": "full",
    "development_mode": 0,
    "name_servers": ["ns1.edgewright.test", "ns2.edgewright.test"],
    "original_name_servers": [],
    "original_registrar": None,
    "original_dnshost": None,
    "created_on": _SINCE,
    "modified_on": _SINCE,
    "activated_on": _SINCE,
    "account": {"id": ACCOUNT_ID, "name": ACCOUNT["name"]},
    "owner": {"id": _USER_ID, "type": "user", "name": "local"},
    "plan": {
        "id": "free",
        "name": "Free Website",
        "price": 0,
        "currency": "USD",
        "frequency": "",
        "is_subscribed": False,
        "can_subscribe": False,
        "legacy_id": "free",
        "legacy_discount": False,
        "externally_managed": False,
    },
    "meta": {"step": 2, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
    "permissions": ["#zone:read", "#zone:edit"],
    "tenant": {"id": None, "name": None},
    "tenant_unit": {"id": None},
}


def user(_request: ApiRequest) -> dict[str, Any]:
    """The user."""
    return {"id": _USER_ID, "email": "local@edgewright.test", "two_factor_authentication_enabled": False}


def verify(_request: ApiRequest) -> Response:
    """The token is good: bad ones never come here."""
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    return success({"id": _USER_ID, "status": "active"}, messages=[message])


def memberships(request: ApiRequest) -> Response:
    """The user's one membership."""
    member = {"id": _USER_ID, "status": "accepted", "account": ACCOUNT, "roles": ["Administrator"], "permissions": {}}
    return page_of([member], request.query)


def accounts(request: ApiRequest) -> Response:
    """The one account, by name if asked."""
    name = request.query.get("name")
    return page_of([ACCOUNT] if name in (None, ACCOUNT["name"]) else [], request.query)


def account(_request: ApiRequest) -> dict[str, Any]:
    """The account."""
    return ACCOUNT


def zones(request: ApiRequest) -> Response:
    """The one zone, by name, account and status if asked."""
    query = request.query
    fits = (
        query.get("name") in (None, ZONE_NAME)
        and query.get("account.id") in (None, ACCOUNT_ID)
        and query.get("status") in (None, "active")
    )
    return page_of([ZONE] if fits else [], query, most=50)


def zone(_request: ApiRequest) -> dict[str, Any]:
    """The zone."""
    return ZONE
