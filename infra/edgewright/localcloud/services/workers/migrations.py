"""Durable Object classes in the older form: steps that run once, by their tags (cloudflare-api facts 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgewright.localcloud.account import new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.services.workers.exports import Change, World
from edgewright.localcloud.storage import Doc

_NEW = {"new_classes": "new-class", "new_sqlite_classes": "new-sqlite-class"}


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


def names(migrations: dict[str, Any] | None) -> set[str]:
    """Every class that the steps make or rename to."""
    made = {name for step in _steps(migrations) for kind in _NEW for name in step.get(kind) or ()}
    return made | {rename["to"] for step in _steps(migrations) for rename in step.get("renamed_classes") or ()}


def migrated(migrations: dict[str, Any] | None, world: World, bound: set[str]) -> Change:
    """The namespaces after all steps; ``bound`` are the classes of the upload's own bindings.

    Raises:
        EnvelopeError: 10074, 10070, 10097 or 10021 for a step; 10061 or 10064 for a class that the code lost.
    """
    after = dict(world.held)
    for step in _steps(migrations):
        _apply(step, after, world, bound)
    for name in after:
        if name not in world.code:
            if name in bound:
                raise EnvelopeError("workers", 10061, detail=f"{name} that is not exported by the script")
            raise EnvelopeError("workers", 10064, name=name)
    return Change(after)


def _apply(step: dict[str, Any], after: dict[str, Doc], world: World, bound: set[str]) -> None:
    if step.get("transferred_classes"):
        raise EnvelopeError("workers", 10021, detail="migrations: the local cloud simulates no transferred_classes")
    for kind in _NEW:
        for name in step.get(kind) or ():
            _add(name, kind, after, world)
    for rename in step.get("renamed_classes") or ():
        old, new = rename["from"], rename["to"]
        if old not in after:
            raise EnvelopeError("workers", 10074, detail=_absent("rename-class", old))
        if new in after:
            raise EnvelopeError("workers", 10074, detail=_taken("rename-class", new))
        after[new] = {**after.pop(old), "class": new}
    for name in step.get("deleted_classes") or ():
        if name not in after:
            raise EnvelopeError("workers", 10074, detail=_absent("delete-class", name))
        if name in bound:
            without = "without also removing the binding that references it."
            raise EnvelopeError("workers", 10074, detail=f"--delete-class migration to class '{name}' {without}")
        del after[name]


def _add(name: str, kind: str, after: dict[str, Doc], world: World) -> None:
    if name in after:
        raise EnvelopeError("workers", 10074, detail=_taken(_NEW[kind], name))
    if name not in world.code:
        raise EnvelopeError("workers", 10070, name=name)
    if kind == "new_classes":
        raise EnvelopeError("workers", 10097)
    fresh = {"id": new_id(), "worker_id": world.worker_id, "class": name, "use_sqlite": True, "provisioned": False}
    after[name] = world.promised.get(name, fresh)


def _absent(what: str, name: str) -> str:
    return f"{what} migration to class '{name}' which was not exported in the previous version of the script"


def _taken(what: str, name: str) -> str:
    return f"{what} migration to class '{name}' that is already depended on by existing Durable Objects"


def _steps(migrations: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if migrations:
        yield from migrations.get("steps", [migrations])
