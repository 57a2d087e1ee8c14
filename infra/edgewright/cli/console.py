"""What a person sees: one console for results, one for everything else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from edgewright.engine.plan import Result, Step

# NO_COLOR and a pipe turn colours off by themselves. Results go to stdout, progress and errors to stderr.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "yellow"),
    "delete": ("-", "red"),
    "retain": ("=", "dim"),
    "same": (" ", "dim"),
}


def print_json(value: Any) -> None:
    """One line of JSON on stdout, at once, whatever the terminal."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


@contextmanager
def working(message: str) -> Iterator[None]:
    """Say what is going on for anything that may take over a second."""
    if err.is_terminal:
        with err.status(message):
            yield
    else:
        err.print(f"{message} ...", style="dim")
        yield


_PAST = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "retain": "kept",
    "same": "unchanged",
}


class StepPrinter:
    """Prints the steps of a run as they happen; ``dry_run`` says "would be"."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._begun: dict[tuple[str, str], float] = {}

    def __call__(self, step: Step, done: bool) -> None:
        key = (step.type, step.name)
        if not done or self._dry_run:
            for note in step.notes:
                err.print(f"   [yellow]! {escape(note)}[/]")
        if not done:
            self._begun[key] = time.monotonic()
            return
        sign, style = _SIGNS[step.operation]
        changes = self._dry_run and step.operation != "same"
        verb = f"to {step.operation}" if changes else _PAST[step.operation]
        took = f"  {time.monotonic() - self._begun.pop(key):.1f} s" if key in self._begun else ""
        err.print(f" [{style}]{sign} {step.short_type:<22} {verb:<11}[/] {escape(step.name)}[dim]{took}[/]")
        for line in _shortened(step.why):
            err.print(f"     [dim]{escape(line)}[/]")


def _shortened(lines: tuple[str, ...], most: int = 8) -> list[str]:
    return [*lines[:most], f"and {len(lines) - most} more"] if len(lines) > most else list(lines)


def print_advice(result: Result, *, asked: bool) -> None:
    """What policies say that have not stopped the run; ``asked``: whether there are any."""
    for said in result.advice:
        err.print(f"[yellow]policy: {escape(said)}[/]")
    if asked and not result.advice:
        err.print("policy: every rule is kept", style="green")


def summary(result: Result, *, dry_run: bool = False) -> str:
    """``2 created, 1 replaced, 3 unchanged``."""
    counts: dict[str, int] = {}
    for step in result.steps:
        counts[step.operation] = counts.get(step.operation, 0) + 1
    future = {name: _PAST[name] if name == "same" else f"to {name}" for name in _PAST}
    words = future if dry_run else _PAST
    parts = [f"{count} {words[name]}" for name, count in counts.items()]
    return ", ".join(parts) or "nothing to do"


def steps_json(result: Result) -> list[dict[str, Any]]:
    """The steps as JSON values."""
    return [
        {
            "operation": step.operation,
            "type": step.type,
            "name": step.name,
            "changed": list(step.changed),
            "why": list(step.why),
            "notes": list(step.notes),
        }
        for step in result.steps
    ]
