"""Deployments: which versions answer, in which shares (cloudflare-api facts 4.7)."""

from __future__ import annotations

from typing import Any

from edgewright.errors import LocalCloudError
from edgewright.localcloud.account import ACCOUNT_EMAIL, Account, new_uuid
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.runtime.supervisor import Runtime
from edgewright.localcloud.services.workers import objects, versions
from edgewright.localcloud.services.workers.live import live_plan
from edgewright.localcloud.storage import Doc

_TOLERANCE = 1e-6  # shares are decimals: 33.33 + 66.67
# Cloudflare's reference says 0.01 to 100; its guide to version overrides deploys at 0 %, which nobody meets by chance.
_LEAST_SHARE = 0.01
_LONGEST_MESSAGE = 100  # bytes; a longer one is cut (newer references say 1,000)


def create(account: Account, runtime: Runtime, worker: Doc, body: dict[str, Any]) -> Doc:
    """Make it live; when this returns, new requests meet it.

    Raises:
        EnvelopeError: 10195 the shares are wrong, 100146 a version is not there, 10021 workerd does not start,
            100405 or 100406 the versions' Durable Object classes do not go together.
    """
    shares = _shares(account, worker, body)
    chosen = [versions.the_version(account, worker, share["version_id"]) for share in shares]
    objects.check_deployment(account, worker, chosen)
    doc = {
        "id": new_uuid(),
        "worker_id": worker["id"],
        "created_on": account.clock.stamp(),
        "source": "api",
        "strategy": "percentage",
        "author_email": ACCOUNT_EMAIL,
        "annotations": {"workers/triggered_by": "deployment", **_annotations(body)},
        "versions": shares,
    }
    account.deployments.put(doc["id"], doc)
    try:
        runtime.apply(live_plan(account))
    except LocalCloudError as error:
        account.deployments.delete(doc["id"])
        raise EnvelopeError("workers", 10021, detail=error.message) from None
    # A split has been found to change nothing, so any of its versions says which classes there are.
    runtime.forget(objects.settle(account, worker, chosen[0]))
    fresh = account.workers.get(worker["id"]) or worker
    account.workers.put(worker["id"], {**fresh, "deployed_on": doc["created_on"]})
    return doc


def all_of(account: Account, worker: Doc) -> list[Doc]:
    """Newest first; the first is live."""
    return account.deployments.all(worker_id=worker["id"])[::-1]


def shown(deployment: Doc) -> Doc:
    """As the API shows it."""
    return {key: value for key, value in deployment.items() if key != "worker_id"}


def _annotations(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("annotations") or {}
    message = str(given.get("workers/message", "")).encode()[:_LONGEST_MESSAGE].decode(errors="ignore")
    return {"workers/message": message} if message else {}


def _is_share(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (value == 0 or _LEAST_SHARE <= value <= 100)


def _shares(account: Account, worker: Doc, body: dict[str, Any]) -> list[Doc]:
    given = body.get("versions")
    if body.get("strategy", "percentage") != "percentage":
        raise EnvelopeError("workers", 10195, detail=f"strategy: {body['strategy']!r}; use 'percentage'")
    if not isinstance(given, list) or not 1 <= len(given) <= 2:
        raise EnvelopeError("workers", 10195, detail="versions: one or two are needed")
    deployable = {version["id"] for version in versions.all_of(account, worker)[-versions.DEPLOYABLE :]}
    shares = []
    for share in given:
        percentage = share.get("percentage") if isinstance(share, dict) else None
        if not _is_share(percentage):
            detail = f"percentage: {percentage!r}; use 0, or a number from {_LEAST_SHARE} to 100"
            raise EnvelopeError("workers", 10195, detail=detail)
        identifier = versions.the_version(account, worker, share.get("version_id"))["id"]
        if identifier not in deployable:
            raise EnvelopeError("workers", 10195, detail=f"version_id: {identifier} is not among the last 100 versions")
        shares.append({"version_id": identifier, "percentage": percentage})
    if abs(sum(share["percentage"] for share in shares) - 100) > _TOLERANCE:
        raise EnvelopeError("workers", 10195, detail="percentages must sum to 100")
    if len({share["version_id"] for share in shares}) < len(shares):
        raise EnvelopeError("workers", 10195, detail="versions: the same one is there twice")
    return shares
