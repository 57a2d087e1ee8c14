"""Deployments through the command line against the local cloud."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest
import yaml

from .conftest import EDGEWRIGHT, ROOT, clean_environment, cli, serving


@pytest.fixture
def project(tmp_path):
    """A copy of the project that a test may change, with its own state."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=shutil.ignore_patterns("edgewright", "__pycache__"))
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def cloud(project):
    with serving("local", "cloud", cwd=project) as facts:
        yield facts


def change(project, **values):
    path = project / "Pulumi.local.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"].update({f"edgewright:{key}": value for key, value in values.items()})
    path.write_text(yaml.safe_dump(document))


def control(cloud, method, path, **more):
    answer = httpx.request(
        method,
        f"{cloud['control_url']}/{path}",
        headers={"Authorization": f"Bearer {cloud['token']}"},
        trust_env=False,
        timeout=30,
        **more,
    )
    answer.raise_for_status()
    return answer.json()


def writes(cloud):
    return [f"{r['method']} {r['path']}" for r in control(cloud, "GET", "requests") if r["method"] != "GET"]


def run(project, *arguments, expect=0):
    done = cli(*arguments, "--json", cwd=project)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def outputs(project):
    return run(project, "outputs", "--show-secrets")


def chat(out, text="hi", **more):
    return httpx.post(
        f"{out['url']}/v1/chat/completions",
        json={"model": "small", "messages": [{"role": "user", "content": text}], **more},
        headers={"Authorization": f"Bearer {out['verify_key']}"},
        trust_env=False,
        timeout=30,
    )


def test_the_life_of_a_stack(project, cloud):
    assert run(project, "preview")["changes"] == 4
    run(project, "up")
    out = outputs(project)
    answer = chat(out, "keep me")
    assert answer.status_code == 200
    assert answer.headers["x-edge-version"] == out["content_hash"][:16]

    control(cloud, "DELETE", "requests")
    assert run(project, "up")["changes"] == 0
    assert writes(cloud) == []

    change(project, timeouts={"connect_ms": 9_000})
    assert [s["operation"] for s in run(project, "preview")["steps"]] == ["same", "same", "replace", "replace"]
    run(project, "up")
    assert [line.rsplit("/", 1)[1] for line in writes(cloud)] == ["versions", "deployments"]
    # The cache is in KV, so it outlives the version that wrote it.
    assert chat(outputs(project), "keep me").headers["x-edge-cache"] == "HIT"

    run(project, "destroy")
    state = control(cloud, "GET", "state")
    assert not state["workers"]
    assert not state["kv_namespaces"]
    assert run(project, "outputs", expect=2).startswith("error: stack local is not deployed")


@pytest.mark.usefixtures("cloud")
def test_a_new_version_is_live_within_a_second_and_no_request_fails(project):
    run(project, "up")
    out = outputs(project)
    seen, failures, stop = [], [], threading.Event()

    def load():
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not stop.is_set():
                try:
                    answer = client.get(f"{out['url']}/health")
                    seen.append((time.monotonic(), answer.status_code, answer.headers["x-edge-version"]))
                except Exception as error:
                    failures.append(repr(error))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        change(project, timeouts={"connect_ms": 8_000})
        new = run(project, "up")["outputs"]["content_hash"][:16]
        done = time.monotonic()
        while not any(version == new for _, _, version in seen) and time.monotonic() < done + 5:
            time.sleep(0.01)
    finally:
        stop.set()
        thread.join(30)
    assert failures == []
    assert {status for _, status, _ in seen} == {200}
    first = min(moment for moment, _, version in seen if version == new)
    assert first < done + 1


