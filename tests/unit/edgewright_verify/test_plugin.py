"""The plugin in other people's pytest runs: idle unless asked, and usable without the runner."""

import os
import subprocess
import sys

import pytest
from stub_proxy import KEY, StubProxy
from stub_server import StubServer

MODELS = "edgewright_verify.suite.test_models"


@pytest.fixture
def run_pytest(tmp_path):
    """``run_pytest(*arguments, **environment)`` in an empty folder with one test of the user's own."""
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    assert True\n")

    def _run(*arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_")}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=clean | environment, capture_output=True, text=True)

    return _run


def test_loading_it_imports_nothing_heavy():
    code = "import sys, pytest; before = set(sys.modules); import edgewright_verify.plugin; "
    code += "print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in eval(done.stdout)}
    assert loaded <= {"edgewright_verify"}, loaded


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9", "nonsense"])
def test_it_leaves_other_tests_alone(run_pytest, url):
    done = run_pytest("-q", "--strict-markers", **({"EDGE_URL": url} if url else {}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "edge" not in done.stdout


def test_the_suites_run_in_any_pytest(run_pytest):
    with StubServer(StubProxy()) as server:
        done = run_pytest("-q", "-W", "error", "--pyargs", MODELS, "--edge-url", server.url, EDGE_API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_a_failure_shows_its_evidence_and_no_secret(run_pytest):
    with StubServer(StubProxy("odd_list", "echoes_key")) as server:
        done = run_pytest("-l", "--pyargs", MODELS, "--edge-url", server.url, "--edge-key", KEY)
    assert done.returncode == 1
    assert "promise broken: The models are listed as OpenAI lists them" in done.stdout
    assert "curl -sS" in done.stdout
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(("url", "said"), [(None, "give --edge-url"), ("nonsense", "is no http(s) address")])
def test_a_suite_without_a_target_says_what_is_missing(run_pytest, url, said):
    done = run_pytest("--pyargs", MODELS, **({"EDGE_URL": url} if url else {}))
    assert done.returncode == 1
    assert said in done.stdout


def test_a_test_of_the_users_own_is_recorded_too(run_pytest, tmp_path):
    (tmp_path / "test_mine.py").write_text(
        'def test_up(edge_target):\n    """It is up."""\n    assert edge_target.model\n'
    )
    with StubServer(StubProxy()) as server:
        done = run_pytest("--edge-url", server.url, "--edge-json", "report.json", EDGE_API_KEY=KEY)
    assert done.returncode == 0, done.stdout
    assert '"promise": "It is up."' in (tmp_path / "report.json").read_text()


def test_a_report_can_be_handed_from_process_to_process(run_pytest, tmp_path):
    (tmp_path / "handing.py").write_text(
        "import json\n"
        "def pytest_runtest_logreport(report):\n"
        "    print(json.dumps(report._to_json()))  # what pytest-xdist does with each report\n"
    )
    with StubServer(StubProxy("odd_list")) as server:
        done = run_pytest("-s", "-p", "handing", "--pyargs", MODELS, "--edge-url", server.url, EDGE_API_KEY=KEY)
    assert done.returncode == 1, done.stdout + done.stderr
    assert '"expected": ' in done.stdout


def test_help_names_the_options_and_their_variables(run_pytest):
    text = run_pytest("--help").stdout
    for word in ("--edge-url", "EDGE_API_KEY", "EDGE_DRILL_SECRET", "EDGE_MODEL", "--edge-json"):
        assert word in text
