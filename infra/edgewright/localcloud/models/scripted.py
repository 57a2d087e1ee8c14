"""The scripted models of one account: their pace, their log, and the script of each call."""

from __future__ import annotations

from typing import Any

from edgewright.localcloud.clock import Clock
from edgewright.localcloud.models.calls import CallLog
from edgewright.localcloud.models.catalogue import find_model
from edgewright.localcloud.models.faults import is_fault, script_fault
from edgewright.localcloud.models.script import Asked, Pace, Path, Refusal, Script, script_call


class ScriptedModels:
    """Shared by the data plane (a Worker's AI binding) and the API."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flapped: set[str] = set()
        self.pace = Pace()
        self.calls = CallLog(clock)

    def script(self, name: str, path: Path, body: dict[str, Any]) -> Script:
        """What the model does with this body.

        Raises:
            InvalidDataError: the body is one that no model takes.
        """
        model = find_model(name)
        if model is None:
            return Script(refusal=Refusal(5007))
        asked = Asked(model, path, body, int(self._clock.now()))
        if is_fault(name):
            return script_fault(asked, self.pace, self._flapped)
        return script_call(asked, self.pace)

    def reset(self) -> None:
        """Default pace, empty log."""
        self.pace = Pace()
        self.calls.clear()
        self._flapped.clear()
