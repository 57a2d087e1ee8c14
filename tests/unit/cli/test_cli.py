"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from edgewright.cli.upstream import overrides
from edgewright.config import StackFile, from_values
from edgewright.errors import ConfigError
from edgewright.keys import LocalSecrets

ROOT = Path(__file__).parents[3]
EDGEWRIGHT = Path(sys.executable).with_name("edgewright")


def run(*arguments, cwd=ROOT, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDFLARE_", "EDGE_", "PULUMI_", "EDGEWRIGHT_"))}
    return subprocess.run(
        [EDGEWRIGHT, *map(str, arguments)],
        cwd=cwd,
        env={**kept, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state")


def test_render_writes_the_modules_and_prints_the_hash(tmp_path, state):
    done = run("render", "--output", tmp_path / "out", "--json", EDGEWRIGHT_STATE=state)
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(said["content_hash"]) == 64
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.js")} == {
        module["name"] for module in said["modules"]
    }
    table = run("render", EDGEWRIGHT_STATE=state)
    assert said["content_hash"] in table.stdout
    assert "entry.js" in table.stdout


def test_a_wrong_stack_file_is_exit_2_without_a_traceback(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"edgewright:cahce": {}}}))
    done = run("render", "--stack", "dev", cwd=tmp_path)
    assert done.returncode == 2
    assert "cahce: unknown key" in done.stderr
    assert "account_id: missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_stack_that_is_not_there_is_exit_2():
    done = run("render", "--stack", "nope")
    assert done.returncode == 2
    assert "local" in done.stderr


def test_a_real_stack_without_the_cli_says_how_to_get_it():
    done = run("preview", "--stack", "dev", PATH=str(EDGEWRIGHT.parent))
    assert done.returncode == 2
    assert "pulumi" in done.stderr
    assert "install" in done.stderr


def test_an_engine_that_does_not_exist():
    done = run("preview", "--engine", "terraform")
    assert done.returncode == 2
    assert "'terraform'" in done.stderr


def test_the_embedded_engine_refuses_a_real_account():
    done = run("preview", CLOUDFLARE_BASE_URL="https://api.example.com/client/v4", CLOUDFLARE_API_TOKEN="t" * 40)
    assert done.returncode == 2
    assert "local cloud only" in done.stderr


def test_verify_without_a_target():
    done = run("verify")
    assert done.returncode == 2
    assert "--url" in done.stderr


def test_doctor_names_the_command_that_mends():
    done = run("doctor", "--json", EDGEWRIGHT_WORKERD="/nowhere/workerd")
    assert done.returncode == 2
    workerd = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "workerd")
    assert not workerd["ok"]
    assert "edgewright local install" in workerd["fix"]


def test_help_needs_no_project(tmp_path):
    assert run("--help", cwd=tmp_path).returncode == 0
    assert run("keys", "new", cwd=tmp_path).stdout.startswith("sk-edge-")


def with_upstream(httpserver, *models, given=None, **changes):
    """The local stack, changed, with a server that lists ``models`` in the place of its own."""
    httpserver.expect_request("/v1/models", headers={"Authorization": "Bearer k"}).respond_with_json(
        {"data": [{"id": name} for name in models]}
    )
    values = {**StackFile.read(ROOT, "local").values, **changes}
    return values | overrides(httpserver.url_for(""), "k", given, values)


def test_an_upstream_is_asked_for_its_models(httpserver):
    made = with_upstream(httpserver, "a", "large")
    assert set(made["models"]) == {"a", "small", "large", "trial"}
    assert made["upstreams"]["upstream"]["base_url"].endswith("/v1")
    assert {name: model["targets"][0]["model"] for name, model in made["models"].items()} == {
        "a": "a",
        "small": "a",
        "large": "large",
        "trial": "a",
    }


def test_an_upstream_that_lists_nothing_needs_a_model(httpserver):
    with pytest.raises(ConfigError, match="--upstream-model"):
        overrides(httpserver.url_for("/x"), None, None, {})
    assert overrides(httpserver.url_for("/x"), None, "m", {})["default_model"] == "m"


def test_whatever_names_a_model_of_the_stack_holds_before_an_upstream(httpserver, tmp_path):
    price = {"input": 1.0, "output": 2.0}
    models = {
        "quick": {
            "targets": [{"upstream": "workers-ai", "model": "@cf/meta/llama-3.2-3b-instruct"}],
            "aliases": ["gpt-4o", "q"],
        },
        "embed": {"targets": [{"upstream": "workers-ai", "model": "@cf/baai/bge-m3", "price": price}]},
        "own": {"targets": [{"upstream": "workers-ai", "model": "x", "price": price}]},
    }
    money = {"per": "key", "of": "usd", "at_most": 5, "window_seconds": 60}
    made = with_upstream(
        httpserver,
        "gpt-4o",
        models=models,
        default_model="q",
        agents={"default": {"model": "quick"}},
        protocols={"copilotkit": True, "embeddings": True},
        auth={"keys": {"app": {"tenant": "t", "models": ["quick"]}}},
        limits={"max_output_tokens": 9, "rules": [{**money, "name": "a", "models": ["own"]}, {**money, "name": "b"}]},
        sessions={"enabled": True, "max_context_tokens": 4_000, "summary": {"model": "quick"}},
        alerts={"url": "https://x.example", "budgets": [{"name": "m", "thresholds": [1.0], "models": ["embed"]}]},
    )
    config = from_values(made, source="x", secrets=LocalSecrets(tmp_path))
    assert {target.model for model in config.models.values() for target in model.targets} == {"gpt-4o"}
    assert config.models["quick"].aliases == ["q"]  # the server has a `gpt-4o` of its own
    assert config.models["own"].targets[0].price.output == 2.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--url", "http://127.0.0.1:9"], "--url and --upstream go together"),
        (["--upstream", "http://127.0.0.1:9"], "--url and --upstream go together"),
        (["--stack", "dev"], "--stack does not go with it"),
        (["--suite", "cache"], "--suite does not go with it"),
        (["--report", "no/such/folder/wall.json"], "its folder does not exist"),
    ],
)
def test_what_does_not_go_with_the_wall_is_exit_2(options, said):
    done = run("verify", "--wall", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wall_before_nobody_could_not_run():
    done = run("verify", "--wall", "--url", "http://127.0.0.1:9", "--upstream", "http://127.0.0.1:9", "--json")
    assert done.returncode == 2
    assert "cannot be reached" in json.loads(done.stdout)["problem"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--steps", "a"),
        ("--steps", "10,5"),
        ("--steps", "0,100"),
        ("--steps", "50,150"),
        ("--steps", "nan"),
        ("--watch", "5"),
        ("--watch", "-1m"),
    ],
)
def test_a_rollout_that_is_asked_for_wrongly_is_exit_2_before_anything(option, value, state):
    done = run("rollout", f"{option}={value}", EDGEWRIGHT_STATE=state)
    assert done.returncode == 2
    assert f"{option}: " in done.stderr
    assert "fix: write e.g." in done.stderr


def test_a_rollout_of_nothing_says_what_to_do_first(state):
    for command in ("rollout", "rollback", "versions"):
        done = run(command, EDGEWRIGHT_STATE=state)
        assert done.returncode == 2
        assert "fix: edgewright up --stack local" in done.stderr
