"""Evidence of a verification: what was verified, signed, and whether it still stands for what is live.

The statement is in-toto's (Statement v1, predicate test-result v0.1); what that has no place for is in ``edgewright``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from edgewright.errors import EvidenceError
from edgewright.lifecycle.script import Deployment
from edgewright.lifecycle.signing import Signer, opened
from edgewright.paths import stack_folder, state_folder

SCHEMA = "edgewright-evidence/1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"

_RESULTS = {"kept": "PASSED", "broken": "FAILED"}


@dataclass(frozen=True)
class Place:
    """Where a stack's evidence, the public key to trust and the private key are."""

    envelope: Path
    public: Path
    private: Path

    @classmethod
    def of(cls, project: Path, stack: str, *, embedded: bool) -> Place:
        """Beside the outputs: the state folder of an embedded stack, else ``evidence/`` of the project, to commit."""
        private = state_folder(project) / "evidence.key"
        if embedded:
            folder = stack_folder(project, stack)
            return cls(folder / "evidence.json", folder / "evidence.pub", private)
        return cls(project / "evidence" / f"{stack}.json", project / "evidence" / "key.pub", private)


@dataclass(frozen=True)
class Subject:
    """What was verified: one version of a stack's Worker at ``url``; ``suites`` those that were run."""

    stack: str
    worker: str
    version: str
    content_hash: str
    url: str
    suites: Sequence[str]


def statement_of(document: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """The statement of a run of the harness (``document``), kept or broken.

    Raises:
        EvidenceError: the harness could not run, so that there is nothing to attest.
    """
    result = _RESULTS.get(document["verdict"])
    if result is None:
        raise EvidenceError(f"no evidence is written: {document['problem']}")
    promises = [{key: each[key] for key in ("suite", "name", "promise", "outcome")} for each in document["promises"]]
    told = {
        "schema": SCHEMA,
        "stack": subject.stack,
        "version_id": subject.version,
        "url": subject.url,
        "harness": f"edgewright {installed('edgewright')}",
        "started": document["started"],
        "seconds": document["seconds"],
        "suites": list(subject.suites),
        "promises": promises,
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject.worker, "digest": {"sha256": subject.content_hash}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": result,
            "configuration": [{"name": suite} for suite in subject.suites],
            "passedTests": [_name(each) for each in promises if each["outcome"] == "kept"],
            "failedTests": [_name(each) for each in promises if each["outcome"] == "broken"],
            "edgewright": told,
        },
    }


def write(place: Place, statement: dict[str, Any]) -> None:
    """Sign a statement and put it in its place, with the public key if none is there yet.

    Raises:
        EvidenceError: the public key there is that of another private one.
    """
    signer = Signer.of(place.private)
    if not place.public.exists():
        place.public.parent.mkdir(parents=True, exist_ok=True)
        place.public.write_text(signer.public, "utf8")
    elif place.public.read_text("utf8").split() != signer.public.split():
        raise EvidenceError(
            f"{place.public}: is the public half of another key than the one that would sign.",
            fix="set EDGEWRIGHT_EVIDENCE_KEY to the one that belongs to it, or delete it to begin with a new key",
        )
    temporary = place.envelope.with_name(f".{place.envelope.name}")
    temporary.write_text(json.dumps(signer.sign(statement), indent=1) + "\n", "utf8")
    temporary.replace(place.envelope)


def read(envelope: Path, public: Path) -> dict[str, Any] | None:
    """The statement in a file, None if the trusted key did not sign it.

    Raises:
        EvidenceError: a file is missing, or holds something else.
    """
    try:
        text, key = envelope.read_bytes(), public.read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"{error.filename}: {error.strerror}.", fix="verify first: edgewright verify --stack NAME --evidence"
        ) from None
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        raise EvidenceError(f"{envelope}: is not JSON.", fix="write it anew: edgewright verify --evidence") from None
    statement = opened(held, key)
    if statement is not None and statement.get("predicate", {}).get("edgewright", {}).get("schema") != SCHEMA:
        raise EvidenceError(
            f"{envelope}: is signed, but no {SCHEMA}.", fix="write it anew: edgewright verify --evidence"
        )
    return statement


@dataclass(frozen=True)
class Live:
    """What evidence is held against: the live deployment, the content hash of its version, and the suites there are."""

    stack: str
    worker: str
    deployment: Deployment
    content_hash: str
    suites: Sequence[str]


def misfits(statement: Mapping[str, Any], live: Live, now: float, max_age: float) -> Iterator[str]:
    """A sentence for each thing that does not fit. ``now`` is in seconds since the epoch, ``max_age`` in seconds."""
    told, [subject] = statement["predicate"]["edgewright"], statement["subject"]
    if (told["stack"], subject["name"]) != (live.stack, live.worker):
        yield f"it is of {subject['name']} of stack {told['stack']}, not of {live.worker} of {live.stack}"
    if live.deployment.whole != told["version_id"]:
        shares = ", ".join(f"{version} at {share:g} %" for version, share in live.deployment.shares.items())
        yield f"version {told['version_id']} was verified, and {shares} is live"
    if subject["digest"]["sha256"] != live.content_hash:
        yield f"content hash {subject['digest']['sha256']} was verified, and {live.content_hash or 'none'} is live"
    age = now - datetime.fromisoformat(told["started"]).timestamp()
    if age > max_age:
        yield f"it is {age / 86_400:.1f} days old, and may be {max_age / 86_400:g}"
    if missing := [suite for suite in live.suites if suite not in told["suites"]]:
        yield f"these suites were not run: {', '.join(missing)}"
    for each in told["promises"]:
        if each["outcome"] == "broken":
            yield f"the promise was broken: {each['promise']}"


def held_against(envelope: Path, public: Path, live: Live, now: float, max_age: float) -> list[str]:
    """Why signed evidence does not stand for what is live; that there is none, or not of the trusted key, is a reason.

    Raises:
        EvidenceError: the file holds something else.
    """
    if not envelope.exists():
        return ["there is no evidence of a verification"]
    statement = read(envelope, public)
    return [of_another_key(public)] if statement is None else list(misfits(statement, live, now, max_age))


def of_another_key(public: Path) -> str:
    """What is said of evidence that the trusted key did not sign."""
    return f"its signature is not that of the key in {public}"


def no_longer_kept(statement: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The promises that the evidence says were kept and a new run does not: ``(promise, what it came to)``."""
    now = {_name(each): each for each in document["promises"]}
    for each in statement["predicate"]["edgewright"]["promises"]:
        found = now.get(_name(each))
        if each["outcome"] == "kept" and found is not None and found["outcome"] != "kept":
            reason = f": {found['reason']}" if found.get("reason") else ""
            yield each["promise"], f"{found['outcome'].replace('_', ' ')}{reason}"


def _name(record: Mapping[str, Any]) -> str:
    return f"{record['suite']}::{record['name']}"
