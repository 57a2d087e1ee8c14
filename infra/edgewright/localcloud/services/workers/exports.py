"""Durable Object classes declared in ``exports``, held against the namespaces that are there (cloudflare-api facts 5).

Scenario names, preconditions and fields are those of Cloudflare's API reference; the sentences are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edgewright.localcloud.account import new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.storage import Doc

MOST = 100
_NEEDED = {"created": "storage", "deleted": None, "renamed": "renamed_to"}
_FIELDS = ("storage", "renamed_to", "transferred_to", "transfer_from")
_KINDS = {"sqlite": True, "legacy-kv": False}
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_LISTS = (
    "created",
    "updated",
    "deleted",
    "renamed",
    "transferred",
    "transfer_pending",
    "warnings",
    "info",
    "removable_entries",
)


class Change(NamedTuple):
    """The namespaces by class once a version is deployed, and the ``exports_reconciliation`` that says so."""

    namespaces: dict[str, Doc]
    report: Doc | None = None


class World(NamedTuple):
    """What a declaration meets: provisioned namespaces by class, ids already promised to new ones, the classes
    that the code exports, and the other Workers that bind a class.
    """

    held: dict[str, Doc]
    promised: dict[str, Doc]
    code: frozenset[str]
    users: Mapping[str, list[str]]
    worker_id: str


def declared(content: Doc) -> dict[str, Doc]:
    """The Durable Object entries by class, ``state`` filled in.

    Raises:
        EnvelopeError: 100402, an entry is not well formed or the local cloud does not simulate it.
    """
    exports = content.get("exports") or {}
    if not isinstance(exports, dict):
        raise refusal([_finding("", "invalid_export", "`exports` is no map", "key it by class name")])
    if exports and content.get("migrations"):
        raise refusal([_finding("", "invalid_export", "`exports` and `migrations` exclude each other", "send one")])
    if len(exports) > MOST:
        text = f"`exports` has {len(exports)} entries, at most {MOST} are taken"
        raise refusal([_finding("", "invalid_export", text, "remove those that are done")])
    wrong = [
        _finding(name, "invalid_export", text, "correct the entry")
        for name, entry in exports.items()
        for text in _wrong(name, entry, exports)
    ]
    if wrong:
        raise refusal(wrong)
    return {name: {"state": "created", **entry} for name, entry in exports.items() if entry["type"] == "durable-object"}


def reconciled(entries: dict[str, Doc], world: World) -> Change:
    """What the declaration makes of the namespaces; every class that is wrong is told at once.

    Raises:
        EnvelopeError: 100402 with ``meta.details``.
    """
    after = dict(world.held)
    report: Doc = {name: [] for name in _LISTS}
    findings: list[Doc] = []
    for name, entry in sorted(entries.items(), key=lambda item: _NEEDED[item[1]["state"]] == "storage"):
        findings += _STEPS[entry["state"]](name, entry, after, report, world)
    findings += [_undeclared(name, world) for name in sorted(set(world.held) - set(entries))]
    if findings:
        raise refusal(findings)
    return Change(after, report)


def refusal(findings: list[Doc]) -> EnvelopeError:
    """100402 for these findings."""
    detail = "; ".join(f"{found['class']}: {found['message']}".removeprefix(": ") for found in findings)
    return EnvelopeError("workers", 100402, detail=detail, meta={"details": findings})


def _wrong(name: str, entry: Any, exports: dict[str, Any]) -> Iterator[str]:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind == "worker":
        return
    if kind != "durable-object":
        yield f"type {kind!r} is none of 'durable-object' and 'worker'"
        return
    state = entry.get("state") or "created"
    if state not in _NEEDED:
        yield f"state {state!r} is not simulated by the local cloud"
        return
    needed = _NEEDED[state]
    if not _IDENTIFIER.fullmatch(name):
        yield "it is no class name"
    if needed and entry.get(needed) is None:
        yield f"state {state!r} needs {needed}"
    for field in _FIELDS:
        if field != needed and entry.get(field) is not None:
            yield f"state {state!r} takes no {field}"
    if needed == "storage" and entry.get("storage") not in (*_KINDS, None):
        yield f"storage {entry['storage']!r} is none of 'sqlite' and 'legacy-kv'"
    if needed == "renamed_to" and entry.get("renamed_to") is not None:
        target = exports.get(entry["renamed_to"])
        if not isinstance(target, dict) or (target.get("state") or "created") != "created":
            yield f"renamed_to {entry['renamed_to']!r} must be an entry with state 'created'"


def _created(name: str, entry: Doc, after: dict[str, Doc], report: Doc, world: World) -> Iterator[Doc]:
    there = after.get(name)
    if name not in world.code:
        scenario = "config_export_not_in_code" if there else "config_references_nonexistent_class"
        yield _finding(name, scenario, "the code does not export this class", "export it, or take the entry out")
    elif there is None and entry["storage"] != "sqlite":
        yield _finding(name, "invalid_export", "a new class cannot have legacy-kv storage", "use sqlite")
    elif there is None:
        fresh = {"id": new_id(), "worker_id": world.worker_id, "class": name, "use_sqlite": True, "provisioned": False}
        after[name] = world.promised.get(name, fresh)
        report["created"].append(name)
    elif there["use_sqlite"] != _KINDS[entry["storage"]]:
        text = f"storage {entry['storage']} is not what its namespace has"
        yield _finding(name, "storage_type_mismatch", text, "storage is for good; delete the class to change it")


def _deleted(name: str, _entry: Doc, after: dict[str, Doc], report: Doc, world: World) -> Iterator[Doc]:
    users = world.users.get(name, [])
    if name in world.code:
        text, fix = "the code still exports the class to be deleted", "take the class out of the code first"
        yield _finding(name, "tombstone_delete_class_still_in_code", text, fix)
    elif name not in after:
        _stale(name, report, users)
    elif users:
        text = "other Workers bind the class to be deleted"
        fix = "deploy those without the binding first"
        yield _finding(name, "tombstone_delete_blocked_by_external_bindings", text, fix, users)
    else:
        del after[name]
        report["deleted"].append(name)


def _renamed(name: str, entry: Doc, after: dict[str, Doc], report: Doc, world: World) -> Iterator[Doc]:
    target = entry["renamed_to"]
    if name not in after:
        _stale(name, report, world.users.get(name, []))
    elif target in after:
        text = f"{target} has a namespace of its own"
        yield _finding(name, "tombstone_renamed_to_occupied", text, f"delete {target} in a deployment before")
    else:
        after[target] = {**after.pop(name), "class": target}
        report["renamed"].append({"from": name, "to": target})
        if name in world.code:
            text = "renamed while the code still exports the old class"
            report["info"].append({"class": name, "scenario": "tombstone_class_still_in_code", "message": text})


def _stale(name: str, report: Doc, users: list[str]) -> None:
    note = {"class": name, "scenario": "stale_tombstone", "message": "nothing left to do; the entry can go"}
    report["info"].append({**note, "referencing_scripts": users} if users else note)
    if not users:
        report["removable_entries"].append(name)


def _undeclared(name: str, world: World) -> Doc:
    scenario = "provisioned_class_missing_from_config" if name in world.code else "orphaned_provisioned_namespace"
    fix = "declare it again, or give it the state deleted or renamed"
    return _finding(name, scenario, "it has a namespace and no entry in `exports`", fix, world.users.get(name))


def _finding(name: str, scenario: str, message: str, fix: str, users: list[str] | None = None) -> Doc:
    found: Doc = {"class": name, "scenario": scenario, "message": message, "suggestion": fix}
    return {**found, "referencing_scripts": users} if users else found


_STEPS = {"created": _created, "deleted": _deleted, "renamed": _renamed}
