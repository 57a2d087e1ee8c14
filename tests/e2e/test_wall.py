"""The fault wall against the Worker in workerd, as a person runs it."""

import json
from pathlib import Path
from tempfile import gettempdir

import pytest
from edgewright_verify.probes.wall import MODES, ROWS

from .conftest import cli


def leftovers():
    return set(Path(gettempdir()).glob("edgewright-wall-*"))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """One run: the process, its JSON report, and what it left behind."""
    report, before = tmp_path_factory.mktemp("wall") / "wall.json", leftovers()
    done = cli("verify", "--wall", "--report", report, timeout=290)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done, json.loads(report.read_text()), leftovers() - before


def test_the_scorecard_is_complete(played):
    done, card, left = played
    assert {(cell["row"], cell["mode"]) for cell in card["cells"]} >= {(row, mode) for row in ROWS for mode in MODES}
    assert {cell["verdict"] for cell in card["cells"]} <= {"pass", "safe", "fail"}
    assert done.stdout.startswith("| fault ")
    assert card["seconds"] < 90
    assert left == set()


def test_no_cell_fails(played):
    done, card, _ = played
    assert [f"{c['row']}, {c['column']}: {c['reason']}" for c in card["cells"] if c["verdict"] == "fail"] == []
    assert done.returncode == 0
