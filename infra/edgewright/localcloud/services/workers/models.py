"""Rules of Workers: what a version may hold, what a deployment may be, how both are shown."""

from __future__ import annotations

import base64
import datetime
import gzip
import re
from typing import TYPE_CHECKING, Any

from edgewright.localcloud.account import ACCOUNT_SUBDOMAIN, hex_id, uuid_id
from edgewright.localcloud.envelope import ApiFault

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

MOST_GZIPPED = 10 * 1024 * 1024
_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")


def find_worker(cloud: LocalCloud, identifier: str, code: int = 10007) -> dict[str, Any]:
    """A Worker by id or name.

    Raises:
        ApiFault: there is none.
    """
    for worker in cloud.account["workers"].values():
        if identifier in (worker["id"], worker["name"]):
            found: dict[str, Any] = worker
            return found
    raise ApiFault("workers", code)


def new_worker(cloud: LocalCloud, body: dict[str, Any]) -> dict[str, Any]:
    """Keep a new Worker; names are unique."""
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApiFault("workers", 10016, name)
    if any(worker["name"] == name for worker in cloud.account["workers"].values()):
        raise ApiFault("workers", 10013, name)
    now = cloud.account.timestamp()
    worker = {
        "id": hex_id(),
        "created_on": now,
        "logpush": False,
        "tags": [],
        "tail_consumers": [],
        "observability": {"enabled": False, "head_sampling_rate": 1},
        "subdomain": {"enabled": False, "previews_enabled": False},
        **body,
        "updated_on": now,
    }
    cloud.account["workers"][worker["id"]] = worker
    return worker


def show_worker(cloud: LocalCloud, worker: dict[str, Any]) -> dict[str, Any]:
    """A Worker as the API shows it. Its workers.dev address is where it answers on this machine."""
    live = live_deployment(cloud, worker)
    domains = [d for d in cloud.account["domains"].values() if d["service"] == worker["name"]]
    return {
        **worker,
        "deployed_on": live["created_on"] if live else None,
        "subdomain": {
            **worker["subdomain"],
            "url": cloud.url,
            "preview_url_suffix": f"{worker['name']}.{ACCOUNT_SUBDOMAIN}.workers.dev",
        },
        "references": {
            "dispatch_namespace_outbounds": [],
            "domains": [{"id": d["id"], "hostname": d["hostname"], "zone_id": d["zone_id"]} for d in domains],
            "durable_objects": [],
            "queues": [],
            "workers": [],
        },
    }


def drop_worker(cloud: LocalCloud, worker: dict[str, Any]) -> None:
    """The Worker, and what cannot be without it: versions, deployments, routes, domains."""
    account = cloud.account
    del account["workers"][worker["id"]]
    for table, key, value in (
        ("versions", "worker_id", worker["id"]),
        ("deployments", "worker_id", worker["id"]),
        ("domains", "service", worker["name"]),
        ("routes", "script", worker["name"]),
    ):
        for identifier in [i for i, record in account[table].items() if record.get(key) == value]:
            del account[table][identifier]


def new_version(cloud: LocalCloud, worker: dict[str, Any], body: dict[str, Any], source: str) -> dict[str, Any]:
    """Check and keep a version; it serves nobody until it is deployed.

    Raises:
        ApiFault: bindings, size, date or code are refused; 10021 carries what workerd said.
    """
    modules = body.get("modules") or []
    if body.get("main_module") not in [module["name"] for module in modules]:
        raise ApiFault("workers", 10021, f"No such module: {body.get('main_module')!r}.")
    check_size(modules)
    check_date(body.get("compatibility_date"))
    check_bindings(cloud, body)
    version = {
        "compatibility_flags": [],
        "bindings": [],
        "usage_model": "standard",
        **body,
        "id": uuid_id(),
        "worker_id": worker["id"],
        "number": 1 + sum(v["worker_id"] == worker["id"] for v in cloud.account["versions"].values()),
        "created_on": cloud.account.timestamp(),
        "source": source,
        "startup_time_ms": 1,
        "annotations": {"workers/triggered_by": "create_version_api", **(body.get("annotations") or {})},
    }
    provide_objects(cloud, worker, version)
    cloud.runtime.validate(worker, version)
    cloud.account["versions"][version["id"]] = version
    return version


def check_size(modules: list[dict[str, Any]]) -> None:
    """Raise where the modules, gzipped, are over the paid plan's limit."""
    code = b"".join(base64.b64decode(module["content_base64"]) for module in modules)
    if len(gzip.compress(code, 1)) > MOST_GZIPPED:
        raise ApiFault("workers", 10027)


def check_date(date: str | None) -> None:
    """Raise for a compatibility date that is none, or lies ahead."""
    try:
        ahead = datetime.date.fromisoformat(str(date)) > datetime.datetime.now(datetime.UTC).date()
    except ValueError:
        raise ApiFault("workers", 10021, f"Invalid compatibility date: {date}.") from None
    if ahead:
        raise ApiFault("workers", 10021, f"Can't set compatibility date in the future: {date}.")


