"""A model call over the API, played in the thread of its request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from edgewright.localcloud.models.prompt import InvalidDataError
from edgewright.localcloud.models.script import Path, Refusal, Script
from edgewright.localcloud.models.scripted import ScriptedModels

LONGEST_STALL = 60.0  # seconds; a thread cannot see its caller leave while it sends nothing


class Played:
    """One call, logged. ``refusal`` with ``detail`` is the answer if it is set, else ``stream()``."""

    def __init__(self, models: ScriptedModels, model: str, path: Path, body: dict[str, Any]) -> None:
        self._log = models.calls
        self._call = self._log.begin(model, path, body)
        self.detail = ""
        try:
            self.script = models.script(model, path, body)
        except InvalidDataError as error:
            self.script = Script(refusal=Refusal(5004))
            self.detail = str(error)
        self.refusal = self.script.refusal
        if self.refusal is not None:
            self._log.end(self._call, "error")

    def stream(self) -> Iterator[bytes]:
        """The bytes, each after its wait. A reset is a stream that breaks, as there is no connection to abort."""
        outcome = "cancelled"
        try:
            for step in self.script.steps:
                time.sleep(step.wait)
                yield step.data
                self._log.sent(self._call, step.tokens)
            if self.script.ending == "stall":
                time.sleep(LONGEST_STALL)
            outcome = "done" if self.script.ending == "done" else "error"
            if self.script.ending == "reset":
                raise ConnectionResetError("the model reset the connection")
        finally:
            self._log.end(self._call, outcome)
