"""The harness against one version of a deployed stack, for the commands that judge by it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgewright.errors import VerifyError

if TYPE_CHECKING:
    from edgewright.lifecycle.evidence import Subject


def examined(outputs: dict[str, Any], version: str | None, suites: list[str]) -> dict[str, Any]:
    """The document of a run in which ``version`` answered (None: whatever is live).

    ``outputs`` are with their secrets; ``suites`` empty: all.

    Raises:
        VerifyError: a suite is unknown, or pytest is not installed.
    """
    from edgewright_verify.report.terminal import TerminalReport
    from edgewright_verify.runner import Options, examine, problem_with

    options = Options(**target_of(outputs), pin=pin_of(outputs, version) if version else None, suites=suites)
    problem = problem_with(options)
    if problem is not None:
        raise VerifyError(problem)
    report = TerminalReport(quiet=True, no_color=False, file=sys.stderr)
    document, detail = examine(options, report.event)
    report.close(document, detail)
    return document


def target_of(outputs: dict[str, Any]) -> dict[str, Any]:
    """What the harness has to know of a stack, by the names of its options."""
    names = {"url": "url", "key": "verify_key", "model": "verify_model"}
    return {name: outputs.get(names.get(name, name)) for name in ("url", "key", "other_key", "drill_secret", "model")}


def pin_of(outputs: dict[str, Any], version: str) -> str:
    """The version that is to answer, as the harness takes it."""
    return f"{outputs['worker']}={version}"


def subject_of(stack: str, outputs: dict[str, Any], version: str, content_hash: str, suites: Sequence[str]) -> Subject:
    """What a run of the harness was about, for its evidence; ``suites`` empty: all."""
    from edgewright_verify.settings import SUITES

    from edgewright.lifecycle.evidence import Subject

    return Subject(stack, outputs["worker"], version, content_hash, outputs["url"], list(suites) or list(SUITES))
