"""The unmodified pulumi CLI with the real Cloudflare provider against the local cloud."""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from edgewright.keys import new_client_key
from edgewright.localcloud.account import ACCOUNT_ID

from .conftest import ROOT, clean_environment, serving
from .test_deploy import change

pytestmark = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(
        shutil.which("pulumi") is None, reason="NOT RUN: the pulumi CLI is not on PATH, so nothing here was checked"
    ),
]


@pytest.fixture
def pulumi(tmp_path):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "infra", project / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("worker_src", "templates"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, project)
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    with serving("local", "cloud", cwd=project) as cloud:
        environment = clean_environment(
            PULUMI_BACKEND_URL=f"file://{tmp_path}",
            PULUMI_CONFIG_PASSPHRASE="test",
            CLOUDFLARE_BASE_URL=cloud["api_url"],
            CLOUDFLARE_API_TOKEN=cloud["token"],
        )

        def run(*arguments):
            command = ["pulumi", *arguments, "--stack", "local", "--non-interactive"]
            done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        subprocess.run(["pulumi", "stack", "init", "local"], cwd=project, env=environment, check=True, timeout=60)
        run.project, run.cloud, run.environment = project, cloud, environment
        yield run


def test_up_no_changes_update_refresh_destroy(pulumi):
    pulumi("up", "--yes", "--skip-preview")
    pulumi("preview", "--expect-no-changes")
    key = pulumi("stack", "output", "verify_key", "--show-secrets").strip()
    url = pulumi("stack", "output", "url").strip()
    asked = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/v1/chat/completions", json=asked, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200
    change(pulumi.project, timeouts={"connect_ms": 9_000})
    pulumi("up", "--yes", "--skip-preview")
    pulumi("refresh", "--yes", "--expect-no-changes")
    pulumi("preview", "--expect-no-changes")
    pulumi("destroy", "--yes", "--skip-preview")


def test_a_program_in_yaml_deploys_the_component(pulumi, tmp_path):
    """`pulumi package add` of this checkout, and the example as it stands."""
    project = tmp_path / "yaml"
    project.mkdir()
    text = (ROOT / "examples" / "yaml" / "Pulumi.yaml").read_text()
    (project / "Pulumi.yaml").write_text("".join(line for line in text.splitlines(True) if "../.." not in line))

    def run(*arguments):
        command = ["pulumi", *arguments, "--non-interactive"]
        done = subprocess.run(command, cwd=project, env=pulumi.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    key = new_client_key()
    run("stack", "init", "dev")
    run("package", "add", str(ROOT))
    run("config", "set", "accountId", ACCOUNT_ID)
    run("config", "set", "--secret", "clientKey", key)
    run("up", "--yes", "--skip-preview")
    run("preview", "--expect-no-changes")
    asked = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(
        f"{run('stack', 'output', 'url').strip()}/v1/chat/completions",
        json=asked,
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=30,
    )
    assert answer.status_code == 200
    run("destroy", "--yes", "--skip-preview")


def test_the_cli_reads_the_schema_and_makes_an_sdk(pulumi, tmp_path):
    """For TypeScript: what `pulumi package add` of the example's folder makes."""
    command = ["pulumi", "package", "gen-sdk", str(ROOT), "--language", "nodejs", "--out", str(tmp_path / "sdk")]
    done = subprocess.run(command, env=pulumi.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "class EdgeProxy" in (tmp_path / "sdk" / "nodejs" / "edgeProxy.ts").read_text()
