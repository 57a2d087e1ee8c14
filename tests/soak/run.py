"""A long, mixed load on the rendered Worker in workerd, in front of a model that misbehaves: ``make soak MINUTES=20``.

Every outcome is held against the table in rules.py, and workerd's memory against the rule in memory.py. Ends by itself
with a summary on stderr and a report in JSON on stdout; exit code 1 if an outcome was not allowed, a call was left
running, workerd ended, or its memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web
from callers import Callers
from memory import resident_mib, verdict
from upstream import Upstream
from worker import LIMIT_MS, running

LOAD, QUIET = 9.0, 3.0
"""Seconds: load, then a pause in which memory is sampled, over and over."""
MOST_AT_ONCE = 300
LAST_CALLS = 60.0
KEPT_FAILURES = 20


class Soak:
    """One run: callers at a rate, what came of them, and workerd's memory."""

    def __init__(self, callers: Callers, process: subprocess.Popen[bytes], rate: float) -> None:
        self._callers, self._process, self._rate = callers, process, rate
        self._tasks: set[asyncio.Task[None]] = set()
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []
        self.failed = self.held_back = 0
        self.loaded: list[float] = []
        self.quiet: list[float] = []

    async def run(self, seconds: float) -> None:
        """Load and pauses in turn for so long; then until the last call has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            await self._load(min(LOAD, until - time.monotonic()))
            self.loaded.append(resident_mib(self._process.pid))
            await asyncio.sleep(QUIET)
            self.quiet.append(resident_mib(self._process.pid))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_CALLS)
            for task in late:
                task.cancel()
                self._fail(f"a call had not ended {LAST_CALLS:.0f} s after the load")

    async def _load(self, seconds: float) -> None:
        begun = time.monotonic()
        for turn in range(int(seconds * self._rate)):
            await asyncio.sleep(max(0.0, begun + turn / self._rate - time.monotonic()))
            if len(self._tasks) >= MOST_AT_ONCE:
                self.held_back += 1
                continue
            task = asyncio.create_task(self._call())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self) -> None:
        for kind, may, got in await self._callers.one():
            self.outcomes[f"{kind}: {' '.join(got)}"] += 1
            if got not in may:
                self._fail(f"{kind}: {' '.join(got)}, allowed: {sorted(' '.join(each) for each in may)}")

    def _fail(self, why: str) -> None:
        self.failed += 1
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(why)


async def soak(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Everything together; the report."""
    upstream = Upstream()
    runner = web.AppRunner(upstream.application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        with running(folder, port, options.v8_flag) as (process, path):
            connector = aiohttp.UnixConnector(str(path), limit=0)
            async with aiohttp.ClientSession(connector=connector) as session:
                await ready(session, process)
                run = Soak(
                    Callers(session, options.seed, options.kinds.split(",") if options.kinds else []),
                    process,
                    options.rate,
                )
                await run.run(options.minutes * 60)
                await asyncio.sleep(2 * LIMIT_MS / 1000)  # so long a call that nobody waits for may still go on
                return report(run, upstream, process, folder)
    finally:
        await runner.cleanup()


async def ready(session: aiohttp.ClientSession, process: subprocess.Popen[bytes]) -> None:
    """Until workerd answers."""
    for _ in range(100):
        try:
            async with session.get("http://edge/health") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise SystemExit(f"workerd did not answer within 10 s (exit code {process.poll()})")


def report(run: Soak, upstream: Upstream, process: subprocess.Popen[bytes], folder: Path) -> dict[str, object]:
    memory = verdict(run.quiet)
    log = (folder / "workerd.log").read_text(errors="replace").splitlines()
    alive = process.poll() is None
    good = alive and not run.failed and not upstream.active and memory["flat"] is not False
    return {
        "schema": "edgewright-soak/1",
        "passed": good,
        "requests": sum(run.outcomes.values()),
        "not_allowed": run.failed,
        "failures": run.failures,
        "held_back": run.held_back,
        "model_calls": upstream.calls,
        "model_calls_left_running": upstream.active,
        "workerd_alive": alive,
        "workerd_log": log[-20:],
        "memory": {**memory, "quiet_mib": rounded(run.quiet), "loaded_mib": rounded(run.loaded)},
        "outcomes": dict(sorted(run.outcomes.items())),
    }


def rounded(samples: list[float]) -> list[float]:
    return [round(sample, 1) for sample in samples]


def told(found: dict[str, object]) -> str:
    """The summary for a person."""
    lines = [f"{count:8}  {outcome}" for outcome, count in found["outcomes"].items()]
    lines += [f"NOT ALLOWED  {failure}" for failure in found["failures"]]
    lines += [f"workerd: {line}" for line in found["workerd_log"]]
    lines.append(f"memory after pauses, MiB: {found['memory']['quiet_mib']}")
    for name in ("requests", "not_allowed", "held_back", "model_calls_left_running", "workerd_alive"):
        lines.append(f"{name}: {found[name]}")
    lines.append(f"flat: {found['memory']['flat']}")
    lines.append("passed" if found["passed"] else "FAILED")
    return "\n".join(lines)


async def main() -> int:
    """Parse, run, print; 0 if everything was as it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=40.0, help="calls a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="only these kinds of calls, with commas between")
    parser.add_argument("--v8-flag", action="append", default=[], help="for V8 in workerd, e.g. --max-heap-size=128")
    options = parser.parse_args()
    task = asyncio.current_task()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    with tempfile.TemporaryDirectory(prefix="edgewright-soak-") as folder:
        found = await soak(options, Path(folder))
    print(told(found), file=sys.stderr)
    print(json.dumps(found))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit("ended by a signal")
