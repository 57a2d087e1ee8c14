"""Each move of a rollout, in this process: cut at any call, undone, overtaken, and what is live after it."""

import shutil

import httpx
import pytest
from edgewright import assets
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.errors import ApiError, EdgewrightError, RolloutError
from edgewright.lifecycle.journal import under_way
from edgewright.lifecycle.rollback import roll_back
from edgewright.lifecycle.rollout import Checked, Outcome, Rollout
from edgewright.lifecycle.script import Script
from edgewright.lifecycle.watch import Watch
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from edgewright.usage import from_dataset

from .conftest import ROOT
from .stage import KEY
from .test_rollout import traffic


class Cut(EdgewrightError):
    """Where a test ends a tool, as SIGKILL does: nothing that a rollout does behind it catches this."""


class CutApi(CloudflareApi):
    """Ends the tool before or after its n-th call that changes something."""

    def call(self, method, path, body=None, params=None):
        changes = method != "GET"
        self.count = getattr(self, "count", 0) + changes
        if changes and self.count == self.cut_before:
            raise Cut("cut")
        found = super().call(method, path, body, params)
        if changes and self.count == self.cut_after:
            raise Cut("cut")
        return found

    cut_before = cut_after = None


BASE = {
    "upstreams": {"ai": {"type": "workers-ai"}},
    "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/meta/llama-3.1-8b-instruct-fp8-fast"}]}},
    "default_model": "small",
    "limits": {},
    "sessions": {},
    "cache": {"enabled": True},
    "usage": {"enabled": True},
    "auth": {"keys": {"demo": {"tenant": "demo"}}},
    "client_keys": {"demo": KEY},
}


