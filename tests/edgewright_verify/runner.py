"""Starts the suites as a pytest process and reports on them."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from edgewright_verify.events import from_line
from edgewright_verify.report import github, markdown
from edgewright_verify.report.document import build
from edgewright_verify.report.terminal import TerminalReport
from edgewright_verify.settings import ENVIRONMENT, SUITES, WALL, Settings, TargetUnusable, root_of

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Options:
    """What to verify and where to report. ``suites`` empty: all of them. Paths are written to; markdown is appended.

    ``github``: as a step of a workflow, with its summary and annotations.
    ``pin`` is ``WORKER=VERSION_ID``: the version that is to answer every request.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    other_key: str | None = field(default=None, repr=False)
    model: str | None = None
    drill_secret: str | None = field(default=None, repr=False)
    wall_upstream: str | None = None
    pin: str | None = None
    suites: list[str] = field(default_factory=list)
    junit: Path | None = None
    json: Path | None = None
    markdown: Path | None = None
    quiet: bool = False
    json_stdout: bool = False
    github: bool = False
    no_color: bool = False


def run(options: Options) -> int:
    """Verify and report. Returns 0: all promises kept; 1: one broken; 2: could not run."""
    options = _with_summary(options) if options.github else options
    out = sys.stderr if options.json_stdout else sys.stdout
    with _commands_paused(out) if options.github else nullcontext():
        wrong = problem_with(options)
        document = _document(options, out) if wrong is None else _told(options, out, problem=wrong)
    for line in github.render(document) if options.github else ():
        print(line, file=out, flush=True)
    return _hand_out(options if wrong is None else replace(options, json=None, markdown=None), document)


def _document(options: Options, out: TextIO) -> dict[str, Any]:
    report = _report(options, out)
    document, detail = examine(options, report.event)
    report.close(document, detail)
    return document


def _told(options: Options, out: TextIO, *, problem: str) -> dict[str, Any]:
    document = build([], None, time.time(), problem=problem)
    _report(options, out).close(document)
    return document


def _report(options: Options, out: TextIO) -> TerminalReport:
    return TerminalReport(quiet=options.quiet or options.json_stdout, no_color=options.no_color, file=out)


def _with_summary(options: Options) -> Options:
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return replace(options, markdown=options.markdown or (Path(summary) if summary else None))


@contextmanager
def _commands_paused(out: TextIO) -> Iterator[None]:
    """What a target says is printed too, and must not be taken for a command of the workflow."""
    token = secrets.token_hex(16)
    print(github.paused(token), file=out, flush=True)
    try:
        yield
    finally:
        print(github.resumed(token), file=out, flush=True)


def examine(options: Options, heard: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any], str]:
    """Run the suites; ``heard`` gets each step. Returns the document, and pytest's own words where they say more."""
    began = time.time()
    found, detail, problem = None, "", "pytest ended without a report"
    try:
        found, detail = _verify(options, heard)
    except KeyboardInterrupt:
        problem = "the run was interrupted"
    document = found or build([], None, began, problem=problem)
    needs_detail = document["verdict"] == "could_not_run" and not document["counts"]["unusable"]
    return document, detail if needs_detail else ""


def problem_with(options: Options) -> str | None:
    """The sentence that says which option is wrong, or None."""
    unknown = [name for name in options.suites if name not in (*SUITES, WALL)]
    if unknown:
        return f"no suite is called {', '.join(unknown)}; fix: choose from {', '.join((*SUITES, WALL))}"
    if importlib.util.find_spec("pytest") is None:
        return 'pytest is not installed; fix: pip install "edgewright[verify]"'
    for path in (options.junit, options.json, options.markdown):
        if path is not None and not path.absolute().parent.is_dir():
            return f"{path}: its folder does not exist; fix: make it or choose another path"
    try:
        Settings(root_of(options.url), pin=options.pin)
    except TargetUnusable as problem:
        return str(problem)
    return None


def _verify(options: Options, heard: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any] | None, str]:
    """Run the suites; returns the document (None: pytest did not get that far) and what pytest itself printed."""
    with tempfile.TemporaryDirectory(prefix="edgewright-verify-") as folder:
        path = Path(folder, "report.json")
        words = []
        with closing(_pytest_lines(options, path)) as lines:
            for line in lines:
                event = from_line(line)
                if event is None:
                    words.append(line)
                else:
                    heard(event)
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return document, "".join(words).strip()


def _pytest_lines(options: Options, path: Path) -> Generator[str, None, None]:
    """The lines that the pytest process prints, as it prints them; it is gone when they end."""
    process = subprocess.Popen(
        _command(options, path),
        env=_environment(options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        assert process.stdout is not None
        yield from process.stdout
    finally:
        if process.stdout is not None:
            process.stdout.close()
        process.terminate()  # does nothing to a process that has ended
        process.wait()


def _command(options: Options, path: Path) -> list[str]:
    suites = options.suites or SUITES
    command = [sys.executable, "-m", "pytest", "-c", str(PACKAGE / "suite" / "pytest.ini"), "-q", "--tb=short"]
    command += ["-p", "edgewright_verify.plugin", "-p", "no:cacheprovider", "--edge-events", "--edge-json", str(path)]
    if options.junit is not None:
        command += ["--junitxml", str(options.junit.absolute())]
    # Paths, not `--pyargs` names: for those pytest would load a conftest.py of the folder it is started in.
    return [*command, *(str(PACKAGE / "suite" / f"test_{suite}.py") for suite in suites)]


def _environment(options: Options) -> dict[str, str]:
    """The child's environment: the target and its secrets in it, no plugin but ours, no options of the user's own."""
    ours = {*ENVIRONMENT.values(), "PYTEST_ADDOPTS", "PYTEST_PLUGINS"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    given = {variable: getattr(options, name) for name, variable in ENVIRONMENT.items()}
    environment |= {variable: value for variable, value in given.items() if value}
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONIOENCODING": "utf-8"}


def _hand_out(options: Options, document: dict[str, Any]) -> int:
    """Write the asked-for files; returns the exit code."""
    text = json.dumps(document, indent=2) + "\n"
    if options.json is not None:
        options.json.write_text(text, encoding="utf-8")
    if options.markdown is not None:
        with options.markdown.open("a", encoding="utf-8") as summary:
            summary.write(markdown.render(document))
    if options.json_stdout:
        sys.stdout.write(text)
    code: int = document["exit_code"]
    return code
