"""The harness against the deployed proxy, as CI and as a person use it."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from edgewright_verify.runner import Options, examine
from edgewright_verify.upstream import ScriptedUpstream

from .conftest import ROOT, clean_environment, cli, serving
from .odd import targets
from .stage import EVERY_PROTOCOL, KEY, Stage


def test_every_promise_is_kept_and_none_is_left_out(proxy, tmp_path):
    done = cli(
        "verify",
        "--url",
        proxy["url"],
        "--junit",
        tmp_path / "junit.xml",
        "--report",
        tmp_path / "report.json",
        EDGE_API_KEY=proxy["key"],
        EDGE_OTHER_KEY=proxy["other_key"],
        EDGE_DRILL_SECRET=proxy["drill_secret"],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["schema"] == "edgewright-verify/1"
    text = (tmp_path / "junit.xml").read_text()
    suites = ElementTree.fromstring(text).iter("testsuite")
    assert sum(int(suite.get("tests")) for suite in suites) > 40
    others = {promise["name"]: promise["outcome"] for promise in report["promises"] if promise["outcome"] != "kept"}
    # The local stack has no model that embeds; the one of test_openapi.py has.
    assert others == {"test_embedding": "not_applicable"}
    for secret in (proxy["key"], proxy["other_key"], proxy["drill_secret"]):
        assert secret not in text + json.dumps(report) + done.stdout + done.stderr


def test_a_wrong_key_could_not_run(proxy):
    done = cli("verify", "--url", proxy["url"], EDGE_API_KEY="sk-wrong")
    assert done.returncode == 2, done.stdout + done.stderr


def test_nobody_there_could_not_run():
    done = cli("verify", "--url", "http://127.0.0.1:9", "--key", "x")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_plain_pytest_runs_the_same_suites(proxy):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--pyargs", "edgewright_verify.suite", "-q", "-k", "streaming"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        env=clean_environment(EDGE_URL=proxy["url"], EDGE_API_KEY=proxy["key"]),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_ends_well():
    done = cli("local", "demo", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("curl") == 3


def test_a_real_server_behind_the_proxy(httpserver, tmp_path):
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "my-model"}]})
    answer = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "my-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "from afar"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    httpserver.expect_request("/v1/chat/completions", headers={"Authorization": "Bearer up-key"}).respond_with_json(
        answer
    )
    import httpx

    with serving(
        "local", "up", "--state", tmp_path, "--upstream", httpserver.url_for("/v1"), EDGEWRIGHT_UPSTREAM_KEY="up-key"
    ) as facts:
        for model in ("my-model", "small"):
            got = httpx.post(
                f"{facts['url']}/v1/chat/completions",
                json={"model": model, "messages": [{"role": "user", "content": model}]},
                headers={"Authorization": f"Bearer {facts['key']}"},
                trust_env=False,
            )
            assert got.json()["choices"][0]["message"]["content"] == "from afar"
            assert got.headers["x-edge-target"] == "upstream/my-model"


@pytest.mark.parametrize(
    "protocols",
    [
        {"embeddings": True},
        {"anthropic": True, "responses": True, "completions": True, "copilotkit_graphql": True, "embeddings": True},
    ],
    ids=["few", "many"],
)
def test_what_a_stack_does_not_have_is_no_broken_promise(protocols, tmp_path):
    """Streaming is off, and all that needs it; the first listed model does not chat, which its name does not say."""
    models = {"a": targets("@cf/baai/bge-m3"), **EVERY_PROTOCOL["models"]}
    off = {"agents": {}, "sessions": {"enabled": False}, "streaming": {"enabled": False}}
    changes = {**EVERY_PROTOCOL, "models": models, "protocols": protocols, **off}
    with ScriptedUpstream() as upstream, Stage(tmp_path, upstream, **changes) as stage:
        document, detail = examine(Options(url=stage.url, key=KEY), lambda _event: None)
    broken = [each for each in document["promises"] if each["outcome"] not in {"kept", "not_applicable"}]
    assert broken == [], detail
    assert "kept" in {each["outcome"] for each in document["promises"]}
