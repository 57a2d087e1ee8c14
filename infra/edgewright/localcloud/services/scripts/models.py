"""The older family's view of Workers and versions (cloudflare-api facts 4.3 and 8.4)."""

from __future__ import annotations

from edgewright.localcloud.account import ACCOUNT_EMAIL, Account
from edgewright.localcloud.services.identity.models import USER_ID
from edgewright.localcloud.services.workers import deployments, versions
from edgewright.localcloud.storage import Doc


def live_version(account: Account, worker: Doc) -> Doc | None:
    """The version with the larger share, else the newest; None for a Worker without code."""
    deployed = deployments.all_of(account, worker)
    if deployed:
        share = max(deployed[0]["versions"], key=lambda each: float(each["percentage"]))
        return versions.the_version(account, worker, share["version_id"])
    uploaded = versions.all_of(account, worker)
    return uploaded[-1] if uploaded else None


def script(account: Account, worker: Doc, version: Doc | None) -> Doc:
    """What uploads and the list of scripts show."""
    shown = {
        "id": worker["name"],
        "tag": worker["id"],
        "created_on": worker["created_on"],
        "modified_on": version["created_on"] if version else worker["updated_on"],
        "logpush": worker["logpush"],
        "observability": worker["observability"],
        "tags": worker["tags"],
        "tail_consumers": worker["tail_consumers"],
        "last_deployed_from": "api",
        "has_assets": False,
        "has_modules": True,
        "usage_model": "standard",
        "handlers": ["fetch"],
        "named_handlers": [],
    }
    if version:
        shown.update(_runtime(version), etag=version["etag"], startup_time_ms=version["startup_time_ms"])
        shown["entry_point"] = version["main_module"]
        classes = account.objects.all(worker_id=worker["id"])
        shown["named_handlers"] = [{"name": doc["class"], "handlers": []} for doc in classes]
    if worker.get("migration_tag"):
        shown["migration_tag"] = worker["migration_tag"]
    return shown


def service(account: Account, worker: Doc, version: Doc | None) -> Doc:
    """What ``workers/services/<name>`` shows."""
    dates = {"created_on": worker["created_on"], "modified_on": worker["updated_on"]}
    environment = {"environment": "production", **dates, "script": script(account, worker, version)}
    return {"id": worker["name"], **dates, "default_environment": environment, "environments": []}


def settings(worker: Doc, version: Doc | None) -> Doc:
    """What ``settings`` shows: bindings without the text of secrets."""
    shown = {
        "bindings": versions.shown_bindings(worker, version) if version else [],
        "logpush": worker["logpush"],
        "observability": worker["observability"],
        "tags": worker["tags"],
        "tail_consumers": worker["tail_consumers"],
        "placement": (version or {}).get("placement") or {},
        **_runtime(version or {}),
    }
    if worker.get("migration_tag"):
        shown["migration_tag"] = worker["migration_tag"]
    return shown


def version_item(version: Doc) -> Doc:
    """An item of the versions list."""
    annotations = {"workers/triggered_by": "upload", **(version.get("annotations") or {})}
    metadata = {
        "created_on": version["created_on"],
        "modified_on": version["created_on"],
        "source": version["source"],
        "author_id": USER_ID,
        "author_email": ACCOUNT_EMAIL,
        "hasPreview": False,
    }
    return {"id": version["id"], "number": version["number"], "metadata": metadata, "annotations": annotations}


def version_detail(account: Account, worker: Doc, version: Doc) -> Doc:
    """One version with its resources."""
    seen = script(account, worker, version)
    resources = {
        "bindings": versions.shown_bindings(worker, version),
        "script": {key: seen[key] for key in ("etag", "handlers", "named_handlers", "last_deployed_from")},
        "script_runtime": {**_runtime(version), "migration_tag": worker.get("migration_tag")},
    }
    return {**version_item(version), "resources": resources, "startup_time_ms": version["startup_time_ms"]}


def secrets(version: Doc | None) -> list[Doc]:
    """Names and types, never the text."""
    found = [binding for binding in (version or {}).get("bindings", ()) if binding["type"] == "secret_text"]
    return [{"name": binding["name"], "type": "secret_text"} for binding in found]


def _runtime(version: Doc) -> Doc:
    return {
        "compatibility_date": version.get("compatibility_date"),
        "compatibility_flags": version.get("compatibility_flags") or [],
        "usage_model": version.get("usage_model") or "standard",
        "limits": version.get("limits"),
    }
