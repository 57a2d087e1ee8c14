"""A Worker's versions and deployments through Cloudflare's API (cloudflare-api facts 4.6 and 4.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from edgewright.engine.api import CloudflareApi
from edgewright.errors import RolloutError

DEPLOYABLE = 100
"""Only so many of the newest versions can be deployed."""

_PER_PAGE = 50


@dataclass(frozen=True)
class Deployment:
    """Which versions answer: ``shares`` maps their ids to per cent; ``created`` is in seconds since the epoch."""

    id: str
    created: float
    shares: dict[str, float]
    message: str = ""

    @property
    def whole(self) -> str | None:
        """The version that has all requests, None if two share them, also at 0 %."""
        return next(iter(self.shares)) if len(self.shares) == 1 else None


@dataclass(frozen=True)
class Version:
    """One upload. ``hash`` is the content hash that its message names, "" for another's upload."""

    id: str
    number: int
    created: str
    hash: str
    exports: dict[str, Any] = field(default_factory=dict)


class Script:
    """One Worker of an account, by its name."""

    def __init__(self, api: CloudflareApi, account_id: str, worker: str) -> None:
        self.worker = worker
        self._api = api
        self._deployments = f"/accounts/{account_id}/workers/scripts/{quote(worker, safe='')}/deployments"
        self._versions = f"/accounts/{account_id}/workers/workers/{quote(worker, safe='')}/versions"

    def deployments(self) -> list[Deployment]:
        """Newest first; the first is live.

        Raises:
            ApiError: the API refused.
        """
        return [_deployment(found) for found in self._api.call("GET", self._deployments)["deployments"]]

    def live(self) -> Deployment:
        """The deployment that answers.

        Raises:
            RolloutError: there is none.
        """
        found = self.deployments()
        if not found:
            raise RolloutError(f"the Worker {self.worker} is not deployed.", fix="deploy it first: edgewright up")
        return found[0]

    def deploy(self, shares: dict[str, float], message: str) -> Deployment:
        """Share the requests out anew; the message is what the next call reads.

        Raises:
            ApiError: the API refused, and what was live still is.
        """
        body = {
            "strategy": "percentage",
            "versions": [{"version_id": version, "percentage": share} for version, share in shares.items()],
            "annotations": {"workers/message": message},
        }
        return _deployment(self._api.call("POST", self._deployments, body))

    def version(self, identifier: str) -> Version:
        """One version.

        Raises:
            ApiError: there is none of that id.
        """
        return _version(self._api.call("GET", f"{self._versions}/{quote(identifier, safe='')}"))

    def versions(self) -> list[Version]:
        """Those that can be deployed, newest first."""
        found: list[Version] = []
        page = 1
        while len(found) < DEPLOYABLE:
            listed = self._api.call("GET", self._versions, params={"page": str(page), "per_page": str(_PER_PAGE)})
            if not listed:
                break
            found += map(_version, listed)
            page += 1
        return sorted(found, key=lambda version: -version.number)[:DEPLOYABLE]


def _deployment(found: dict[str, Any]) -> Deployment:
    shares = {share["version_id"]: float(share["percentage"]) for share in found["versions"]}
    created = datetime.fromisoformat(found["created_on"]).timestamp()
    message = (found.get("annotations") or {}).get("workers/message") or ""
    return Deployment(found["id"], created, shares, message)


def _version(found: dict[str, Any]) -> Version:
    message = (found.get("annotations") or {}).get("workers/message") or ""
    told = message.removeprefix("edgewright ")
    content_hash = told if told != message else ""
    return Version(
        found["id"], int(found["number"]), found["created_on"], content_hash, dict(found.get("exports") or {})
    )
