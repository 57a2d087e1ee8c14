"""The deployed thing: `edgewright local up` as a person runs it, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from .clients import Table

ROOT = Path(__file__).parents[2]
EDGEWRIGHT = Path(sys.executable).with_name("edgewright")


def clean_environment(**more):
    """The environment without anything that points a tool at a real account."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CLOUDFLARE_", "EDGE_", "PULUMI_")) and key != "EDGEWRIGHT_STATE"
    }
    return {**kept, "NO_COLOR": "1", **more}


def cli(*arguments, timeout=120, cwd=ROOT, **environment):
    """One run of the command line, finished: returncode, stdout, stderr."""
    return subprocess.run(
        [EDGEWRIGHT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=clean_environment(**environment),
    )


@contextmanager
def serving(*arguments, cwd=ROOT, killed=False, **environment):
    """A command that stays: yields its line of JSON and the process; ends it with SIGTERM."""
    process = subprocess.Popen(
        [EDGEWRIGHT, *map(str, arguments), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=clean_environment(**environment),
        start_new_session=True,
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline()
        if not line:
            process.wait(30)
            reader.join(5)
            pytest.fail(f"{arguments} ended with {process.returncode}: {''.join(said)}")
        facts = json.loads(line)
        facts["process"] = process
        yield facts
        assert killed or process.poll() is None, f"ended by itself: {''.join(said)}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
            pytest.fail("SIGTERM did not end it within 20 s")
        finally:
            reader.join(5)
            process.stdout.close()
            process.stderr.close()


TABLE = pytest.StashKey[Table]()


def pytest_addoption(parser):
    parser.addoption("--write-clients", action="store_true", help="write docs/reference/clients.md from what ran")


def pytest_configure(config):
    config.stash[TABLE] = Table()
    config.pluginmanager.register(Noting(config.stash[TABLE]))


class Noting:
    """Tells the table how each test ended."""

    def __init__(self, table):
        self.table = table

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.table.note(report.nodeid, report.passed)


def pytest_sessionfinish(session, exitstatus):
    if session.config.getoption("--write-clients") and exitstatus == 0:
        session.config.stash[TABLE].write()


@pytest.fixture(scope="session")
def proxy(tmp_path_factory):
    """The `local` stack, deployed through infra/__main__.py and serving."""
    with serving("local", "up", "--state", tmp_path_factory.mktemp("state")) as facts:
        yield facts
    assert facts["process"].returncode == 0
