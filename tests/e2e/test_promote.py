"""From staging to prod on the local cloud: what is live and verified in one stack is released to the other."""

import json

import pytest
import yaml
from edgewright.keys import new_client_key

from .inside import local_cloud, run, said
from .test_deploy import copied

EMBEDDED = ("--engine", "embedded")
QUICK = ("--watch", "0", "--steps", "50,100")


@pytest.fixture
def project(tmp_path):
    return copied(tmp_path)


def write(project, stack, **values):
    """A stack file: that of `local`, for another environment, with these keys."""
    document = yaml.safe_load((project / "Pulumi.local.yaml").read_text())
    path = project / f"Pulumi.{stack}.yaml"
    if path.exists():
        document = yaml.safe_load(path.read_text())
    else:
        key = f"of-{stack}"
        own = {
            "environment": stack,
            "workers_dev": True,
            "usage": {"enabled": True},
            "sessions": {"enabled": False},
            "auth": {"keys": {key: {"tenant": key}}},
            "client_keys": {key: new_client_key()},
        }
        document["config"].update({f"edgewright:{name}": value for name, value in own.items()})
    document["config"].update({f"edgewright:{key}": value for key, value in values.items()})
    path.write_text(yaml.safe_dump(document))


@pytest.fixture
def stacks(project):
    """Both are deployed; staging has drills and prod has not."""
    write(project, "staging", verification={"drills": True}, drill_secret="5" * 64)
    write(project, "prod", verification={})
    with local_cloud():
        for stack in ("staging", "prod"):
            run(project, "up", "--stack", stack, *EMBEDDED)
        yield


def promote(project, *options, expect=0):
    return run(project, "promote", "staging", "prod", *EMBEDDED, *options, expect=expect)


def verify(project, *options):
    said(project, "verify", "--stack", "staging", *EMBEDDED, *options)


def outputs(project, stack):
    return run(project, "outputs", "--stack", stack, *EMBEDDED)


@pytest.mark.usefixtures("stacks")
def test_only_what_staging_has_live_and_verified_comes_to_prod(project):
    assert "there is no evidence of a verification" in promote(project, expect=2)
    verify(project, "--suite", "models", "--evidence")
    assert "these suites were not run" in promote(project, expect=2)
    before = outputs(project, "prod")
    for stack in ("staging", "prod"):
        write(project, stack, timeouts={"connect_ms": 9_000})
    assert "this checkout renders" in promote(project, expect=2)
    run(project, "up", "--stack", "staging", *EMBEDDED)
    assert "is live. Fix: edgewright verify --stack staging" in promote(project, expect=2)
    verify(project, "--evidence")
    found = {each["key"]: each for each in promote(project, "--check")["differences"]}
    assert (found["environment"]["staging"], found["environment"]["prod"]) == ("staging", "prod")
    assert not any("sk-edge" in json.dumps(each) for each in found.values())

    # The same evidence from elsewhere, and what is none.
    [signed] = (project / ".edgewright").rglob("staging/evidence.json")
    handed = project / "evidence.json"
    handed.write_text(signed.read_text())
    assert promote(project, "--check", "--evidence", handed)["promotable"]
    handed.write_text("[")
    assert "is not JSON" in promote(project, "--check", "--evidence", handed, expect=2)
    assert outputs(project, "prod") == before

    ended = promote(project, *QUICK)
    assert ended["outcome"] == "done"
    after = outputs(project, "prod")
    assert (after["version_id"], after["content_hash"] != before["content_hash"]) == (ended["version"], True)
    assert run(project, "preview", "--stack", "prod", *EMBEDDED)["changes"] == 0


def test_a_stack_is_not_promoted_to_itself(project):
    assert "'prod' is both stacks" in run(project, "promote", "prod", "prod", expect=2)
