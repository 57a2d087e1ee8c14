"""The policy pack over the command line: with the embedded engine, and with the real pulumi CLI."""

import json
import shutil

import pytest

from .conftest import ROOT, cli
from .test_deploy import change, control
from .test_deploy import cloud as cloud
from .test_deploy import project as project
from .test_pulumi_cli import pulumi as pulumi

OFF = {"enabled": False}


def test_a_stack_that_breaks_a_rule_is_refused_and_the_account_stays_empty(project, cloud):
    change(project, observability=OFF)
    for command in ("preview", "up"):
        done = cli(command, "--policy-pack", ROOT / "policy", cwd=project)
        assert done.returncode == 2
        assert "policy: 1 violation\n  - edge-worker: observability.enabled" in done.stderr
        assert "Traceback" not in done.stderr
    assert not control(cloud, "GET", "state")["workers"]


@pytest.mark.usefixtures("cloud")
def test_a_sound_stack_is_deployed_and_advice_is_told(project, tmp_path):
    done = cli("up", "--policy-pack", ROOT / "policy", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["advice"] == []
    change(project, observability=OFF)
    settings = tmp_path / "settings.json"
    settings.write_text('{"observability-on": "advisory"}')
    done = cli("up", "--policy-pack", ROOT / "policy", "--policy-pack-config", settings, cwd=project)
    assert done.returncode == 0, done.stderr
    assert "policy: edge-worker: observability.enabled" in done.stderr


@pytest.mark.pulumi_cli
@pytest.mark.skipif(
    shutil.which("pulumi") is None, reason="NOT RUN: the pulumi CLI is not on PATH, so nothing here was checked"
)
def test_the_pulumi_cli_runs_the_same_pack(pulumi):
    shutil.copytree(ROOT / "policy", pulumi.project / "policy")
    pulumi("preview", "--policy-pack", "policy")
    change(pulumi.project, observability=OFF)
    with pytest.raises(AssertionError, match=r"observability\.enabled"):
        pulumi("preview", "--policy-pack", "policy")
