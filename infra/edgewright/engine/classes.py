"""What a change of a version's Durable Object classes means, in words: before it happens, and when the API refuses it.

Works from the old and the new ``exports`` of a ``WorkerVersion`` alone, so that any engine can ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from edgewright.errors import ApiError

if TYPE_CHECKING:
    from edgewright.engine.api import CloudflareApi

FEATURES = {"Budget": "alerts.budgets", "Conversation": "sessions", "Limiter": "limits.rules"}
"""What in the stack file brings each class."""

LIST_LIMIT = 1000
MOST_COUNTED = 10_000

_UNDECLARED = frozenset({"orphaned_provisioned_namespace", "provisioned_class_missing_from_config"})
_UNEXPORTED = 10064
_REFUSED = 100402
_QUOTED_CLASS = re.compile(r"class '(\w+)'")

Exports = Mapping[str, Mapping[str, Any]]
# How many objects of a class hold data, in words such as "3 of them hold data"; None where it has no namespace.
Stored = Callable[[str], str | None]


def explained(old: Exports | None, new: Exports | None, stored: Stored) -> tuple[str, ...]:
    """A sentence for each class that is added, deleted, or no longer declared; none if the classes stay."""
    before, after = _live(old), _live(new)
    notes = [f"{name} is a new class: it gets a namespace, in which nothing is yet." for name in sorted(after - before)]
    for name in sorted(_deleted(new) - _deleted(old)):
        amount = stored(name)
        if amount is not None:
            notes.append(f"{name} is deleted with all that its objects hold ({amount}). This cannot be undone.")
    for name in sorted(before - set(new or {})):
        notes.append(f"{name} is no longer declared, which Cloudflare refuses while it has a namespace: {_keep(name)}.")
    return tuple(notes)


def stored_in(api: CloudflareApi, account_id: str, worker_id: str) -> Stored:
    """Asks the API when it is asked; a call that fails leaves the amount open and stops nothing."""

    def ask(name: str) -> str | None:
        try:
            worker = api.call("GET", f"/accounts/{account_id}/workers/workers/{quote(worker_id, safe='')}")
            namespace = _namespace(api, account_id, worker["name"], name)
            return None if namespace is None else _amount(api, account_id, namespace)
        except ApiError as error:
            return None if error.status == 404 else "the API did not tell how many hold data"

    return ask


def fix_of(error: Mapping[str, Any]) -> str | None:
    """What to change in the stack file where the API refuses a version for its classes, None for another error."""
    if error.get("code") == _UNEXPORTED:
        return "; ".join(map(_keep, _QUOTED_CLASS.findall(str(error.get("message"))))) or None
    if error.get("code") != _REFUSED:
        return None
    meta = error.get("meta")
    details = meta.get("details") if isinstance(meta, dict) else None
    return "; ".join(_fix(found) for found in details or () if isinstance(found, dict)) or None


def _fix(found: Mapping[str, Any]) -> str:
    name, scenario = str(found.get("class")), found.get("scenario")
    if scenario in _UNDECLARED:
        return _keep(name)
    if scenario == "tombstone_delete_class_still_in_code":
        return f"{name}: take it from `deleted_objects`, or turn {_feature(name)} off"
    if scenario == "tombstone_delete_blocked_by_external_bindings":
        users = ", ".join(map(str, found.get("referencing_scripts") or ()))
        return f"{name}: deploy {users} without the binding to it first"
    return f"{name}: {found.get('suggestion') or found.get('message')}"


def _keep(name: str) -> str:
    return (
        f"enable {_feature(name)} in the stack file again to keep {name}, "
        f"or set `deleted_objects: [{name}]` to delete it with all that its objects hold"
    )


def _feature(name: str) -> str:
    return f"`{FEATURES[name]}`" if name in FEATURES else "its feature"


def _live(exports: Exports | None) -> set[str]:
    return {name for name, entry in (exports or {}).items() if entry.get("state") in ("created", None)}


def _deleted(exports: Exports | None) -> set[str]:
    return {name for name, entry in (exports or {}).items() if entry.get("state") == "deleted"}


def _namespace(api: CloudflareApi, account_id: str, script: str, name: str) -> str | None:
    page = 1
    while True:
        params = {"page": str(page), "per_page": "100"}
        listed = api.call("GET", f"/accounts/{account_id}/workers/durable_objects/namespaces", params=params)
        if not listed:
            return None
        for namespace in listed:
            if (namespace.get("script"), namespace.get("class")) == (script, name):
                return str(namespace["id"])
        page += 1


def _amount(api: CloudflareApi, account_id: str, namespace: str) -> str:
    """Counted page by page, to a bound: beyond it nobody needs the exact number."""
    path = f"/accounts/{account_id}/workers/durable_objects/namespaces/{namespace}/objects"
    count, cursor = 0, ""
    while True:
        params = {"limit": str(LIST_LIMIT), **({"cursor": cursor} if cursor else {})}
        listed, cursor = api.page(path, params)
        count += sum(bool(each.get("hasStoredData")) for each in listed)
        if not cursor:
            return f"{count} of them hold data" if count != 1 else "1 of them holds data"
        if count >= MOST_COUNTED:
            return f"more than {MOST_COUNTED:,} of them hold data"
