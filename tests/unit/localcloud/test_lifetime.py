"""Starting, keeping, reviving, ending: processes, ports, folders, secrets in logs."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from edgewright.errors import LocalCloudError
from edgewright.localcloud import LocalCloud
from edgewright.localcloud.runtime.workerd import VARIABLE, find_workerd

PATIENCE = 10.0


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(probe):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if probe():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def bench_of(request):
    """A bench for a cloud of the test's own."""
    bench_class = request.getfixturevalue("bench").__class__
    made = []

    def open_bench(cloud):
        made.append(bench_class(cloud))
        return made[-1]

    yield open_bench
    for bench in made:
        bench.close()


COUNT = (
    "const n = Number(await env.KV.get('n') ?? 0) + 1; await env.KV.put('n', String(n)); return new Response(env.S + n)"
)


def test_a_state_folder_keeps_versions_kv_objects_and_token(tmp_path, bench_of):
    with LocalCloud(state_dir=tmp_path / "state") as first:
        bench = bench_of(first)
        token = first.token
        namespace = {"name": "KV", "type": "kv_namespace", "namespace_id": bench.namespace()}
        secret = {"name": "S", "type": "secret_text", "text": "kept-"}
        version = bench.deploy(bench.handler(COUNT), bindings=[namespace, secret])
        assert bench.edge.get("/").text == "kept-1"
    with LocalCloud(state_dir=tmp_path / "state") as second:
        bench = bench_of(second)
        assert second.token == token
        assert bench.edge.get("/").text == "kept-2"
        shown = bench.result("GET", f"{bench.account}/workers/workers/edge/versions")
        assert [each["id"] for each in shown] == [version]
        assert shown[0]["urls"] == [second.url]
    mode = (tmp_path / "state" / "account.sqlite").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_without_one_nothing_is_kept_and_every_cloud_has_its_own_token():
    with LocalCloud() as first, LocalCloud() as second:
        assert first.token != second.token
        assert first.url != second.url


def test_a_given_token_is_used_and_a_short_one_refused():
    with LocalCloud(token="t" * 40) as cloud:
        assert cloud.token == "t" * 40
    with pytest.raises(LocalCloudError, match="40 to 80"):
        LocalCloud(token="short-secret")
    with pytest.raises(LocalCloudError) as caught:
        LocalCloud(token="short-secret")
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize(("option", "flag"), [("port", "--port"), ("api_port", "--api-port")])
def test_a_taken_port_names_the_flag(option, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError) as caught, LocalCloud(**{option: port}):
            pass
    assert str(port) in str(caught.value)
    assert f"choose another with {flag}" in str(caught.value)


def test_ports_are_as_asked_and_free_again_after_the_end():
    with LocalCloud() as cloud:
        ports = [int(url.split(":")[2].split("/")[0]) for url in (cloud.url, cloud.api_url)]
    with LocalCloud(port=ports[0], api_port=ports[1]) as again:
        assert again.url == cloud.url
        assert again.api_url == cloud.api_url


def test_one_state_folder_has_one_owner(tmp_path):
    with (
        LocalCloud(state_dir=tmp_path),
        pytest.raises(LocalCloudError, match="used by another"),
        LocalCloud(state_dir=tmp_path),
    ):
        pass
    with LocalCloud(state_dir=tmp_path):
        pass


def test_workerd_missing_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(LocalCloudError, match=VARIABLE), LocalCloud():
        pass
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(LocalCloudError, match="edgewright local install"), LocalCloud():
        pass


def test_a_workerd_that_does_not_start_shows_the_end_of_its_log(tmp_path, monkeypatch):
    broken = tmp_path / "workerd"
    broken.write_text("#!/bin/sh\necho this machine is too old >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(broken))
    with pytest.raises(LocalCloudError, match="too old") as caught, LocalCloud():
        pass
    assert "exit code 3" in str(caught.value)


def test_the_end_leaves_no_process_and_no_folder():
    with LocalCloud() as cloud:
        bench = httpx.Client(headers={"Authorization": f"Bearer {cloud.token}"}, trust_env=False)
        with bench:
            pid = bench.get(f"{cloud.control_url}/state").json()["workerd"]["pid"]
        assert alive(pid)
    assert not alive(pid)
    cloud.close()


def test_a_long_temporary_folder_does_no_harm(tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with LocalCloud() as cloud:
        assert httpx.get(cloud.url, trust_env=False).status_code == 404


def test_workerd_is_started_again_when_it_ends_by_itself(bench):
    bench.deploy(bench.handler("return new Response('here')"))
    before = bench.control.get("/state").json()["workerd"]
    os.kill(before["pid"], signal.SIGKILL)
    assert wait_for(lambda: bench.control.get("/state").json()["workerd"]["revivals"] == before["revivals"] + 1)
    assert bench.edge.get("/").text == "here"


SCRIPT = """
import json, os, sys, httpx
from edgewright.localcloud import LocalCloud
with LocalCloud() as cloud:
    state = httpx.get(cloud.control_url + "/state", headers={"Authorization": "Bearer " + cloud.token}, trust_env=False)
    print(state.json()["workerd"]["pid"], flush=True)
    sys.stdin.read()
"""


def test_workerd_dies_with_its_parent(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux ties a process to its parent")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # what is killed cannot clear up
    command = [sys.executable, "-c", SCRIPT]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    with parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert wait_for(lambda: not alive(pid))


def test_what_a_worker_prints_is_kept_without_its_secrets(bench):
    body = "console.log('said', env.S); return new Response('x')"
    bench.deploy(bench.handler(body), bindings=[{"name": "S", "type": "secret_text", "text": "canary-987654"}])
    bench.edge.get("/")
    log = bench.cloud.log_path
    assert wait_for(lambda: "said" in log.read_text())
    assert "canary-987654" not in log.read_text()
    assert "[redacted]" in log.read_text()


def test_install_runs_npm_once_and_only_with_the_lock(tmp_path, monkeypatch):
    from edgewright.localcloud.runtime.install import install
    from edgewright.localcloud.runtime.workerd import binary_in

    prefix = tmp_path / "env"
    binary = binary_in(prefix / "share" / "edgewright" / "workerd")
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/calls\nmkdir -p {binary.parent}\ncp {find_workerd()} {binary}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert install() == binary == install()
    assert (tmp_path / "calls").read_text().splitlines() == ["ci --ignore-scripts --no-audit --no-fund"]
    lock = json.loads((prefix / "share" / "edgewright" / "workerd" / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())


def test_install_tells_what_npm_said(tmp_path, monkeypatch):
    from edgewright.localcloud.runtime.install import install

    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network unreachable' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LocalCloudError, match="network unreachable"):
        install()


def test_a_program_that_ends_without_closing_it_leaves_nothing():
    script = (
        "from edgewright.localcloud import LocalCloud\n"
        "cloud = LocalCloud().__enter__()\n"
        "print(cloud.log_path.parent, cloud.api_url)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    folder, api = done.stdout.split()
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(folder).exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(api)
