"""Policy packs in the embedded engine: asked over Pulumi's own protocol, before anything is written."""

import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.engine.plan import Policies
from edgewright.engine.policy import LEVELS, checking
from edgewright.errors import EngineError
from edgewright.keys import new_client_key
from pulumi.runtime.proto import analyzer_pb2

ROOT = Path(__file__).parents[3]
PACK = ROOT / "policy"


@pytest.fixture
def stack(tmp_path, fake, monkeypatch):
    """The project's own stack file in a folder: ``stack("prod", key=value, policies=...)`` is an engine over it."""
    monkeypatch.delenv("EDGEWRIGHT_STATE", raising=False)
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("edgewright", "__pycache__"))
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)

    def engine(name="prod", settings=None, pack=PACK, **changes):
        config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
        keys = {key: new_client_key() for key in config["edgewright:auth"]["keys"]}
        values = {"account_id": "a" * 32, "client_keys": keys, "drill_secret": "d" * 32, **changes}
        config |= {f"edgewright:{key}": value for key, value in values.items()}
        (tmp_path / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
        given = ()
        if settings is not None:
            given = (tmp_path / "settings.json",)
            given[0].write_text(json.dumps(settings))
        return EmbeddedEngine(
            tmp_path, name, api=lambda: CloudflareApi(fake.url, "t" * 40), policies=Policies((pack,), given)
        )

    return engine


def refusal(engine):
    with pytest.raises(EngineError) as caught:
        engine.up()
    return str(caught.value)


def test_the_levels_are_pulumis():
    assert {name: getattr(analyzer_pb2, name.upper()) for name in LEVELS} == LEVELS


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_the_stacks_of_the_project_satisfy_the_pack(stack, name):
    result = stack(name, custom_domain=None, workers_dev=True).preview()
    assert result.changes >= 4
    assert result.advice == []


def test_every_violation_is_told_and_nothing_is_written(stack, fake):
    said = refusal(
        stack(
            auth={"mode": "none"},
            client_keys={},
            protect=False,
            cache={"enabled": True, "ttl_seconds": 31_536_000},
            observability={"enabled": False},
            routes=[{"pattern": "*.example.com/*", "zone": "example.com"}],
            custom_domain=None,
            deleted_objects=["Limiter"],
        )
    )
    assert fake.writes == []
    assert said.startswith("policy: 7 violations\n")
    for part in (
        "edge-version: auth.mode: 'none'",
        "edge-version: cache.ttl_seconds: 31536000",
        "edge-version: exports.Limiter",
        "edge-worker: observability.enabled",
        "edge-worker: protect",
        "edge-cache: protect",
        "edge-route-0: pattern: '*.example.com/*'",
        "[edgewright/no-wildcard-route]",
    ):
        assert part in said


def test_settings_allow_what_they_name(stack, fake):
    route = {"routes": [{"pattern": "*.example.com/*", "zone": "example.com"}], "custom_domain": None}
    assert "no-wildcard-route" in refusal(stack(**route))
    stack(settings={"no-wildcard-route": {"allowed": ["*.example.com/*"]}}, **route).up()
    assert any("/workers/routes/" in path for path in fake.items)


def test_a_level_in_the_settings_turns_a_refusal_into_advice_or_off(stack):
    off = {"custom_domain": None, "workers_dev": True, "observability": {"enabled": False}}
    for settings in ({"observability-on": "advisory"}, {"all": "advisory"}):
        (advice,) = stack(settings=settings, **off).preview().advice
        assert "observability.enabled" in advice
    assert stack(settings={"observability-on": {"enforcementLevel": "disabled"}}, **off).up().advice == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"no-such": {}}, "'no-such' is no policy of edgewright.\n  fix: one of auth-in-production"),
        ({"cache-ttl": {"max_secnds": 1}}, "'max_secnds' is no setting of it.\n  fix: one of enforcementLevel, max_"),
        ({"cache-ttl": "loud"}, "'loud' is no level.\n  fix: one of advisory"),
        ({"cache-ttl": {"max_seconds": "x"}}, "a policy pack failed: "),
        ([], "is no JSON object"),
    ],
)
def test_settings_that_do_not_fit_are_told(stack, fake, settings, said):
    assert said in refusal(stack(settings=settings, custom_domain=None, workers_dev=True))
    assert fake.writes == []


def test_a_folder_that_is_no_pack_and_a_pack_that_does_not_start(stack, tmp_path, capfd):
    assert "holds no policy pack" in refusal(stack(pack=tmp_path))
    (tmp_path / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (tmp_path / "__main__.py").write_text("raise SystemExit('no luck')\n")
    assert "did not start" in refusal(stack(pack=tmp_path))
    assert "no luck" in capfd.readouterr().err


FOREIGN = """
from pulumi_policy import PolicyPack, StackValidationPolicy
def look(args, report):
    report(f"{sum(r.resource_type.startswith('cloudflare:') for r in args.resources)} resources")
PolicyPack("foreign", [StackValidationPolicy("count", "Counts.", look)])
"""


def test_the_pack_of_somebody_else_may_judge_the_stack_as_a_whole(stack, tmp_path):
    pack = tmp_path / "foreign"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(FOREIGN)
    result = stack(pack=pack, custom_domain=None, workers_dev=True).preview()
    assert result.advice == ["stack: 4 resources [foreign/count]"]


def test_a_pack_ends_with_whoever_has_started_it():
    script = "import sys\nfrom pathlib import Path\nfrom edgewright.engine import policy\n"
    script += "from edgewright.engine.plan import Policies\nimport os, subprocess\n"
    script += "real = subprocess.Popen\n"
    script += "def popen(*a, **k):\n    p = real(*a, **k); print(p.pid, flush=True); return p\n"
    script += "policy.subprocess.Popen = popen\n"
    script += f"with policy.checking(Policies((Path({str(PACK)!r}),))): os.kill(os.getpid(), 9)\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    try:
        end = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return
    assert select.select([end], [], [], 30)[0], "the pack's process still runs"
    os.close(end)


def test_without_packs_nothing_is_started(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with checking(Policies()) as check:
        assert check.ended() == []