class Bench:
    """A local cloud with a small stack on it, and rollouts in this process; verification is what ``verify`` says."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.api = CutApi(cloud.api_url, cloud.token)
        self.script = Script(CloudflareApi(cloud.api_url, cloud.token), cloud.account_id, "edge-proxy-local")
        self.said, self.verified = [], []
        self.verdict = Checked("kept")

    def engine(self, **changes):
        return EmbeddedEngine(ROOT, "local", api=lambda: self.api, overrides={**BASE, **changes})

    def up(self, **changes):
        self.engine(**changes).up()
        return self.script.live().whole

    def verify(self, version):
        self.verified.append(version)
        return self.verdict

    def rollout(self, watch=None, steps=(10, 50, 100), **changes):
        script = Script(self.api, self.cloud.account_id, "edge-proxy-local")
        return Rollout(self.engine(**changes), script, self.verify, watch, steps, self.said.append).run()

    def http(self):
        headers = {"authorization": f"Bearer {KEY}", "cache-control": "no-store"}
        return httpx.Client(base_url=self.cloud.url, headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def running():
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def bench(running, tmp_path, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    running.reset()
    return Bench(running)


RELEASE = {"timeouts": {"connect_ms": 9_000}}
# Calls of this release that change something: version, 0 %, 10 %, 50 %, and the program's own 100 %.
WRITES = 5


def test_the_calls_of_a_release_are_these(bench):
    old = bench.up()
    bench.api.count = 0
    ended = bench.rollout(**RELEASE)
    assert ended.ended == "done"
    assert bench.api.count == WRITES
    assert bench.verified == [ended.version]
    steps = [deployment.shares for deployment in bench.script.deployments()][::-1]
    new = ended.version
    assert steps == [{old: 100}, {old: 100, new: 0}, {old: 90, new: 10}, {old: 50, new: 50}, {new: 100}]


@pytest.mark.parametrize("where", ["cut_before", "cut_after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_tool_that_is_cut_at_any_call_goes_on_at_the_next(bench, where, number):
    old = bench.up()
    bench.api.count = 0
    setattr(bench.api, where, number)
    with pytest.raises(Cut):
        bench.rollout(**RELEASE)
    setattr(bench.api, where, None)
    now = bench.script.live()
    if number > 1 + (where == "cut_before") and now.whole is None:
        assert under_way(now).old == old
    assert sum(now.shares.values()) == 100
    ended = bench.rollout(**RELEASE)
    assert ended.exit_code == 0
    assert bench.script.live().shares == {ended.version: 100}
    assert ended.version != old
    assert bench.engine(**RELEASE).preview().changes == 0
    assert ended.version in bench.verified


def test_a_tool_that_is_cut_while_it_takes_back_takes_back_at_the_next(bench):
    old = bench.up()
    bench.verdict = Checked("broken", "no stream")
    for where in ("cut_before", "cut_after"):
        bench.api.count = 0
        setattr(bench.api, where, 3 if where == "cut_before" else 2)
        with pytest.raises(Cut):
            bench.rollout(**RELEASE)
        setattr(bench.api, where, None)
        assert bench.rollout(**RELEASE).ended == "rolled_back"
        assert bench.script.live().shares == {old: 100}


def test_a_stack_that_changed_meanwhile_takes_the_first_release_back(bench):
    old = bench.up()
    bench.api.count, bench.api.cut_after = 0, 3
    with pytest.raises(Cut):
        bench.rollout(**RELEASE)
    bench.api.cut_after = None
    first = under_way(bench.script.live()).new
    ended = bench.rollout(timeouts={"connect_ms": 8_000})
    assert ended.ended == "done"
    assert ended.version not in (old, first)
    shares = [deployment.shares for deployment in bench.script.deployments()]
    assert {first: 100} not in shares
    assert {old: 100} in shares[1:-1]


def test_a_harness_that_cannot_run_leaves_the_old_version_and_is_exit_2(bench):
    old = bench.up()
    bench.verdict = Checked("could_not_run", "answered by another version")
    ended = bench.rollout(**RELEASE)
    assert (ended.exit_code, ended.version) == (2, old)
    assert bench.script.live().shares == {old: 100}


def test_a_change_of_secrets_alone_is_a_release_too(bench):
    """The content hash stays; the version's id tells the two apart."""
    old = bench.up()
    other = "sk-edge-" + "o" * 43
    keys = {"auth": {"keys": {name: {"tenant": name} for name in ("demo", "other")}}}
    bench.up(**keys, client_keys={"demo": KEY, "other": other})
    between = bench.script.live().whole
    ended = bench.rollout(**keys, client_keys={"demo": KEY, "other": "sk-edge-" + "p" * 43})
    assert ended.ended == "done"
    assert len({old, between, ended.version}) == 3
    assert bench.script.version(between).hash == bench.script.version(ended.version).hash


def test_what_is_live_already_is_left_alone(bench):
    bench.up()
    ended = bench.rollout(**RELEASE)
    deployed, bench.api.count = bench.script.live().id, 0
    assert bench.rollout(**RELEASE) == Outcome("unchanged", ended.version, "what the stack says is live at 100 %")
    assert (bench.script.live().id, bench.api.count) == (deployed, 0)
    assert bench.verified == [ended.version]


def test_a_roll_back_by_hand_agrees_with_the_state_and_a_preview(bench):
    old = bench.up()
    new = bench.rollout(**RELEASE).version
    assert roll_back(bench.script) == old
    assert bench.script.live().shares == {old: 100}
    planned = bench.engine(**RELEASE).preview().steps
    assert [step.operation for step in planned][-2:] == ["same", "create"]
    with pytest.raises(RolloutError, match="no version before this one"):
        roll_back(bench.script)  # the one before has been taken back
    for name in ("2", new[:8], bench.script.version(new).hash[:12]):
        assert roll_back(bench.script, name) == new
        assert roll_back(bench.script, "1") == old
    roll_back(bench.script, "2")
    assert bench.script.live().shares == {new: 100}
    assert bench.engine(**RELEASE).preview().changes == 0
    for name, said in (("9", "no version"), (new[:7], "no version"), ("2", "all requests already")):
        with pytest.raises(RolloutError, match=said):
            roll_back(bench.script, name)


