"""What a run does, or would do: one step a resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Operation = Literal["same", "create", "update", "replace", "delete", "retain"]


@dataclass(frozen=True)
class Step:
    """One resource's part of a run; ``changed`` are the property paths that differ, ``why`` the same in the words of
    the stack file, ``notes`` what it leads to."""

    operation: Operation
    type: str
    name: str
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def short_type(self) -> str:
        """``WorkerVersion`` of ``cloudflare:index/workerVersion:WorkerVersion``."""
        return self.type.rsplit(":", 1)[-1]


@dataclass(frozen=True)
class Policies:
    """Folders of the policy packs that a run must satisfy, and JSON files with their settings."""

    packs: tuple[Path, ...] = ()
    settings: tuple[Path, ...] = ()


NONE = Policies()


# Called with a step when it begins (False) and when it is done (True).
Listener = Callable[[Step, bool], None]


def ignore(_step: Step, _done: bool) -> None:
    """A listener that does nothing."""


@dataclass
class Result:
    """How a run ended: its steps in the order they were taken, and the stack's outputs (secrets left out).

    ``advice`` is what policies say that do not stop a run.
    """

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    @property
    def changes(self) -> int:
        """How many steps change something."""
        return sum(step.operation not in ("same", "retain") for step in self.steps)
