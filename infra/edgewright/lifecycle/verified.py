"""What is known of a stack's last verification: one small interface, and the harness's JSON report behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from edgewright.errors import RolloutError
from edgewright.paths import stack_folder

LASTS_SECONDS = 86_400
"""Older evidence says nothing: upstreams and models change without a deployment."""

_SCHEMA = "edgewright-verify/1"


@dataclass(frozen=True)
class Evidence:
    """One run of the harness: which content it met, when (epoch seconds), its ``verdict`` and the suites it ran."""

    content_hash: str | None
    at: float
    verdict: str
    suites: frozenset[str]


class Source(Protocol):
    """Where evidence of a stack is kept."""

    def last(self) -> Evidence | None:
        """The newest, None if there is none."""
        ...


@dataclass(frozen=True)
class Report:
    """A JSON report of ``edgewright verify``."""

    path: Path

    def last(self) -> Evidence | None:
        """What the report says; None where there is no file.

        Raises:
            RolloutError: the file is no such report.
        """
        try:
            held = json.loads(self.path.read_text("utf8"))
            return _evidence(held)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RolloutError(
                f"{self.path}: is no report of the harness.", fix="make it: edgewright verify --stack NAME"
            ) from None


def kept_report(project: Path, stack: str) -> Path:
    """Where ``edgewright verify --stack`` keeps the report of its last whole run."""
    return stack_folder(project, stack) / "verified.json"


def problems(evidence: Evidence | None, content_hash: str, suites: Iterable[str], now: float) -> Iterator[str]:
    """Why evidence does not show that ``content_hash`` keeps the promises of all ``suites``."""
    if evidence is None:
        yield "there is no evidence of a verification"
        return
    if evidence.verdict != "kept":
        yield f"its last verification ended with {evidence.verdict.replace('_', ' ')!r}"
    if evidence.content_hash != content_hash:
        yield f"its last verification met the content {(evidence.content_hash or 'unknown')[:12]}, not what is live"
    if now - evidence.at > LASTS_SECONDS:
        yield f"its last verification is {(now - evidence.at) / 3_600:,.0f} hours old; it counts for 24"
    missing = sorted(set(suites) - evidence.suites)
    if missing:
        yield f"its last verification left out {', '.join(missing)}"


def _evidence(held: dict[str, Any]) -> Evidence:
    if held["schema"] != _SCHEMA:
        raise ValueError(held["schema"])
    target = held["target"] or {}
    return Evidence(
        target.get("hash"),
        datetime.fromisoformat(held["started"]).timestamp(),
        str(held["verdict"]),
        frozenset(str(promise["suite"]) for promise in held["promises"]),
    )