def test_a_version_of_other_classes_does_not_come_back(bench):
    bench.up()
    bench.rollout(sessions={"enabled": True})
    with pytest.raises(ApiError, match="no version comes back over a change"):
        roll_back(bench.script)


def test_after_a_version_was_taken_back_it_can_be_released_again(bench):
    bench.up()
    bench.verdict = Checked("broken", "no stream")
    bench.rollout(**RELEASE)
    bench.verdict = Checked("kept")
    ended = bench.rollout(**RELEASE)
    assert (ended.ended, bench.verified) == ("done", [ended.version] * 2)
    assert bench.engine(**RELEASE).preview().changes == 0


def test_where_the_api_takes_no_0_per_cent_it_is_the_smallest_share(bench):
    old = bench.up()
    headers = {"authorization": f"Bearer {bench.cloud.token}"}
    fault = {"method": "POST", "path": ".*/deployments$", "status": 400, "code": 10195, "times": 1}
    httpx.post(f"{bench.cloud.control_url}/faults", json=fault, headers=headers, trust_env=False)
    ended = bench.rollout(**RELEASE)
    steps = [deployment.shares for deployment in bench.script.deployments()]
    assert {old: 99.99, ended.version: 0.01} in steps
    assert any("one request in 10,000" in said for said in bench.said)


def test_the_smallest_share_does_not_say_that_a_version_is_verified(bench):
    """The API takes no 0 %, the tool is cut in its verification, and the smallest share is a step of the next call."""
    bench.up()
    headers = {"authorization": f"Bearer {bench.cloud.token}"}
    fault = {"method": "POST", "path": ".*/deployments$", "status": 400, "code": 10195, "times": 1}
    httpx.post(f"{bench.cloud.control_url}/faults", json=fault, headers=headers, trust_env=False)
    bench.verify, kept = cut_short, bench.verify
    with pytest.raises(Cut):
        bench.rollout(**RELEASE)
    assert 0.01 in bench.script.live().shares.values()
    bench.verify = kept
    ended = bench.rollout(steps=(0.01, 100), **RELEASE)
    assert (ended.ended, bench.verified) == ("done", [ended.version])


def cut_short(_version):
    raise Cut("cut")


def test_code_that_changes_during_a_release_is_not_released_with_it(bench, tmp_path, monkeypatch):
    """As a `git pull` in the checkout would: the modules are read each time that the program runs."""
    source = tmp_path / "worker_src"
    shutil.copytree(ROOT / "worker_src", source)
    monkeypatch.setattr(assets, "worker_src", lambda: source)
    bench.up()

    def verify(version):
        bench.verified.append(version)
        (source / "app.js").write_text((source / "app.js").read_text() + "export const pulled = 1;\n")
        return Checked("kept")

    bench.verify = verify
    ended = bench.rollout(**RELEASE)
    assert ended.ended == "done"
    assert bench.script.live().shares == {ended.version: 100}
    assert bench.verified == [ended.version]
    assert any("has changed since" in said for said in bench.said)


def test_a_release_can_begin_after_a_roll_back_by_hand(bench):
    old = bench.up()
    bench.up(**RELEASE)
    assert roll_back(bench.script) == old
    ended = bench.rollout(timeouts={"connect_ms": 8_000})
    assert (ended.ended, bench.script.live().shares) == ("done", {ended.version: 100})


def test_a_roll_back_while_a_release_begins_is_not_undone(bench, monkeypatch):
    old = bench.up()
    bench.up(**RELEASE)
    preview = EmbeddedEngine.preview

    def meanwhile(*given, **options):
        monkeypatch.setattr(EmbeddedEngine, "preview", preview)
        roll_back(bench.script)
        return preview(*given, **options)

    monkeypatch.setattr(EmbeddedEngine, "preview", meanwhile)
    with pytest.raises(RolloutError, match="somebody else"):
        bench.rollout(timeouts={"connect_ms": 8_000})
    assert bench.script.live().shares == {old: 100}


