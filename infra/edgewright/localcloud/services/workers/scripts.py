"""The older script endpoints, over the same Workers (cloudflare-api facts 4.3, 4.10, 8.4)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from werkzeug import Response
from werkzeug.datastructures import FileStorage

from edgewright.localcloud.account import ACCOUNT_SUBDOMAIN, hex_id
from edgewright.localcloud.envelope import ApiFault
from edgewright.localcloud.router import ApiRequest
from edgewright.localcloud.services.workers import models


def _script(request: ApiRequest, code: int = 10007) -> dict[str, Any]:
    return models.find_worker(request.cloud, request.params["script"], code)


def _live_version(request: ApiRequest, worker: dict[str, Any]) -> dict[str, Any]:
    live = models.live_deployment(request.cloud, worker)
    version: dict[str, Any] = request.cloud.account["versions"][live["versions"][0]["version_id"]] if live else {}
    return version


def _shown(request: ApiRequest, worker: dict[str, Any]) -> dict[str, Any]:
    version = _live_version(request, worker)
    etag = hashlib.sha256(json.dumps(version, sort_keys=True).encode()).hexdigest()
    return {
        "id": worker["name"],
        "tag": worker["id"],
        "etag": etag,
        "handlers": ["fetch"],
        "named_handlers": [],
        "has_assets": False,
        "has_modules": True,
        "created_on": worker["created_on"],
        "modified_on": version.get("created_on", worker["updated_on"]),
        "last_deployed_from": "api",
        "logpush": worker["logpush"],
        "tags": worker["tags"],
        "tail_consumers": worker["tail_consumers"],
        "usage_model": "standard",
        "compatibility_date": version.get("compatibility_date"),
        "compatibility_flags": version.get("compatibility_flags", []),
        "startup_time_ms": 1,
    }


def list_scripts(request: ApiRequest) -> list[Any]:
    """All scripts."""
    return [_shown(request, worker) for worker in request.cloud.account["workers"].values()]


def _parts(request: ApiRequest) -> tuple[dict[str, Any], list[FileStorage]]:
    """Metadata and code of a multipart upload; each code part is named after its module."""
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        raise ApiFault("workers", 10001)
    form, files = request.raw.form, request.raw.files
    metadata = form.get("metadata") or (files["metadata"].read().decode() if "metadata" in files else None)
    if metadata is None:
        raise ApiFault("body", 10026, "the part `metadata` is missing")
    return json.loads(metadata), [file for name, file in files.items(multi=True) if name != "metadata"]


def put_script(request: ApiRequest) -> dict[str, Any]:
    """Upload a script: a new version with all traffic. Secrets stay only where `keep_bindings` says so."""
    cloud = request.cloud
    metadata, files = _parts(request)
    modules = [
        {
            "name": file.filename or file.name,
            "content_type": file.content_type,
            "content_base64": base64.b64encode(file.read()).decode(),
        }
        for file in files
    ]
    with cloud.account.lock:
        try:
            worker = _script(request)
        except ApiFault:
            worker = models.new_worker(cloud, {"name": request.params["script"]})
        bindings = metadata.get("bindings") or []
        kept = [
            b
            for b in _live_version(request, worker).get("bindings", [])
            if b["type"] in metadata.get("keep_bindings", [])
        ]
        names = {binding["name"] for binding in bindings}
        body = {
            **{
                key: metadata[key]
                for key in ("main_module", "compatibility_date", "compatibility_flags", "exports", "annotations")
                if metadata.get(key)
            },
            "bindings": bindings + [binding for binding in kept if binding["name"] not in names],
            "modules": modules,
        }
        version = models.new_version(cloud, worker, body, "wrangler")
        models.new_deployment(cloud, worker, {"versions": [{"version_id": version["id"], "percentage": 100}]})
        cloud.account.save()
    cloud.runtime.apply()
    return _shown(request, worker)


def delete_script(request: ApiRequest) -> None:
    """Delete the Worker of that name."""
    cloud = request.cloud
    with cloud.account.lock:
        models.drop_worker(cloud, _script(request))
        cloud.account.save()
    cloud.runtime.apply()


def get_content(request: ApiRequest) -> Response:
    """The live version's modules as multipart, the main module first."""
    version = _live_version(request, _script(request))
    main = version.get("main_module", "")
    boundary = hex_id()
    parts = []
    for module in sorted(version.get("modules", []), key=lambda module: module["name"] != main):
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{module["name"]}"; filename="{module["name"]}"\r\n'
        )
        kind = f"Content-Type: {module['content_type']}\r\n\r\n"
        parts.append(head.encode() + kind.encode() + base64.b64decode(module["content_base64"]) + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return Response(body, 200, {"cf-entrypoint": main}, content_type=f"multipart/form-data; boundary={boundary}")


def get_settings(request: ApiRequest) -> dict[str, Any]:
    """Bindings and settings of what is live; never a secret's text."""
    worker = _script(request)
    version = _live_version(request, worker)
    return {
        "bindings": models.shown_bindings(request.cloud, version) if version else [],
        "compatibility_date": version.get("compatibility_date"),
        "compatibility_flags": version.get("compatibility_flags", []),
        "logpush": worker["logpush"],
        "observability": worker["observability"],
        "placement": {},
        "tags": worker["tags"],
        "tail_consumers": worker["tail_consumers"],
        "usage_model": "standard",
    }


def list_secrets(request: ApiRequest) -> list[dict[str, str]]:
    """Names of the secrets."""
    bindings = _live_version(request, _script(request)).get("bindings", [])
    return [{"name": b["name"], "type": "secret_text"} for b in bindings if b["type"] == "secret_text"]


def list_versions(request: ApiRequest) -> dict[str, Any]:
    """The versions of a script, the newest first."""
    worker = _script(request)
    found = [v for v in reversed(request.cloud.account["versions"].values()) if v["worker_id"] == worker["id"]]
    return {"items": [_legacy(version) for version in found]}


def _legacy(version: dict[str, Any]) -> dict[str, Any]:
    metadata = {"created_on": version["created_on"], "modified_on": version["created_on"], "source": version["source"]}
    return {
        "id": version["id"],
        "number": version["number"],
        "metadata": metadata,
        "annotations": version["annotations"],
    }


def get_version(request: ApiRequest) -> dict[str, Any]:
    """One version with its resources."""
    version = request.cloud.account["versions"].get(request.params["version"])
    if version is None or version["worker_id"] != _script(request)["id"]:
        raise ApiFault("workers", 100146)
    runtime = {key: version.get(key) for key in ("compatibility_date", "compatibility_flags", "usage_model")}
    script = {"etag": version["id"], "handlers": ["fetch"], "last_deployed_from": version["source"]}
    bindings = models.shown_bindings(request.cloud, version)
    return {**_legacy(version), "resources": {"bindings": bindings, "script": script, "script_runtime": runtime}}


def get_subdomain(request: ApiRequest) -> dict[str, Any]:
    """Whether the script is on workers.dev."""
    subdomain: dict[str, Any] = _script(request)["subdomain"]
    return subdomain


def set_subdomain(request: ApiRequest) -> dict[str, Any]:
    """Put the script on workers.dev, or take it off."""
    return _subdomain(request, request.json())


def delete_subdomain(request: ApiRequest) -> dict[str, Any]:
    """Take the script off workers.dev."""
    return _subdomain(request, {"enabled": False, "previews_enabled": False})


def _subdomain(request: ApiRequest, values: dict[str, Any]) -> dict[str, Any]:
    worker = _script(request)
    worker["subdomain"] = {**worker["subdomain"], **values}
    request.cloud.account.save()
    request.cloud.runtime.apply()
    subdomain: dict[str, Any] = worker["subdomain"]
    return subdomain


def get_service(request: ApiRequest) -> dict[str, Any]:
    """A script as a service with its one environment."""
    worker = _script(request, 10090)
    times = {"created_on": worker["created_on"], "modified_on": worker["updated_on"]}
    environment = {"environment": "production", **times, "script": _shown(request, worker)}
    return {"id": worker["name"], **times, "default_environment": environment, "environments": [environment]}


def account_subdomain(_request: ApiRequest) -> dict[str, str]:
    """The account's part of workers.dev addresses."""
    return {"subdomain": ACCOUNT_SUBDOMAIN}


def object_namespaces(request: ApiRequest) -> list[Any]:
    """Namespaces of Durable Objects."""
    return list(request.cloud.account["objects"].values())
