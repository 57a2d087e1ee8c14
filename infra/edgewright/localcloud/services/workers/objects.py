"""Durable Object namespaces: an id per Worker and class, which outlives versions (cloudflare-api facts 5).

A version names its classes in ``exports`` or in ``migrations``. New ones get their id at the upload; what deletes
or renames happens when the version is deployed, once.
"""

from __future__ import annotations

from typing import Any

from edgewright.localcloud.account import Account, new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.storage import Doc

_OBJECT = "durable-object"


def check_tag(worker: Doc, migrations: dict[str, Any] | None) -> None:
    """``old_tag`` must be the tag that the Worker has.

    Raises:
        EnvelopeError: 10079 (412), it is not.
    """
    if migrations is None:
        return
    current, given = worker.get("migration_tag", ""), migrations.get("old_tag") or ""
    if given != current:
        raise EnvelopeError("workers", 10079, got=given, expected=current)


def planned(account: Account, worker: Doc, content: Doc) -> dict[str, Doc]:
    """The Worker's namespaces by class, once this version is deployed.

    Raises:
        EnvelopeError: 100402, ``exports`` says what the local cloud does not simulate.
    """
    namespaces = {doc["class"]: doc for doc in account.objects.all(worker_id=worker["id"])}
    for name, export in sorted(_objects(content), key=lambda item: item[1].get("state") != "renamed"):
        _declare(namespaces, worker, name, export)
    for step in _steps(content.get("migrations")):
        for kind in ("new_classes", "new_sqlite_classes"):
            for name in step.get(kind) or ():
                _add(namespaces, worker, name, sqlite=kind == "new_sqlite_classes")
        for rename in step.get("renamed_classes") or ():
            _rename(namespaces, rename["from"], rename["to"])
        for name in step.get("deleted_classes") or ():
            namespaces.pop(name, None)
    return namespaces


def hosted(account: Account, worker: Doc, content: Doc) -> dict[str, str]:
    """The classes whose objects run in this version, with their namespace ids."""
    declared = {_name_now(name, export) for name, export in _objects(content)}
    return {
        name: doc["id"]
        for name, doc in planned(account, worker, content).items()
        if not content.get("exports") or name in declared
    }


def reserve(account: Account, namespaces: dict[str, Doc]) -> None:
    """Keep the ids of new namespaces."""
    for doc in namespaces.values():
        if account.objects.get(doc["id"]) is None:
            account.objects.put(doc["id"], doc)


def settle(account: Account, worker: Doc, version: Doc) -> list[str]:
    """The version is deployed: apply renames and deletions. The ids of namespaces that are gone."""
    if version.get("settled"):
        return []
    after = planned(account, worker, version)
    kept = {doc["id"] for doc in after.values()}
    gone = [doc["id"] for doc in account.objects.all(worker_id=worker["id"]) if doc["id"] not in kept]
    for identifier in gone:
        account.objects.delete(identifier)
    for doc in after.values():
        account.objects.put(doc["id"], doc)
    tag = (version.get("migrations") or {}).get("new_tag")
    if tag:
        account.workers.put(worker["id"], {**worker, "migration_tag": tag})
    account.versions.put(version["id"], {**version, "settled": True})
    return gone


def shown(namespace: Doc, script: str) -> Doc:
    """As the API lists it."""
    name = namespace["class"]
    return {
        "id": namespace["id"],
        "name": f"{script}_{name}",
        "script": script,
        "class": name,
        "use_sqlite": namespace["use_sqlite"],
    }


def _objects(content: Doc) -> list[tuple[str, Doc]]:
    exports = content.get("exports") or {}
    return [(name, export) for name, export in exports.items() if export.get("type") == _OBJECT]


def _name_now(name: str, export: Doc) -> str:
    return str(export.get("renamed_to")) if export.get("state") == "renamed" else name


def _declare(namespaces: dict[str, Doc], worker: Doc, name: str, export: Doc) -> None:
    state = export.get("state") or "created"
    if state == "created":
        _add(namespaces, worker, name, sqlite=export.get("storage", "sqlite") == "sqlite")
    elif state == "deleted":
        namespaces.pop(name, None)
    elif state == "renamed":
        _rename(namespaces, name, export.get("renamed_to"))
    else:
        detail = f"{name}: state {state!r} is not simulated by the local cloud"
        raise EnvelopeError("workers", 100402, detail=detail)


def _add(namespaces: dict[str, Doc], worker: Doc, name: str, *, sqlite: bool) -> None:
    if name not in namespaces:
        namespaces[name] = {"id": new_id(), "worker_id": worker["id"], "class": name, "use_sqlite": sqlite}


def _rename(namespaces: dict[str, Doc], old: str, new: Any) -> None:
    if old in namespaces and isinstance(new, str):
        namespaces[new] = {**namespaces.pop(old), "class": new}


def _steps(migrations: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not migrations:
        return []
    return list(migrations.get("steps", [migrations]))
