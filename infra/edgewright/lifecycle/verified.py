"""What is known of a stack's last verification: one small interface, and signed evidence behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from edgewright.errors import RolloutError
from edgewright.lifecycle.evidence import read

LASTS_SECONDS = 86_400
"""Older evidence says nothing: upstreams and models change without a deployment."""


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
class Signed:
    """What ``edgewright verify --evidence`` or a rollout signed: the ``envelope``, and the ``public`` key to trust."""

    envelope: Path
    public: Path

    def last(self) -> Evidence | None:
        """What was signed; None where there is no file.

        Raises:
            EvidenceError: the file holds something else.
            RolloutError: the trusted key did not sign it.
        """
        if not self.envelope.exists():
            return None
        statement = read(self.envelope, self.public)
        if statement is None:
            raise RolloutError(
                f"{self.envelope}: its signature is not that of the key in {self.public}.",
                fix="verify again: edgewright verify --stack NAME --evidence",
            )
        return _evidence(statement)


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


def _evidence(statement: Mapping[str, Any]) -> Evidence:
    told, [subject] = statement["predicate"]["edgewright"], statement["subject"]
    verdict = "kept" if statement["predicate"]["result"] == "PASSED" else "broken"
    at = datetime.fromisoformat(told["started"]).timestamp()
    return Evidence(subject["digest"]["sha256"], at, verdict, frozenset(told["suites"]))
