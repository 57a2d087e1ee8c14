"""Watches a step: the two versions' usage since it began, until a verdict stands."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgewright.errors import UsageError
from edgewright.lifecycle.journal import UnderWay
from edgewright.lifecycle.verdict import Verdict, Window, verdict
from edgewright.usage import Query, Report

WINDOWS = 3
"""Too few requests stretch a step to so many windows at most; then what is known decides."""

MOST_LOOKS = 30
LONGEST_PAUSE = 10.0
"""Seconds between looks: a window is looked at so many times, and at least so often."""

LONGEST_STEP = 90 * 86_400
"""Seconds that a report reaches beyond a step's beginning: no clock but the platform's says when it ends."""

# A report by version id from a time to a time, both in seconds since the epoch.
Read = Callable[[Query], Report]


@dataclass(frozen=True)
class Watch:
    """``window`` in seconds: how long a step is watched at least. ``min_requests`` of the new version judge it."""

    read: Read
    window: float
    min_requests: int
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until_judged(self, step: UnderWay, tell: Callable[[str], None]) -> Verdict:
        """Look until the window is over and enough is known, or something is wrong.

        A watch that was cut is made again in full; what the step's requests told meanwhile counts.
        """
        pause = min(LONGEST_PAUSE, self.window / MOST_LOOKS)
        began, told = self.clock(), ""
        while True:
            age = self.clock() - began
            found = self._judged(step, last=age >= self.window * WINDOWS)
            if found.decision == "roll_back" or (found.decision == "raise" and age >= self.window):
                return found
            if age >= self.window and found.reason != told:
                told = found.reason
                tell(f"goes on watching: {told}")
            self.sleep(pause)

    def _judged(self, step: UnderWay, *, last: bool) -> Verdict:
        try:
            old, new = self._windows(step)
        except UsageError as error:
            return Verdict("roll_back" if last else "wait", f"usage cannot be read: {error.message}")
        return verdict(old, new, step.share, self.min_requests, last=last)

    def _windows(self, step: UnderWay) -> tuple[Window, Window]:
        # From the next whole second: what was written before the step, such as the harness's own requests, is not in.
        start = math.floor(step.since) + 1
        report = self.read(Query(start, start + LONGEST_STEP, group_by=("version_id",)))
        rows = {row["version_id"]: row for row in report.rows}
        old, new = (_window(rows.get(version, {}), report.sample_interval) for version in (step.old, step.new))
        return old, new


def _window(row: Mapping[str, Any], weight: float) -> Window:
    errors = row.get("failed", 0.0) + row.get("refused", 0.0)
    return Window(
        requests=row.get("ok", 0.0) + errors,
        errors=errors,
        answered=row.get("ok", 0.0),
        first_byte_p95_ms=row.get("first_byte_p95_ms"),
        turns=row.get("turns", 0.0),
        weight=weight,
    )
