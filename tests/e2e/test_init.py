"""A project made in an empty folder, deployed to the local cloud at once; and what a token lacks."""

import json
import os
import pty
import shlex
import subprocess

import httpx
import pytest
import yaml
from edgewright.localcloud.account import ACCOUNT_ID, ZONE_NAME

from .conftest import EDGEWRIGHT, clean_environment, cli, serving
from .test_deploy import chat, control, outputs, run

ENOUGH = ["Workers Scripts Write", "Workers KV Storage Write", "Zone Read", "Workers Routes Write"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A local cloud in the place of Cloudflare, in nobody's project."""
    with serving("local", "cloud", EDGEWRIGHT_STATE=str(tmp_path_factory.mktemp("state"))) as facts:
        yield facts


@pytest.fixture
def account(cloud):
    """The environment of somebody who has a token; it may do everything."""
    allow(cloud, None)
    return {"CLOUDFLARE_BASE_URL": cloud["api_url"], "CLOUDFLARE_API_TOKEN": cloud["token"]}


def allow(cloud, permissions):
    control(cloud, "POST", "token", json={"permissions": permissions})


def config(folder, stack):
    held = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("edgewright:"): value for key, value in held.items()}


def test_an_empty_folder_becomes_a_project_that_is_deployed_and_verified_at_once(tmp_path):
    made = run(tmp_path, "init", "--yes", "--account-id", "0a" * 16, "--model", "tiny=@cf/meta/llama-3.2-1b-instruct")
    assert "Pulumi.prod.yaml" in made["files"]
    with serving("local", "cloud", cwd=tmp_path):
        up = cli("up", "--policy-pack", "policy", cwd=tmp_path)
        assert up.returncode == 0, up.stderr
        answer = chat(outputs(tmp_path), model="tiny")
        assert answer.status_code == 200
        assert answer.headers["x-edge-target"].endswith("@cf/meta/llama-3.2-1b-instruct")
        shown = cli("outputs", "--show-secrets", cwd=tmp_path)
        kept = tmp_path / ".edgewright/stacks/local/secrets.json"
        assert f"client_keys in {kept}" in shown.stderr
        assert set(json.loads(kept.read_text())["client_keys"]) == {"demo", "guest"}
        verified = cli("verify", "--stack", "local", "--suite", "streaming", "--suite", "limits", cwd=tmp_path)
        assert verified.returncode == 0, verified.stdout


