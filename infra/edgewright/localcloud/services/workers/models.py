"""Workers: the shells that versions and deployments belong to (cloudflare-api facts 4.5)."""

from __future__ import annotations

import re
from typing import Any

from edgewright.localcloud.account import Account, new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.storage import Doc

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")
_SETTINGS = ("logpush", "tags", "observability", "subdomain", "tail_consumers")
_SWITCHES = ("enabled", "previews_enabled")
_REFERENCES = ("dispatch_namespace_outbounds", "domains", "durable_objects", "queues", "workers")


def find_worker(account: Account, named: str) -> Doc | None:
    """By id or by name."""
    found = account.workers.get(named)
    if found is None:
        found = next(iter(account.workers.all(name=named)), None)
    return found


def the_worker(account: Account, named: str) -> Doc:
    """By id or by name.

    Raises:
        EnvelopeError: 10007, there is none.
    """
    found = find_worker(account, named)
    if found is None:
        raise EnvelopeError("workers", 10007)
    return found


def create_worker(account: Account, body: dict[str, Any]) -> Doc:
    """A Worker without code.

    Raises:
        EnvelopeError: 10016 its name is not valid, 10013 it is taken.
    """
    name = _free_name(account, body.get("name"))
    now = account.clock.stamp()
    defaults = {
        "logpush": False,
        "tags": [],
        "observability": {"enabled": False, "head_sampling_rate": 1},
        "subdomain": {"enabled": False, "previews_enabled": False},
        "tail_consumers": [],
    }
    doc: Doc = {"id": new_id(), "name": name, "created_on": now, "updated_on": now, "deployed_on": None}
    return account.workers.put(doc["id"], {**doc, **_settings(defaults, body)})


def change_worker(account: Account, worker: Doc, body: dict[str, Any]) -> Doc:
    """New settings, or a new name.

    Raises:
        EnvelopeError: 10016 its name is not valid, 10013 it is taken.
    """
    name = worker["name"]
    if body.get("name", name) != name:
        name = _free_name(account, body["name"])
    changed = {**_settings(worker, body), "name": name, "updated_on": account.clock.stamp()}
    return account.workers.put(worker["id"], {**worker, **changed})


def delete_worker(account: Account, worker: Doc) -> list[str]:
    """Worker, versions, deployments, routes and domains are gone; the ids of its object namespaces, as well."""
    for version in account.versions.all(worker_id=worker["id"]):
        account.versions.delete(version["id"])
        account.modules.delete(version["id"])
    for deployment in account.deployments.all(worker_id=worker["id"]):
        account.deployments.delete(deployment["id"])
    for route in account.routes.all(script=worker["name"]):
        account.routes.delete(route["id"])
    for domain in account.domains.all(service=worker["name"]):
        account.domains.delete(domain["id"])
    namespaces = [namespace["id"] for namespace in account.objects.all(worker_id=worker["id"])]
    for identifier in namespaces:
        account.objects.delete(identifier)
    account.workers.delete(worker["id"])
    return namespaces


def address(account: Account, worker: Doc) -> str:
    """Where a Worker answers on this machine: the first at the bare address, each other below ``/~<its name>``."""
    first = account.workers.all()[0]["id"] == worker["id"]
    return account.url if first else f"{account.url}/~{worker['name']}"


def shown(account: Account, worker: Doc) -> Doc:
    """As the API shows it, its address the reachable one; what refers to it is not tracked."""
    hidden = ("migration_tag",)
    visible = {key: value for key, value in worker.items() if key not in hidden}
    suffix = f"{worker['name']}.{account.subdomain}.workers.dev"
    visible["subdomain"] = {**worker["subdomain"], "url": address(account, worker), "preview_url_suffix": suffix}
    return {**visible, "references": {name: [] for name in _REFERENCES}}


def _free_name(account: Account, name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise EnvelopeError("workers", 10016, name=name)
    if find_worker(account, name) is not None:
        raise EnvelopeError("workers", 10013, name=name)
    return name


def _settings(defaults: Doc, body: dict[str, Any]) -> Doc:
    """Fields that are not given, or null, keep what they were; objects are merged."""
    merged = {}
    for name in _SETTINGS:
        given, before = body.get(name), defaults[name]
        if given is None:
            merged[name] = before
        else:
            merged[name] = {**before, **given} if isinstance(before, dict) and isinstance(given, dict) else given
    merged["subdomain"] = {key: bool(merged["subdomain"].get(key)) for key in _SWITCHES}
    return merged
