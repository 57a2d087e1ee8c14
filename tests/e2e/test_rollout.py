"""Releases by steps against the local cloud, by the command: good, refused by verification, worse at 10 %, killed."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx
import pytest
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.faults import FAULTS, Fault, answer

from .conftest import EDGEWRIGHT, clean_environment, cli, serving
from .stage import fresh
from .test_deploy import change, control, outputs, project, run  # noqa: F401 - `project` is a fixture

FAST = ("--suite", "models", "--min-requests", "20")


@pytest.fixture
def cloud(project):  # noqa: F811
    with serving("local", "cloud", cwd=project) as facts:
        yield facts


@contextmanager
def traffic(out, callers=2):
    """Callers that ask one after the other; yields who answered, by version id, and what went wrong."""
    seen, failures, stop = Counter(), [], threading.Event()

    def ask():
        headers = {"authorization": f"Bearer {out['verify_key']}", "cache-control": "no-store"}
        with httpx.Client(base_url=out["url"], headers=headers, trust_env=False, timeout=30) as client:
            while not stop.is_set():
                body = {"model": "small", "messages": [{"role": "user", "content": fresh()}]}
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                    version = answer.headers["x-edge-version-id"]
                    seen[version] += 1
                    if answer.status_code != 200:
                        failures.append((version, answer.status_code))
                except (httpx.HTTPError, KeyError) as error:
                    failures.append((None, repr(error)))

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield seen, failures
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def live(cloud):
    """The live deployment, as the API tells it."""
    found = httpx.get(
        f"{cloud['api_url']}/accounts/{cloud['account_id']}/workers/scripts/edge-proxy-local/deployments",
        headers={"Authorization": f"Bearer {cloud['token']}"},
        trust_env=False,
        timeout=30,
    )
    return found.json()["result"]["deployments"][0]


def shares(cloud):
    """What each version has, in per cent."""
    return {share["version_id"]: share["percentage"] for share in live(cloud)["versions"]}


def rollout(project, *options, expect=0):  # noqa: F811
    done = cli("rollout", *FAST, *options, "--json", cwd=project, timeout=400)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def killed_rollout(project, *options, when):  # noqa: F811
    """A rollout that the kernel ends when something holds, with all its children."""
    process = subprocess.Popen(
        [EDGEWRIGHT, "rollout", *FAST, *options],
        cwd=project,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(when)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def until(what, seconds=200):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def versions(project):  # noqa: F811
    return run(project, "versions")["versions"]


def test_a_good_release_gets_all_requests_and_none_fails(project, cloud):  # noqa: F811
    run(project, "up")
    out = outputs(project)
    change(project, timeouts={"connect_ms": 9_000})
    with traffic(out) as (seen, failures):
        ended = rollout(project, "--steps", "10,50,100", "--watch", "2s")
        before = seen[ended["version"]]
        until(lambda: seen[ended["version"]] > before + 20)
    assert failures == []
    assert ended["outcome"] == "done"
    assert shares(cloud) == {ended["version"]: 100}
    assert seen[out["version_id"]] > 0
    assert [row["share"] for row in versions(project)] == [100, None]
    # What was verified is signed, for the version that has all requests now.
    checked = cli("evidence", "check", "--json", cwd=project)
    assert [each.split(":")[0] for each in json.loads(checked.stdout)["misfits"]] == ["these suites were not run"]
    assert run(project, "preview")["changes"] == 0


def test_a_release_that_fails_verification_never_serves_a_caller(project, cloud):  # noqa: F811
    run(project, "up")
    out = outputs(project)
    broken = {"targets": [{"upstream": "workers-ai", "model": "@cf/none/such"}]}
    change(project, models={"small": broken, "trial": broken})
    with traffic(out) as (seen, failures):
        ended = rollout(project, "--watch", "2s", expect=1)
    new = versions(project)[0]["id"]
    assert new != out["version_id"]
    assert set(seen) == {out["version_id"]}
    assert failures == []
    assert ended["outcome"] == "rolled_back"
    assert "verification" in ended["reason"]
    assert shares(cloud) == {out["version_id"]: 100}
    assert live(cloud)["annotations"]["workers/message"].startswith(f"edgewright took {new} back: verification")
    # The harness met it all the same, by its pin.
    assert any(point["blob15"] == new for point in control(cloud, "GET", "points"))


@pytest.fixture
def shaky(monkeypatch):
    """An upstream whose model `shaky` is good until the event is set."""
    down = threading.Event()

    async def play(reply, _memory):
        await (reply.refuse(503, "service_unavailable") if down.is_set() else answer(reply))

    monkeypatch.setitem(FAULTS, "shaky", Fault("good until it is not", play))
    with ScriptedUpstream(0.02) as upstream:
        yield upstream, down


def of_wall(upstream, model):
    """A stack file's part: one model that a scripted upstream answers."""
    return {
        "upstreams": {"wall": {"type": "openai-compatible", "base_url": upstream.base_url, "key": "none"}},
        "models": {"small": {"targets": [{"upstream": "wall", "model": model}]}},
        "limits": {},
        "fallback": {"enabled": False},
    }


def test_a_release_that_gets_worse_at_10_per_cent_is_taken_back(project, cloud, shaky):  # noqa: F811
    upstream, down = shaky
    change(project, **of_wall(upstream, "good"))
    run(project, "up")
    out = outputs(project)
    change(project, **of_wall(upstream, "shaky"))

    def fail_at_10():
        until(lambda: 10 in shares(cloud).values())
        down.set()

    failing = threading.Thread(target=fail_at_10)
    failing.start()
    with traffic(out) as (seen, failures):
        ended = rollout(project, "--steps", "1,10,50,100", "--watch", "2s", expect=1)
        failing.join()
        told, before = len(failures), seen[out["version_id"]]
        until(lambda: seen[out["version_id"]] > before + 50)
    assert ended["outcome"] == "rolled_back"
    assert "error rate" in ended["reason"]
    assert shares(cloud) == {out["version_id"]: 100}
    (new,) = set(seen) - {out["version_id"]}
    assert {version for version, _ in failures} == {new}
    assert len(failures) - told <= 4  # what was under way when it was taken back
    assert seen[new] < seen[out["version_id"]] / 2


def test_a_killed_rollout_goes_on_where_it_was(project, cloud):  # noqa: F811
    """Once while it verifies, once while it watches."""
    run(project, "up")
    old = outputs(project)["version_id"]
    change(project, timeouts={"connect_ms": 9_000})
    killed_rollout(project, "--watch", "1h", when=lambda: 0 in shares(cloud).values())
    new = next(version for version, share in shares(cloud).items() if share == 0)
    killed_rollout(project, "--watch", "1h", "--steps", "10,100", when=lambda: shares(cloud).get(new) == 10)
    assert shares(cloud) == {new: 10, old: 90}
    ended = rollout(project, "--watch", "1s", "--steps", "10,100")
    assert (ended["outcome"], ended["version"]) == ("done", new)
    assert shares(cloud) == {new: 100}
    assert len(versions(project)) == 2


def test_a_killed_rollout_is_taken_back_by_a_word(project, cloud):  # noqa: F811
    run(project, "up")
    old = outputs(project)["version_id"]
    change(project, timeouts={"connect_ms": 9_000})
    killed_rollout(project, "--watch", "1h", "--steps", "10,100", when=lambda: 10 in shares(cloud).values())
    assert run(project, "rollback")["version"] == old
    assert shares(cloud) == {old: 100}