def test_a_wrong_stack_file_lists_everything_and_calls_nothing(project, cloud):
    change(
        project,
        cahce={},
        cache={"enabled": True, "ttl_seconds": 30},
        models={"a": {"targets": []}},
        upstreams={"b": {"type": "openai-compatible", "base_url": "https://x.example/v1"}},
    )
    control(cloud, "DELETE", "requests")
    done = cli("up", cwd=project)
    assert done.returncode == 2
    for part in ("cahce", "cache.ttl_seconds", "models.a.targets", "upstreams.b"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert control(cloud, "GET", "requests") == []


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_of_the_api_is_one_clear_sentence_and_the_next_run_recovers(project, cloud, status):
    control(cloud, "POST", "faults", json={"method": "POST", "path": ".*/versions$", "status": status, "code": 9109})
    done = cli("up", cwd=project)
    assert done.returncode == 2
    assert str(status) in done.stderr
    assert "9109" in done.stderr
    assert "Traceback" not in done.stderr
    control(cloud, "DELETE", "faults")
    run(project, "up")
    assert chat(outputs(project)).status_code == 200


def test_passing_trouble_of_the_api_is_ridden_out(project, cloud):
    fault = {"method": "POST", "path": ".*/versions$", "status": 429, "times": 2, "headers": {"Retry-After": "0"}}
    control(cloud, "POST", "faults", json=fault)
    run(project, "up")
    assert chat(outputs(project)).status_code == 200


def test_no_cloud_is_told(project):
    done = cli("up", cwd=project)
    assert done.returncode == 2
    assert "edgewright local cloud" in done.stderr


def test_a_killed_run_leaves_a_state_from_which_the_next_recovers(project, cloud):
    control(cloud, "POST", "faults", json={"method": "POST", "path": ".*/versions$", "latency_ms": 20000, "times": 1})
    process = subprocess.Popen(
        [EDGEWRIGHT, "up"], cwd=project, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not any(line.endswith("workers/workers") for line in writes(cloud)) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    control(cloud, "DELETE", "faults")
    run(project, "up")
    assert chat(outputs(project)).status_code == 200
    assert len(control(cloud, "GET", "state")["kv_namespaces"]) == 1


def test_a_taken_port_names_the_flag_to_change(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for flag in ("--port", "--api-port"):
            done = cli("local", "cloud", flag, port, cwd=project, timeout=30)
            assert done.returncode == 2
            assert str(port) in done.stderr
            assert flag in done.stderr


def test_a_project_has_one_local_cloud_and_is_told_when_it_is_gone(project, tmp_path):
    with serving("local", "up", cwd=project) as first:
        done = cli("local", "up", cwd=project, timeout=60)
        assert done.returncode == 2
        assert f"process {first['process'].pid}" in done.stderr
        assert "--state DIR" in done.stderr
        with serving("local", "up", "--state", tmp_path / "apart", cwd=project) as second:
            assert second["url"] != first["url"]
        assert outputs(project)["url"] == first["url"]
    for command in (["outputs"], ["verify", "--stack", "local"], ["usage", "--stack", "local"]):
        done = cli(*command, cwd=project, timeout=60)
        assert done.returncode == 2
        assert "no local cloud runs for this project" in done.stderr


def test_state_is_kept_where_it_is_asked_for(project, tmp_path):
    kept = tmp_path / "kept"
    with serving("local", "up", "--state", kept, cwd=project) as first:
        assert chat({"url": first["url"], "verify_key": first["key"]}, "remember").headers["x-edge-cache"] == "MISS"
    with serving("local", "up", "--state", kept, cwd=project) as second:
        assert second["key"] == first["key"]
        assert second["token"] == first["token"]
        assert chat({"url": second["url"], "verify_key": second["key"]}, "remember").headers["x-edge-cache"] == "HIT"


def kill_serving(project):
    """Start a local cloud, kill it as the kernel would, and return who belonged to it."""
    with serving("local", "up", cwd=project, killed=True) as facts:
        children = family_of(facts["process"].pid)
        os.kill(facts["process"].pid, signal.SIGKILL)
        facts["process"].wait(10)
    return children


def test_a_killed_cloud_takes_workerd_with_it(project):
    children = kill_serving(project)
    assert len(children) >= 2
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in children if alive(pid)]


def family_of(pid):
    """The process and all that descend from it."""
    done = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    family = [str(pid)]
    for line in sorted(done.stdout.splitlines(), key=lambda line: int(line.split()[0])):
        child, parent = line.split()
        if parent in family:
            family.append(child)
    return family


def alive(pid):
    done = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return done.returncode == 0 and not done.stdout.strip().startswith("Z")
