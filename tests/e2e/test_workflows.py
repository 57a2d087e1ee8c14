"""The workflows for users and the action: linted, and their commands run exactly as written against the local cloud."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import typer.main
import yaml
from edgewright.cli.app import app
from edgewright.localcloud.account import ACCOUNT_ID

from .conftest import ROOT, cli, serving
from .workflow import Runner, filled, steps_of

WORKFLOWS = ROOT / "examples" / "github" / "workflows"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
COMMANDS = typer.main.get_command(app).commands


@pytest.fixture(scope="module")
def actionlint():
    """The linter: on the PATH, or built from Go's module proxy."""
    if found := shutil.which("actionlint"):
        return [found]
    if shutil.which("go") is None:
        pytest.skip("NOT RUN: neither actionlint nor go is on PATH, so no workflow was linted")
    command = ["go", "run", ACTIONLINT]
    done = subprocess.run([*command, "-version"], capture_output=True, text=True, timeout=500)
    if done.returncode:
        pytest.skip(f"NOT RUN: actionlint cannot be built, so no workflow was linted: {done.stderr[-300:]}")
    return command


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_is_lint_free(actionlint, path):
    done = subprocess.run([*actionlint, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_would_tell(actionlint, tmp_path):
    wrong = (WORKFLOWS / "deploy.yml").read_text().replace("needs: staging", "needs: stagging")
    (tmp_path / "wrong.yml").write_text(wrong)
    done = subprocess.run([*actionlint, tmp_path / "wrong.yml"], capture_output=True, text=True, timeout=120)
    assert "stagging" in done.stdout


def test_the_action_names_only_inputs_and_steps_that_it_has():
    """actionlint reads workflows only."""
    text = (ROOT / "action.yml").read_text()
    action = yaml.safe_load(text)
    ids = {step.get("id") for step in action["runs"]["steps"]}
    for expression in (part.split("}}")[0].strip() for part in text.split("${{")[1:]):
        kind, name, *_ = expression.split(".")
        assert name in {"inputs": action["inputs"], "steps": ids}.get(kind, {"temp", "action_path"}), expression
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a command is a way to inject one"


def test_no_command_of_a_workflow_holds_an_expression():
    for path in WORKFLOWS.glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")], path.name


def test_expressions_are_filled_as_the_runner_does():
    assert filled("${{ vars.X || '5m' }}", {}) == "5m"
    assert filled("a ${{ vars.X || '5m' }}${{ inputs.y }}", {"vars.X": 0.5}) == "a 0.5"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A folder with our wheel, which stands for PyPI."""
    folder = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(build, check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def offline(wheels, tmp_path_factory):
    """pip installs our wheel as the commands say; what it needs is this environment's, so that nothing is fetched."""
    needed = tmp_path_factory.mktemp("site")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "edgewright" not in entry.name:
            (needed / entry.name).symlink_to(entry)
    return {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads a variable of a negative option the other way round
        "PYTHONPATH": str(needed),
    }


@pytest.fixture
def runner(tmp_path, offline):
    made = []

    def start(workspace, **environment):
        made.append(Runner(workspace, tmp_path / "temp", environment={**offline, **environment}))
        return made[-1]

    yield start
    for one in made:
        one.end()


def known(step):
    """Skips loudly where a command is not part of this checkout yet."""
    for line in step["run"].splitlines():
        words = line.split()
        if words[:1] == ["edgewright"] and words[1] not in COMMANDS:
            pytest.skip(f"NOT RUN: there is no command `edgewright {words[1]}` here yet")
    return step


def play(runner, path, job):
    """All steps of a job; each has to succeed."""
    held = steps_of(path, job)
    for step in held["steps"]:
        done = runner.run(known(step), held["env"])
        assert done.returncode == 0, f"{step.get('name')}: {done.stdout}"


@pytest.fixture
def project(tmp_path):
    """What `init` makes, with the secrets that a real project has encrypted."""
    folder = tmp_path / "project"
    made = cli("init", folder, "--yes", "--account-id", ACCOUNT_ID)
    assert made.returncode == 0, made.stderr
    for stack in ("dev", "staging", "prod"):
        path = folder / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(path.read_text())
        names = document["config"]["edgewright:auth"]["keys"]
        keys = {name: f"sk-edge-{index:043d}" for index, name in enumerate(names)}
        document["config"] |= {"edgewright:client_keys": keys, "edgewright:drill_secret": "d" * 64}
        path.write_text(yaml.safe_dump(document))
    return folder


def test_a_pull_request_is_verified_on_the_local_cloud(runner, project):
    job = runner(project, EDGEWRIGHT_WORKERD=workerd())
    play(job, project / ".github/workflows/pull-request.yml", "verify")
    assert "All promises kept" in (job.temp / "GITHUB_STEP_SUMMARY").read_text()


def workerd():
    from edgewright.localcloud.runtime.workerd import find_workerd

    return str(find_workerd())


@pytest.fixture
def account(project):
    """The local cloud in the place of a real account, deployed to by the embedded engine as there is no CLI."""
    with serving("local", "cloud", cwd=project) as facts:
        yield {
            "CLOUDFLARE_BASE_URL": facts["api_url"],
            "CLOUDFLARE_API_TOKEN": facts["token"],
            "EDGEWRIGHT_ENGINE": "embedded",
        }


@pytest.mark.parametrize("job", ["staging", "prod"])
def test_a_push_to_main_is_deployed(runner, project, account, job):
    secrets = {"secrets.CLOUDFLARE_API_TOKEN": account["CLOUDFLARE_API_TOKEN"], "vars.EDGEWRIGHT_WATCH": "0"}
    if job == "prod":
        first = cli("up", "--stack", "prod", cwd=project, **account)
        assert first.returncode == 0, first.stderr
    machine = runner(project, **account)
    machine.values |= secrets
    play(machine, project / ".github/workflows/deploy.yml", job)


def test_each_night_prod_is_compared_and_verified(runner, project, account):
    first = cli("up", "--stack", "prod", cwd=project, **account)
    assert first.returncode == 0, first.stderr
    machine = runner(project, **account)
    machine.values |= {"secrets.CLOUDFLARE_API_TOKEN": account["CLOUDFLARE_API_TOKEN"]}
    play(machine, project / ".github/workflows/drift.yml", "drift")


@pytest.fixture
def action(runner, tmp_path, proxy):
    """The action as a step of somebody's job: ``action(input=...)`` runs it and returns code, log and runner."""

    def use(**inputs):
        machine = runner(tmp_path)
        machine.values |= {"github.action_path": ROOT, "inputs.url": proxy["url"], "inputs.key": proxy["key"]}
        machine.values |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        held = steps_of(ROOT / "action.yml")
        for step in held["steps"]:
            done = machine.run(step, held["env"])
            if done.returncode:
                break
        return done, machine

    return use


def test_the_action_verifies_by_url_and_key(action):
    done, machine = action(suites="streaming cache models")
    assert done.returncode == 0, done.stdout
    summary = (machine.temp / "GITHUB_STEP_SUMMARY").read_text()
    assert "All promises kept" in summary
    assert "| streaming |" in summary
    assert "| auth |" not in summary
    assert "::error" not in done.stdout
    for name in ("report", "junit"):
        assert Path(machine.output()[name]).stat().st_size > 0


def test_the_action_tells_a_wrong_key_in_an_annotation(action):
    done, machine = action(key="sk-edge-" + "x" * 43)
    assert done.returncode == 2
    assert "::error title=Could not run::" in done.stdout
    assert "Could not run" in (machine.temp / "GITHUB_STEP_SUMMARY").read_text()
