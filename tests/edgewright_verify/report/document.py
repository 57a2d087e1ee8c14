"""The one document behind every report, ``schema: "edgewright-verify/1"``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

SCHEMA = "edgewright-verify/1"
OUTCOMES = ("kept", "broken", "not_applicable", "error", "unusable")
EXIT_CODES = {"kept": 0, "broken": 1, "could_not_run": 2}


def build(
    records: Sequence[dict[str, Any]], target: dict[str, Any] | None, began: float, *, problem: str | None = None
) -> dict[str, Any]:
    """Put the records of a run together with its counts and its verdict.

    ``began`` is in seconds since the epoch. A record holds ``suite name promise outcome seconds figures`` and, unless
    kept, ``reason``; a broken one holds ``evidence``. ``problem`` says why the run as a whole came to nothing.
    """
    counted = Counter(record["outcome"] for record in records)
    verdict, problem = _judge(records, counted, problem)
    return {
        "schema": SCHEMA,
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 2),
        "target": target,
        "verdict": verdict,
        "exit_code": EXIT_CODES[verdict],
        "problem": problem,
        "counts": {outcome: counted[outcome] for outcome in OUTCOMES},
        "promises": list(records),
    }


def _judge(records: Sequence[dict[str, Any]], counted: Counter[str], problem: str | None) -> tuple[str, str | None]:
    """The verdict, and the sentence that says why nothing can be said."""
    unusable = next((record["reason"] for record in records if record["outcome"] == "unusable"), None)
    if unusable or problem:
        return "could_not_run", unusable or problem
    if counted["broken"]:
        return "broken", None
    if counted["error"]:
        return "could_not_run", "a check failed by itself"
    if not counted["kept"]:
        return "could_not_run", "nothing applied to this target, so nothing was checked"
    return "kept", None
