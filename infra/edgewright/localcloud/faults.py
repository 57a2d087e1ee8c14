"""Failures of the API that a test asked for."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Response

from edgewright.localcloud.envelope import failed
from edgewright.localcloud.errors import bad_control

_FIELDS = {"method", "path", "status", "code", "message", "times", "headers", "latency_ms"}


@dataclass
class Fault:
    """Answers matching calls below ``/client/v4`` in place of the handler.

    ``path`` is a regular expression searched in the undecoded path; ``status`` None only adds ``latency_ms``;
    ``times`` None means until the faults are cleared.
    """

    path: re.Pattern[str]
    status: int | None = None
    method: str | None = None
    code: int = 10000
    message: str = "injected fault"
    times: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    latency_ms: float = 0

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Fault:
        """From the control API's JSON.

        Raises:
            ControlError: a field is unknown or of the wrong type.
        """
        unknown = sorted(set(body) - _FIELDS)
        if unknown:
            raise bad_control(unknown[0], body[unknown[0]], f"use only {', '.join(sorted(_FIELDS))}")
        try:
            pattern = re.compile(body["path"])
        except (KeyError, TypeError, re.error):
            raise bad_control("path", body.get("path"), "give a regular expression, such as /workers/") from None
        status = body.get("status")
        if status is not None and not (isinstance(status, int) and 400 <= status <= 599):
            raise bad_control("status", status, "give a status from 400 to 599, or none to add only latency_ms")
        return cls(**{**body, "path": pattern})


class Faults:
    """The faults in force, first match first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one in force."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Back to health."""
        with self._lock:
            self._faults.clear()

    def count(self) -> int:
        """How many are in force."""
        return len(self._faults)

    def answer(self, method: str, path: str) -> Response | None:
        """The answer to give instead of the handler's, None for none."""
        fault = self._take(method, path)
        if fault is None:
            return None
        time.sleep(fault.latency_ms / 1000)
        if fault.status is None:
            return None
        return failed(fault.status, [{"code": fault.code, "message": fault.message}], fault.headers)

    def _take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.method not in (None, method) or not fault.path.search(path):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None
