"""From staging to prod on the local cloud: what is live and verified in one stack is released to the other."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from edgewright.keys import new_client_key

from .conftest import cli
from .test_deploy import cloud, project, run  # noqa: F401 - fixtures

EMBEDDED = ("--engine", "embedded")
QUICK = ("--watch", "0", "--steps", "50,100")


def write(project, stack, **values):  # noqa: F811
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
def stacks(project, cloud):  # noqa: F811
    """Both are deployed; staging has drills and prod has not."""
    write(project, "staging", verification={"drills": True}, drill_secret="5" * 64)
    write(project, "prod", verification={})
    for stack in ("staging", "prod"):
        run(project, "up", "--stack", stack, *EMBEDDED)
    return cloud


def promote(project, *options, expect=0):  # noqa: F811
    done = cli("promote", "staging", "prod", *EMBEDDED, *options, "--json", cwd=project, timeout=400)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stderr if expect == 2 else json.loads(done.stdout.splitlines()[-1])


def verify(project, *options):  # noqa: F811
    done = cli("verify", "--stack", "staging", *EMBEDDED, *options, cwd=project, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr


def outputs(project, stack):  # noqa: F811
    return run(project, "outputs", "--stack", stack, *EMBEDDED)


def test_only_what_staging_has_live_and_verified_comes_to_prod(project, stacks):  # noqa: F811
    del stacks
    assert "staging: there is no evidence of a verification" in promote(project, expect=2)
    verify(project, "--suite", "models")
    assert "there is no evidence" in promote(project, expect=2), "a part is no evidence of the whole"
    verify(project)
    found = {each["key"]: each for each in promote(project, "--check")["differences"]}
    assert (found["environment"]["staging"], found["environment"]["prod"]) == ("staging", "prod")
    assert not any("sk-edge" in json.dumps(each) for each in found.values())
    before = outputs(project, "prod")

    # Another content: verified anew, deployed in staging, and only then it may go.
    for stack in ("staging", "prod"):
        write(project, stack, timeouts={"connect_ms": 9_000})
    assert "this checkout renders" in promote(project, expect=2)
    run(project, "up", "--stack", "staging", *EMBEDDED)
    assert "its last verification met the content" in promote(project, expect=2)
    assert outputs(project, "prod") == before
    verify(project, "--report", project / "report.json")
    ended = promote(project, *QUICK)
    assert ended["outcome"] == "done"
    after = outputs(project, "prod")
    assert (after["version_id"], after["content_hash"] != before["content_hash"]) == (ended["version"], True)
    assert run(project, "preview", "--stack", "prod", *EMBEDDED)["changes"] == 0
    assert promote(project, *QUICK)["outcome"] == "unchanged"

    # The same report, from another machine, and one that is too old.
    assert promote(project, "--check", "--evidence", project / "report.json")["promotable"]
    report = json.loads((project / "report.json").read_text())
    report["started"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    (project / "report.json").write_text(json.dumps(report))
    assert "25 hours old" in promote(project, "--evidence", project / "report.json", expect=2)
    (project / "report.json").write_text("{}")
    assert "is no report of the harness" in promote(project, "--evidence", project / "report.json", expect=2)


def test_a_stack_is_not_promoted_to_itself(project):  # noqa: F811
    done = cli("promote", "prod", "prod", cwd=project)
    assert (done.returncode, "'prod' is both stacks" in done.stderr) == (2, True)