def test_who_goes_forward_takes_nothing_back(bench):
    bench.up()
    second = bench.up(**RELEASE)
    third = bench.up(timeouts={"connect_ms": 8_000})
    assert roll_back(bench.script, "2") == second
    assert roll_back(bench.script, "3") == third
    assert roll_back(bench.script) == second
    with pytest.raises(RolloutError, match="can be named ''"):
        roll_back(bench.script, "")


def test_a_change_of_classes_gets_all_requests_at_once_and_says_why(bench):
    old = bench.up()
    ended = bench.rollout(sessions={"enabled": True})
    assert ended.ended == "done"
    said = "\n".join(bench.said)
    assert "Conversation is a new class" in said
    assert said.index("all requests at once") < said.index("verifying")
    assert all(len(deployment.shares) == 1 for deployment in bench.script.deployments())
    assert bench.script.live().shares == {ended.version: 100}
    assert old != ended.version
    assert bench.engine(sessions={"enabled": True}).preview().changes == 0


def test_what_is_live_at_once_is_verified_at_the_next_call_if_it_was_not(bench):
    """The tool is cut behind its deployment; then a promise is broken; then it is kept."""
    bench.up()
    sessions = {"sessions": {"enabled": True}}
    bench.api.count, bench.api.cut_after = 0, 2
    with pytest.raises(Cut):
        bench.rollout(**sessions)
    bench.api.cut_after = None
    new = bench.script.live().whole
    assert bench.verified == []
    bench.verdict = Checked("broken", "no stream")
    ended = bench.rollout(**sessions)
    assert (ended.ended, ended.exit_code, ended.version) == ("broken", 1, new)
    bench.verdict = Checked("kept")
    assert bench.rollout(**sessions).ended == "done"
    assert bench.verified == [new, new]
    assert bench.rollout(**sessions).ended == "unchanged"
    assert bench.verified == [new, new]
    assert bench.engine(**sessions).preview().changes == 0


def test_what_only_the_old_version_uses_is_deleted_when_it_has_gone(bench):
    bench.up()
    plain = {"cache": {}}
    bench.api.count, bench.api.cut_after = 0, 3
    with pytest.raises(Cut):
        bench.rollout(**plain)
    bench.api.cut_after = None
    namespaces = f"/accounts/{bench.cloud.account_id}/storage/kv/namespaces"
    assert len(bench.api.call("GET", namespaces)) == 1
    assert bench.rollout(**plain).ended == "done"
    assert bench.api.call("GET", namespaces) == []
    assert bench.engine(**plain).preview().changes == 0


def test_somebody_elses_deployment_stops_it(bench):
    old = bench.up()
    taken = []

    def verify(version):
        taken.append(version)
        bench.script.deploy({old: 100}, "by another")
        return Checked("kept")

    bench.verify = verify
    with pytest.raises(RolloutError, match="somebody else"):
        bench.rollout(**RELEASE)
    assert bench.script.live().message == "by another"


def test_a_split_by_hand_is_left_alone(bench):
    old = bench.up()
    new = bench.up(**RELEASE)
    bench.script.deploy({old: 50, new: 50}, "by hand")
    with pytest.raises(RolloutError, match="no rollout of ours"):
        bench.rollout(**RELEASE)


def test_a_silent_version_is_taken_back(bench):
    """Points of both versions come from the deployed Worker; the new one's are lost, as if it ended in exceptions."""
    old = bench.up()
    read = from_dataset
    dataset = bench.engine().outputs()["dataset"]

    def without_new(query):
        report = read(bench.cloud.api_url, bench.cloud.token, bench.cloud.account_id, dataset, query)
        report.rows[:] = [row for row in report.rows if row["version_id"] == old]
        return report

    watch = Watch(without_new, 2.0, 5)
    out = {"url": bench.cloud.url, "verify_key": KEY}
    with traffic(out):
        ended = bench.rollout(watch, **RELEASE)
    assert ended.ended == "rolled_back"
    assert "expected" in ended.reason
    assert bench.script.live().shares == {old: 100}
