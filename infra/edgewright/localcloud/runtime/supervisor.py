"""Keeps workerd running what is deployed: validate, swap without a failed request, revive, end."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from edgewright.errors import LocalCloudError
from edgewright.localcloud.runtime.config import Places, build
from edgewright.localcloud.runtime.front import Front
from edgewright.localcloud.runtime.log import RuntimeLog
from edgewright.localcloud.runtime.plan import Plan, Script
from edgewright.localcloud.runtime.process import Workerd, validate
from edgewright.localcloud.runtime.workerd import find_workerd

T = TypeVar("T")

_OBJECT_ID = re.compile(r"[0-9a-f]{64}")

EXCLUSIVE_GRACE = 2.0  # seconds that requests get to end where two workerds must not meet on one disk
OVERLAP_GRACE = 60.0  # seconds that requests in an old process get where nothing is shared
SETTLE = 0.1  # seconds to see an idle old process go before the swap is called done
MOST_REVIVALS, REVIVAL_WINDOW = 5, 10.0  # deaths in so many seconds after which it stays down


class Runtime:
    """workerd behind one front, which outlives every process: callers never see it closed.

    All processes are started from one thread, as the kernel ends them with the thread that started them.
    """

    def __init__(self, folder: Path, disk: Path, data_plane: Path, front: Front) -> None:
        self._binary = find_workerd()
        self._folder = folder
        self._disk = disk
        self._data_plane = data_plane
        self._front = front
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="workerd-starter")
        self._numbers = itertools.count(1)
        self._plan = Plan()
        self._current: Workerd | None = None
        self._old: list[Workerd] = []
        self._deaths: list[float] = []
        self._closing = False
        self.log = RuntimeLog(folder / "workerd.log")
        self.revivals = 0

    @property
    def pid(self) -> int | None:
        """Process id of the workerd that accepts requests."""
        return self._current.pid if self._current else None

    def validate(self, plan: Plan) -> str | None:
        """What is wrong with the Workers of a plan, in workerd's words; None if they start."""
        return self._in_starter(lambda: self._validate(plan))

    def apply(self, plan: Plan) -> None:
        """Serve this plan; when it returns, new requests meet it.

        Raises:
            LocalCloudError: workerd does not start with it; the plan before is still served.
        """
        self._in_starter(lambda: self._swap(plan))

    def forget(self, object_namespaces: list[str]) -> None:
        """Delete the data of Durable Object namespaces that no plan names any more."""
        for identifier in object_namespaces:
            shutil.rmtree(self._disk / identifier, ignore_errors=True)

    def stored(self, object_namespace: str) -> list[str]:
        """The ids of the objects of a namespace that have a file, sorted."""
        files = (self._disk / object_namespace).glob("*.sqlite")
        return sorted(path.stem for path in files if _OBJECT_ID.fullmatch(path.stem))

    def close(self) -> None:
        """End every process."""
        self._closing = True
        try:
            self._in_starter(self._end_all)
        except RuntimeError:  # at the interpreter's end threads take no more work, and have ended
            self._end_all()
        self._starter.shutdown()
        self.log.close()

    def _in_starter(self, work: Callable[[], T]) -> T:
        return self._starter.submit(work).result()

    def _places(self, disk: Path | None) -> Places:
        return Places(self._folder / f"g{next(self._numbers)}", self._data_plane, disk)

    def _validate(self, plan: Plan) -> str | None:
        places = self._places(None)
        try:
            return validate(self._binary, build(plan, places, listen=False))
        finally:
            shutil.rmtree(places.folder, ignore_errors=True)

    def _swap(self, plan: Plan) -> None:
        old, before = self._current, self._plan
        if old is not None and plan == before:
            return
        self.log.hide(plan.secrets())
        if old is not None and (_has_objects(before.scripts) or _has_objects(plan.scripts)):
            self._current = None
            self._front.lead_to(None)
            _end(old, EXCLUSIVE_GRACE)
            self._end_old()
            try:
                self._current = self._start(plan)
            except LocalCloudError:
                self._current = self._start(before)
                raise
        else:
            self._current = self._start(plan)
            if old is not None:
                self._retire(old)
        self._plan = plan

    def _start(self, plan: Plan) -> Workerd:
        self._disk.mkdir(parents=True, exist_ok=True)
        places = self._places(self._disk)
        built = build(plan, places, listen=True)
        started = Workerd(self._binary, built, self._folder / f"{places.folder.name}.sock", self.log)
        # Everything has been read by now.
        shutil.rmtree(places.folder, ignore_errors=True)
        self._front.lead_to(started.backend)
        threading.Thread(target=self._watch, args=(started,), daemon=True, name="workerd-watch").start()
        return started

    def _retire(self, old: Workerd) -> None:
        old.drain()
        if not old.ended_within(SETTLE):
            self._old = [process for process in self._old if not process.ended_within(0)] + [old]
            threading.Thread(target=_end, args=(old, OVERLAP_GRACE), daemon=True, name="workerd-drain").start()

    def _watch(self, process: Workerd) -> None:
        process.wait()
        with suppress(RuntimeError):  # the starter has been shut down
            self._starter.submit(self._revive, process)

    def _revive(self, dead: Workerd) -> None:
        if dead is not self._current or self._closing:
            return
        self._deaths = [at for at in self._deaths if at > time.monotonic() - REVIVAL_WINDOW] + [time.monotonic()]
        self._current = None
        if len(self._deaths) > MOST_REVIVALS:
            print(f"edgewright: workerd keeps ending; it stays down. Its log:\n{self.log.tail()}", file=sys.stderr)
            return
        print("edgewright: workerd ended by itself and is started again", file=sys.stderr)
        self.revivals += 1
        try:
            self._current = self._start(self._plan)
        except LocalCloudError as error:
            print(f"edgewright: {error}", file=sys.stderr)

    def _end_all(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            _end(current, SETTLE)
        self._end_old()

    def _end_old(self) -> None:
        for process in self._old:
            process.kill()
        self._old.clear()


def _end(process: Workerd, grace: float) -> None:
    process.drain()
    if not process.ended_within(grace):
        process.kill()


def _has_objects(scripts: tuple[Script, ...]) -> bool:
    return any(script.objects for script in scripts)