def check_bindings(cloud: LocalCloud, body: dict[str, Any]) -> None:
    """Raise for a name used twice and for a target that is not there."""
    names: set[str] = set()
    for binding in body.get("bindings") or []:
        if binding["name"] in names:
            raise ApiFault("workers", 10053, binding["name"])
        names.add(binding["name"])
        if binding["type"] == "kv_namespace":
            identifier = binding.get("namespace_id") or ""
            if not re.fullmatch(r"[0-9a-f]{32}", identifier):
                raise ApiFault("workers", 10042, identifier)
            if identifier not in cloud.account["namespaces"]:
                raise ApiFault("workers", 10041, identifier)
        if binding["type"] == "service":
            workers = {worker["name"] for worker in cloud.account["workers"].values()}
            if binding["service"] not in workers:
                raise ApiFault("workers", 10144, binding["name"], binding["service"])
        if binding["type"] == "durable_object_namespace" and binding.get("class_name") not in (
            body.get("exports") or {}
        ):
            raise ApiFault("workers", 10061, binding.get("class_name"))


def provide_objects(cloud: LocalCloud, worker: dict[str, Any], version: dict[str, Any]) -> None:
    """A namespace for each Durable Object class that the version declares; one that exists is kept."""
    objects = cloud.account["objects"]
    for name, export in (version.get("exports") or {}).items():
        if export.get("type") != "durable-object" or export.get("state", "created") != "created":
            continue
        known = next((o for o in objects.values() if o["script"] == worker["name"] and o["class"] == name), None)
        if known is None:
            sqlite = export.get("storage", "sqlite") == "sqlite"
            record = {
                "id": hex_id(),
                "name": f"{worker['name']}_{name}",
                "script": worker["name"],
                "class": name,
                "use_sqlite": sqlite,
            }
            objects[record["id"]] = record


def show_version(cloud: LocalCloud, version: dict[str, Any], *, modules: bool) -> dict[str, Any]:
    """A version as the API shows it: bindings sorted by name, secrets without their text."""
    shown = {key: value for key, value in version.items() if key not in ("worker_id", "modules")}
    if modules:
        shown["modules"] = version.get("modules", [])
    return {**shown, "bindings": shown_bindings(cloud, version), "urls": [cloud.url]}


def shown_bindings(cloud: LocalCloud, version: dict[str, Any]) -> list[dict[str, Any]]:
    """Bindings without secret texts, Durable Objects with their namespace."""
    worker = cloud.account["workers"].get(version["worker_id"], {})
    namespaces = {(o["script"], o["class"]): o["id"] for o in cloud.account["objects"].values()}
    found = []
    for binding in version.get("bindings") or []:
        shown = {
            key: value for key, value in binding.items() if not (binding["type"] == "secret_text" and key == "text")
        }
        if binding["type"] == "durable_object_namespace":
            script = binding.get("script_name") or worker.get("name")
            shown |= {"script_name": script, "namespace_id": namespaces.get((script, binding["class_name"]))}
        found.append(shown)
    return sorted(found, key=lambda binding: str(binding["name"]).encode())


def new_deployment(cloud: LocalCloud, worker: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Keep a deployment; the newest one of a Worker is live.

    Raises:
        ApiFault: not one or two versions, unknown ones, or shares that are not 100 % together.
    """
    versions = body.get("versions") or []
    if not 1 <= len(versions) <= 2:
        raise ApiFault("workers", 100401, "name one or two versions")
    for split in versions:
        known = cloud.account["versions"].get(split.get("version_id"))
        if known is None or known["worker_id"] != worker["id"]:
            raise ApiFault("workers", 100146)
    if abs(sum(split["percentage"] for split in versions) - 100) > 0.001:
        raise ApiFault("workers", 100401, "the percentages must add up to 100")
    deployment = {
        "id": uuid_id(),
        "worker_id": worker["id"],
        "created_on": cloud.account.timestamp(),
        "source": "api",
        "strategy": body.get("strategy", "percentage"),
        "author_email": "local@edgewright.test",
        "annotations": {"workers/triggered_by": "deployment", **(body.get("annotations") or {})},
        "versions": [{"percentage": s["percentage"], "version_id": s["version_id"]} for s in versions],
    }
    cloud.account["deployments"][deployment["id"]] = deployment
    return deployment


def show_deployment(deployment: dict[str, Any]) -> dict[str, Any]:
    """A deployment as the API shows it."""
    return {key: value for key, value in deployment.items() if key != "worker_id"}


def deployments_of(cloud: LocalCloud, worker: dict[str, Any]) -> list[dict[str, Any]]:
    """The Worker's deployments, the newest first."""
    return [d for d in reversed(cloud.account["deployments"].values()) if d["worker_id"] == worker["id"]]


def live_deployment(cloud: LocalCloud, worker: dict[str, Any]) -> dict[str, Any] | None:
    """The deployment that serves, if there is one."""
    return next(iter(deployments_of(cloud, worker)), None)
