"""Whether a process keeps its memory: samples after quiet moments, and one rule."""

from __future__ import annotations

import statistics
import subprocess

GROWTH = 1.2
"""Flat: the median of the last third of the samples is at most this many times the median of the second third."""
FEWEST = 6


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def verdict(quiet: list[float]) -> dict[str, object]:
    """``flat`` is None where there are too few samples to tell."""
    if len(quiet) < FEWEST:
        return {"flat": None, "why": f"{len(quiet)} samples, fewer than {FEWEST}"}
    third = len(quiet) // 3
    second, last = statistics.median(quiet[third : 2 * third]), statistics.median(quiet[2 * third :])
    return {"flat": last <= GROWTH * second, "second_third_mib": round(second, 1), "last_third_mib": round(last, 1)}