def test_each_command_that_init_tells_runs(tmp_path):
    said = cli("init", "new", "--yes", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    folder, (up, verify) = told(said.stdout)
    with serving(*up, cwd=tmp_path / folder):
        verified = cli(*verify, "--suite", "streaming", cwd=tmp_path / folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def told(text):
    """The folder that ``init`` says to go to, and the arguments of each command after it."""
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if line.startswith("  ")]
    assert [line[0] for line in lines] == ["cd", "edgewright", "edgewright"]
    return lines[0][1], [line[1:] for line in lines[1:]]


def test_without_an_account_only_the_local_stack_deploys(tmp_path, account):
    del account["CLOUDFLARE_API_TOKEN"]
    said = cli("init", "--yes", cwd=tmp_path)
    assert "edgewright:account_id into Pulumi.dev.yaml, Pulumi.staging.yaml and Pulumi.prod.yaml" in said.stdout
    assert "account's id as `edgewright:account_id`" in (tmp_path / "README.md").read_text()
    for stack in ("dev", "staging", "prod"):
        refused = cli("up", "--stack", stack, "--engine", "embedded", cwd=tmp_path, **account)
        assert refused.returncode == 2
        assert (
            'account_id: "<your account id>" is refused. Fix: copy it from the Cloudflare dashboard' in refused.stderr
        )
    assert cli("render", cwd=tmp_path).returncode == 0


def test_the_other_stacks_deploy_once_their_secrets_are_set(tmp_path, account):
    run(tmp_path, "init", "--yes", "--account-id", ACCOUNT_ID, "--zone", ZONE_NAME)
    secrets = {f"EDGEWRIGHT_CLIENT_KEY_{name}": f"sk-edge-{name.lower():0>43}" for name in ("CI", "APP")}
    secrets["EDGEWRIGHT_DRILL_SECRET"] = "d" * 64
    for stack in ("dev", "staging", "prod"):
        up = cli("up", "--stack", stack, "--engine", "embedded", cwd=tmp_path, **account, **secrets)
        assert up.returncode == 0, up.stderr
    domains = httpx.get(
        f"{account['CLOUDFLARE_BASE_URL']}/accounts/{ACCOUNT_ID}/workers/domains",
        headers={"Authorization": f"Bearer {account['CLOUDFLARE_API_TOKEN']}"},
    ).json()["result"]
    assert [domain["hostname"] for domain in domains] == [f"ai.{ZONE_NAME}"]
    refused = cli("destroy", "--stack", "prod", "--yes", "--engine", "embedded", cwd=tmp_path, **account, **secrets)
    assert refused.returncode == 2
    assert "protected" in refused.stderr


def test_the_account_comes_from_the_token_and_the_answers_go_into_the_files(tmp_path, account):
    folder = tmp_path / "new"
    made = cli("init", folder, "--yes", "--name", "shop", "--zone", "example.com", **account)
    assert made.returncode == 0, made.stderr
    assert config(folder, "dev")["account_id"] == ACCOUNT_ID
    assert config(folder, "prod")["custom_domain"] == {"hostname": "ai.example.com", "zone": "example.com"}
    assert {config(folder, stack)["name"] for stack in ("local", "dev", "staging", "prod")} == {"shop"}
    assert account["CLOUDFLARE_API_TOKEN"] not in "".join(p.read_text() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("account_id", ["0a" * 16, ""])
def test_a_person_is_asked(tmp_path, account_id):
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [EDGEWRIGHT, "init"],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(end)
    answers = [account_id, "desk", "example.com", "chat.example.com", "", "big=@cf/openai/gpt-oss-120b"]
    os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
    said, asked = process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 0, asked
    assert config(tmp_path, "dev")["account_id"] == (account_id or "<your account id>")
    assert "14 files" in said
    assert "Cloudflare account id" in asked
    assert config(tmp_path, "prod")["custom_domain"]["hostname"] == "chat.example.com"
    assert set(config(tmp_path, "dev")["models"]) == {"small", "big"}
    assert config(tmp_path, "dev")["name"] == "desk"


def test_nothing_is_overwritten_and_mistakes_are_told_before_anything_is_written(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    for arguments, said in (
        (("--account-id", "0a" * 16), "README.md is there already"),
        (("--account-id", "nonsense"), 'account_id: "nonsense" is refused'),
        (("--account-id", "0a" * 16, "--model", "small"), "--model: 'small' names no model"),
        (("--account-id", "0a" * 16, "--name", "Not A Name"), 'name: "Not A Name" is refused'),
    ):
        done = cli("init", "--yes", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr
        assert "fix: " in done.stderr.lower()
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def missing(done):
    return [row["permission"] for row in json.loads(done.stdout)["permissions"] if row["outcome"] == "missing"]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("Workers Scripts Write", "Account, Workers Scripts, Edit"),
        ("Workers KV Storage Write", "Account, Workers KV Storage, Edit"),
        ("Workers Routes Write", "Zone, Workers Routes, Edit"),
        ("Zone Read", "Zone, Zone, Read"),
    ],
)
def test_a_missing_permission_is_named(cloud, account, left_out, said):
    allow(cloud, [*(name for name in ENOUGH if name != left_out), "Workers AI Read", "Account Analytics Read"])
    done = cli("token", "--zone", ZONE_NAME, "--json", **account)
    assert done.returncode == 2
    assert missing(done) == [said]


def test_what_only_some_features_want_is_told_and_is_no_failure(cloud, account):
    allow(cloud, ENOUGH)
    done = cli("token", "--zone", ZONE_NAME, "--json", **account)
    assert done.returncode == 0, done.stderr
    assert missing(done) == ["Account, Account Analytics, Read", "Account, Workers AI, Read"]
    shown = cli("token", **account)
    assert "✓ Account, Workers Scripts, Edit" in shown.stdout
    assert "✗ Account, Workers AI, Read" in shown.stdout
    assert "403, 10000: Authentication error" in shown.stdout
    assert "Zone" not in shown.stdout


def test_init_tells_what_the_token_lacks_and_which_model_is_unknown(cloud, account, tmp_path):
    allow(cloud, ["Workers Scripts Write", "Workers AI Read"])
    done = cli("init", tmp_path / "new", "--yes", "--model", "x=@cf/no/such-model", **account)
    assert done.returncode == 0, done.stderr
    assert "✗ Account, Workers KV Storage, Edit" in done.stdout
    assert "Workers AI does not list @cf/no/such-model" in done.stderr


def test_a_token_that_is_not_accepted_is_told(account, tmp_path):
    wrong = {**account, "CLOUDFLARE_API_TOKEN": "w" * 40}
    for command in (("token",), ("init", "--yes", "--account-id", ACCOUNT_ID)):
        done = cli(*command, cwd=tmp_path, **wrong)
        assert done.returncode == 2
        assert "1000: Invalid API Token" in done.stderr
        assert "w" * 40 not in done.stderr
    assert "CLOUDFLARE_API_TOKEN is not set" in cli("token").stderr
