"""Turns pytest's reports into records of promises, without secrets, and writes them down. Works under xdist."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from edgewright_verify.events import to_line
from edgewright_verify.failures import NOT_APPLICABLE, PromiseBroken
from edgewright_verify.redact import Redactor
from edgewright_verify.report.document import build
from edgewright_verify.report.evidence import as_text
from edgewright_verify.settings import Settings, TargetUnusable

Report = pytest.TestReport

NOTE = "edgewright"
"""The attribute of a report that carries the note; plain values only, so that xdist hands it on."""

CELL = "cell"
"""The property by which a promise of the wall says where it stands on the scorecard; no figure to be shown alone."""


class Recorder:
    """Notes on each report of a test that uses ``edge_target`` and gathers them where the session is controlled."""

    def __init__(self, config: pytest.Config, settings: Settings | None) -> None:
        self._config = config
        self._redactor = Redactor(settings or Settings(""))
        self._records: dict[str, dict[str, Any]] = {}
        self._promises: dict[str, tuple[str, str]] = {}
        self._target: dict[str, Any] | None = None
        self._began = time.time()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Learn the promises beforehand, so that one can be named while it is being checked."""
        self._promises = {item.nodeid: (suite_of(item), promise_of(item)) for item in items if _is_ours(item)}
        self._emit({"event": "collected", "promises": len(self._promises)})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Report, Report]:
        """Attach what the promise is and, where it did not pass, why; take the secrets out of all text."""
        report = yield
        if _is_ours(item):
            target = getattr(item, "funcargs", {}).get("edge_target")
            note: dict[str, Any] = {"suite": suite_of(item), "name": item.name, "promise": promise_of(item)}
            note |= self._verdict(report, call.excinfo.value if call.excinfo else None)
            if "evidence" in note:
                report.longrepr = as_text(note["promise"], note["evidence"])
            elif report.failed:
                report.longrepr = self._redactor.text(str(report.longrepr))
            report.sections = [(name, self._redactor.text(text)) for name, text in report.sections]
            facts = self._redactor.tree(target.facts()) if target is not None else None
            setattr(report, NOTE, {**note, "target": facts})
        return report

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which promise is being checked."""
        if nodeid in self._promises:
            suite, promise = self._promises[nodeid]
            self._emit({"event": "start", "suite": suite, "promise": promise})

    def pytest_runtest_logreport(self, report: Report) -> None:
        """Gather the three phases of a test into one record."""
        note = getattr(report, NOTE, None)
        if note is None:
            return
        self._target = note.pop("target") or self._target
        record = self._records.setdefault(report.nodeid, {**note, "outcome": "kept", "seconds": 0.0, "figures": {}})
        if note["outcome"] != "kept":
            record.update(note)
        record["seconds"] = round(record["seconds"] + report.duration, 4)
        figures = dict(report.user_properties)
        if CELL in figures:
            record[CELL] = figures.pop(CELL)
        record["figures"] = figures
        if report.when == "teardown":
            self._emit({"event": "end", "record": record})

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the JSON report; under xdist only the controller does."""
        path = self._config.getoption("edge_json")
        if path is None or hasattr(session.config, "workerinput"):
            return
        problem = "the run was interrupted" if exitstatus == pytest.ExitCode.INTERRUPTED else None
        document = build(list(self._records.values()), self._target, self._began, problem=problem)
        Path(path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def _verdict(self, report: Report, raised: BaseException | None) -> dict[str, Any]:
        if report.passed:
            return {"outcome": "kept"}
        if report.skipped:
            return {"outcome": "not_applicable", "reason": self._redactor.text(_reason(raised))}
        if isinstance(raised, PromiseBroken):
            evidence = raised.evidence(self._redactor)
            return {"outcome": "broken", "reason": evidence["observed"], "evidence": evidence}
        if isinstance(raised, TargetUnusable):
            report.longrepr = str(raised)
            return {"outcome": "unusable", "reason": self._redactor.text(str(raised))}
        return {"outcome": "error", "reason": self._redactor.text(f"{type(raised).__name__}: {raised}")}

    def _emit(self, event: dict[str, Any]) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._config.getoption("edge_events") and reporter is not None:
            reporter.write_line(to_line(event))
            reporter.flush()


def suite_of(item: pytest.Item) -> str:
    """The concern: the file's name without ``test_``."""
    return item.path.stem.removeprefix("test_")


def promise_of(item: pytest.Item) -> str:
    """The test's docstring on one line, with the values of its parameters filled in; else its name."""
    function = getattr(item, "function", None)
    text = " ".join((getattr(function, "__doc__", None) or item.name).split())
    callspec = getattr(item, "callspec", None)
    for name, value in (callspec.params if callspec else {}).items():
        text = text.replace("{" + name + "}", str(value))
    return text


def _is_ours(item: pytest.Item) -> bool:
    return "edge_target" in getattr(item, "fixturenames", ())


def _reason(raised: BaseException | None) -> str:
    return str(raised).removeprefix(NOT_APPLICABLE)
