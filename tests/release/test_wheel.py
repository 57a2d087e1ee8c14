"""The wheel: what is in it, and that it works in an empty folder without the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(build, check=True, timeout=300)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A folder with nothing but the unpacked wheel; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed, folder, *arguments, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDFLARE_", "EDGE_", "EDGEWRIGHT_", "PULUMI_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(installed), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for wanted in (
        "edgewright/_assets/worker_src/app.js",
        "edgewright/_assets/templates/entry.js.j2",
        "edgewright/_assets/infra/__main__.py",
        "edgewright/_assets/Pulumi.local.yaml",
        "edgewright/localcloud/runtime/npm/package-lock.json",
        "edgewright/py.typed",
        "edgewright_verify/plugin.py",
        "edgewright_verify/suite/test_streaming.py",
        "edgewright_verify/suite/test_wall.py",
        "edgewright_verify/upstream/__main__.py",
        "edgewright_policy/rules.py",
        "edgewright/_assets/policy/PulumiPolicy.yaml",
    ):
        assert wanted in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "edgewright",
        "edgewright_policy",
        "edgewright_verify",
    }
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_packages_come_from_the_wheel(installed, tmp_path):
    done = run(installed, tmp_path, "-c", "import edgewright, edgewright_verify; print(edgewright.__file__)")
    assert done.stdout.startswith(str(installed)), done.stderr


def test_it_renders_in_an_empty_folder(installed, tmp_path):
    done = run(installed, tmp_path, "-m", "edgewright.cli", "render", "--json", EDGEWRIGHT_STATE=str(tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["content_hash"]) == 64


def test_a_project_made_in_an_empty_folder_is_deployed_at_once(installed, tmp_path):
    made = run(installed, tmp_path, "-m", "edgewright.cli", "init", "--yes", "--account-id", "0a" * 16)
    assert made.returncode == 0, made.stderr
    environment = {**os.environ, "PYTHONPATH": str(installed), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "edgewright.cli", "local", "cloud", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as cloud:
        try:
            assert json.loads(cloud.stdout.readline())["url"]
            done = run(installed, tmp_path, "-m", "edgewright.cli", "up", "--policy-pack", "policy", "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["changes"] >= 4
        finally:
            cloud.terminate()


def test_the_whole_tour_runs_from_the_wheel(installed, tmp_path):
    done = run(installed, tmp_path, "-m", "edgewright.cli", "local", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
