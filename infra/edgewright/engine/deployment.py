"""One run over one state: decides what each registration needs and does it, or only says so."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from edgewright.engine.api import CloudflareApi
from edgewright.engine.plan import Listener, Operation, Result, Step, ignore
from edgewright.engine.reasons import reasons
from edgewright.engine.resources import Kind, kind_of
from edgewright.engine.state import Resource, State
from edgewright.engine.values import UNKNOWN, differences, revealed, sealed
from edgewright.errors import EngineError


@dataclass(frozen=True)
class Options:
    """What a program says of a resource beside its inputs: the urns it needs, and what deleting it means."""

    dependencies: list[str] = field(default_factory=list)
    retain: bool = False
    protect: bool = False


@dataclass
class Deployment:
    """Registrations of one run of the program. Thread-safe: the SDK registers from several threads.

    With ``dry_run`` nothing is written, neither to the API nor to the state.
    """

    api: CloudflareApi
    state: State
    dry_run: bool = False
    listener: Listener = ignore
    result: Result = field(default_factory=Result)
    _seen: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def register(
        self, urn: str, token: str, name: str, inputs: dict[str, Any], options: Options
    ) -> tuple[str, dict[str, Any]]:
        """Bring one resource to what the program says; its id and outputs (unknown ones in a dry run).

        Raises:
            ApiError: the API refused; the state holds everything done before.
        """
        kind = kind_of(token)
        with self._lock:
            self._seen.add(urn)
            wanted = Resource(token, name, "", sealed(inputs, self.state.salt), **asdict(options))
            old = self.state.resources.get(urn)
            outputs = kind.do_read(self.api, old.inputs, old.id) if old else None
            if old is None or outputs is None:
                return self._create(urn, kind, wanted, inputs, "create", ())
            changed = differences(old.inputs, wanted.inputs) or kind.changed_since(wanted.inputs, outputs)
            if not changed:
                return self._keep(old, outputs, wanted)
            if kind.replaces(changed):
                return self._create(urn, kind, wanted, inputs, "replace", tuple(changed), old)
            return self._update(urn, kind, old, outputs, wanted, inputs, tuple(changed))

    def refresh(self) -> None:
        """Hold the state against the API: forget what is gone, tell what was changed by hand; `up` mends both."""
        for urn, resource in list(self.state.resources.items()):
            kind = kind_of(resource.type)
            outputs = kind.do_read(self.api, resource.inputs, resource.id)
            changed = () if outputs is None else tuple(kind.changed_since(resource.inputs, outputs))
            operation: Operation = "delete" if outputs is None else "update" if changed else "same"
            if outputs is None:
                del self.state.resources[urn]
                self.state.save()
            self._tell(Step(operation, resource.type, resource.name, changed, why=changed), done=True)

    def finish(self, *, delete: bool = True) -> None:
        """Delete what the program no longer registers and what has been replaced, dependents first.

        Without ``delete`` all that stays, but what is only forgotten.

        Raises:
            EngineError: one of them is protected; nothing has been deleted.
        """
        gone = [urn for urn in self.state.resources if urn not in self._seen] if delete else []
        going = [each for each in self.state.replaced if delete or each.retain or not kind_of(each.type).delete]
        _refuse_protected([*going, *(self.state.resources[urn] for urn in gone)])
        for resource in going:
            self._delete(resource, None)
        for urn in dependents_first(self.state.resources, gone):
            self._delete(self.state.resources[urn], urn)

    def _keep(self, old: Resource, outputs: dict[str, Any], wanted: Resource) -> tuple[str, dict[str, Any]]:
        self._tell(Step("same", old.type, old.name), done=True)
        if not self.dry_run:
            old.dependencies, old.retain, old.protect = wanted.dependencies, wanted.retain, wanted.protect
            self.state.save()
        return old.id, outputs

    def _create(
        self,
        urn: str,
        kind: Kind,
        wanted: Resource,
        inputs: dict[str, Any],
        operation: Any,
        changed: tuple[str, ...],
        old: Resource | None = None,
    ) -> tuple[str, dict[str, Any]]:
        notes = kind.do_explain(self.api, old.inputs if old else {}, wanted.inputs)
        why = reasons(old.inputs, wanted.inputs) if old else ()
        step = Step(operation, wanted.type, wanted.name, changed, notes, why)
        self._tell(step, done=self.dry_run)
        if self.dry_run:
            return UNKNOWN, _unknown_outputs(wanted)
        plain = revealed(inputs)
        left = kind.do_find(self.api, plain) if urn in self.state.pending else None
        if urn not in self.state.pending:
            self.state.pending.append(urn)
            self.state.save()
        if left is not None:
            outputs = kind.do_update(self.api, plain, str(left["id"])) if kind.update else left
        else:
            outputs = kind.do_create(self.api, plain)
        self.state.pending.remove(urn)
        if old is not None and old.id != outputs["id"]:
            self.state.replaced.append(old)
        return self._made(urn, wanted, outputs, step)

    def _update(
        self,
        urn: str,
        kind: Kind,
        old: Resource,
        outputs: dict[str, Any],
        wanted: Resource,
        inputs: dict[str, Any],
        changed: tuple[str, ...],
    ) -> tuple[str, dict[str, Any]]:
        step = Step("update", wanted.type, wanted.name, changed, why=reasons(old.inputs, wanted.inputs) or changed)
        self._tell(step, done=self.dry_run)
        if self.dry_run:
            return old.id, outputs
        return self._made(urn, wanted, kind.do_update(self.api, revealed(inputs), old.id), step)

    def _made(self, urn: str, wanted: Resource, outputs: dict[str, Any], step: Step) -> tuple[str, dict[str, Any]]:
        wanted.id = str(outputs["id"])
        self.state.resources[urn] = wanted
        self.state.save()
        self._tell(step, done=True)
        return wanted.id, outputs

    def _delete(self, resource: Resource, urn: str | None) -> None:
        step = Step("retain" if resource.retain else "delete", resource.type, resource.name)
        if urn is None and not kind_of(resource.type).delete:
            step = Step("retain", resource.type, resource.name)
        self._tell(step, done=self.dry_run)
        if self.dry_run:
            return
        if not resource.retain:
            kind_of(resource.type).do_delete(self.api, resource.inputs, resource.id)
        if urn is None:
            self.state.replaced.remove(resource)
        else:
            del self.state.resources[urn]
        self.state.save()
        self._tell(step, done=True)

    def _tell(self, step: Step, *, done: bool) -> None:
        if done:
            self.result.steps.append(step)
        self.listener(step, done)


def _refuse_protected(resources: list[Resource]) -> None:
    protected = ", ".join(
        f"{resource.type.rsplit(':', 1)[-1]} {resource.name}" for resource in resources if resource.protect
    )
    if protected:
        raise EngineError(
            f"to be deleted, but protected: {protected}.",
            fix="set protect: false in the stack file, run `up`, and try again",
        )


def _unknown_outputs(wanted: Resource) -> dict[str, Any]:
    """Outputs of a resource that a dry run does not make: what is configured is known, the rest is not."""
    computed = dict.fromkeys(("id", "urls", "subdomain", "versions", "createdOn", "zoneName"), UNKNOWN)
    return {**computed, "name": wanted.inputs.get("name", UNKNOWN)}


def dependents_first(resources: dict[str, Resource], urns: list[str]) -> list[str]:
    """``urns`` ordered so that whatever depends on a resource comes before it."""
    ordered: list[str] = []

    def visit(urn: str) -> None:
        if urn in ordered or urn not in urns:
            return
        for other, resource in resources.items():
            if urn in resource.dependencies:
                visit(other)
        ordered.append(urn)

    for urn in reversed(urns):
        visit(urn)
    return ordered
