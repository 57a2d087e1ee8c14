"""What an API token may do, found out by cheap reads: a token may not list its own permissions.

A read shows whether a group is there at all, not whether it may write; see docs/howto/token.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import httpx

from edgewright.engine.api import CloudflareApi
from edgewright.errors import ApiError

Outcome = Literal["there", "missing", "unknown"]


@dataclass(frozen=True)
class Permission:
    """One permission as the dashboard names it; ``needed`` False: only some features want it."""

    name: str
    purpose: str
    path: str
    needed: bool = True
    of_zone: bool = False


class Finding(NamedTuple):
    """What a read has shown of a permission; ``said`` is the API's answer where it is not there."""

    permission: Permission
    outcome: Outcome
    said: str = ""


ZONE = Permission("Zone, Zone, Read", "finding the zone of `routes` and `custom_domain`", "", of_zone=True)

PERMISSIONS = (
    Permission(
        "Account, Workers Scripts, Edit",
        "the Worker, its versions, deployments and custom domain",
        "/accounts/{account}/workers/scripts",
    ),
    Permission(
        "Account, Workers KV Storage, Edit", "the cache's namespace", "/accounts/{account}/storage/kv/namespaces"
    ),
    ZONE,
    Permission("Zone, Workers Routes, Edit", "`routes`", "/zones/{zone}/workers/routes", of_zone=True),
    Permission(
        "Account, Account Analytics, Read",
        "`edgewright usage`, and watching a rollout",
        "/accounts/{account}/analytics_engine/sql?query=SHOW%20TABLES",
        needed=False,
    ),
    Permission(
        "Account, Workers AI, Read",
        "looking models up, so that a wrong name is told before it is deployed",
        "/accounts/{account}/ai/models/search",
        needed=False,
    ),
)


class Token:
    """The token of ``api``, asked about one account.

    Raises (each call):
        ApiError: nobody answers, or the token is not accepted at all.
    """

    def __init__(self, api: CloudflareApi) -> None:
        self._api = api

    def accounts(self) -> list[dict[str, Any]]:
        """The accounts that it can see: ``{id, name}``."""
        self._verify()
        return list(self._api.call("GET", "/accounts"))

    def findings(self, account_id: str, zone: str | None) -> list[Finding]:
        """A finding for each permission; those of zones only where there is a ``zone`` (its name)."""
        self._verify()
        zone_id = self._zone_id(zone) if zone else None
        return [self._probe(each, account_id, zone_id) for each in PERMISSIONS if zone or not each.of_zone]

    def unknown_models(self, account_id: str, models: list[str]) -> list[str]:
        """Those of ``models`` that Workers AI does not list; none if the token may not look."""
        unknown = []
        for model in models:
            answer = self._get(f"/accounts/{account_id}/ai/models/search?search={quote(model, safe='')}")
            if answer.status_code != 200:
                return []
            if model not in [each.get("name") for each in answer.json()["result"]]:
                unknown.append(model)
        return unknown

    def _verify(self) -> None:
        status = self._api.call("GET", "/user/tokens/verify")["status"]
        if status != "active":
            raise ApiError(f"CLOUDFLARE_API_TOKEN: the token is {status}.", fix="make a new one in the dashboard")

    def _zone_id(self, name: str) -> str | None:
        zones = self._api.call("GET", "/zones", params={"name": name})
        return str(zones[0]["id"]) if zones else None

    def _probe(self, permission: Permission, account_id: str, zone_id: str | None) -> Finding:
        if permission is ZONE:
            # Without the permission the list is empty, as for a zone of somebody else.
            return Finding(ZONE, "there") if zone_id else Finding(ZONE, "missing", "or the account has no such zone")
        if permission.of_zone and zone_id is None:
            return Finding(permission, "unknown", "the zone was not found")
        answer = self._get(permission.path.format(account=account_id, zone=zone_id))
        if answer.status_code in (401, 403):
            return Finding(permission, "missing", _said(answer))
        return (
            Finding(permission, "there") if answer.status_code < 400 else Finding(permission, "unknown", _said(answer))
        )

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._api.get(path)
        except httpx.TransportError as error:
            raise ApiError(f"GET {path}: no answer ({error or type(error).__name__})") from None


def _said(answer: httpx.Response) -> str:
    try:
        error = answer.json()["errors"][0]
        return f"{answer.status_code}, {error['code']}: {error['message']}"
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code}, {answer.text.strip()[:80]}"
