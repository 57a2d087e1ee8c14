"""Where state lives on this machine."""

from __future__ import annotations

import os
from pathlib import Path

STATE_VARIABLE = "EDGEWRIGHT_STATE"


def state_folder(project: Path) -> Path:
    """``EDGEWRIGHT_STATE``, or ``.edgewright`` in the project."""
    return Path(os.environ.get(STATE_VARIABLE) or project / ".edgewright").resolve()


def stack_folder(project: Path, stack: str) -> Path:
    """State of one stack: ``state.json`` of the embedded engine and, for ``local``, ``secrets.json``."""
    return state_folder(project) / "stacks" / stack
