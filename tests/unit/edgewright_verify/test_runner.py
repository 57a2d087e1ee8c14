"""The runner against a proxy that keeps all promises, other proxies, and targets that cannot be judged."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from edgewright_verify import runner
from edgewright_verify.__main__ import main
from edgewright_verify.runner import Options, run
from edgewright_verify.settings import SUITES
from stub_proxy import DRILL_SECRET, KEY, StubProxy
from stub_runs import verify_stub
from stub_server import StubServer


def test_a_good_proxy_keeps_every_promise(verify, capfd):
    outcome = verify()
    printed = capfd.readouterr().out
    assert outcome.code == 0, printed
    assert {record["suite"] for record in outcome.document["promises"]} == set(SUITES)
    assert {record["outcome"] for record in outcome.document["promises"]} == {"kept"}
    assert "first byte" in printed
    assert f"{len(outcome.document['promises'])} kept in" in printed


def test_another_proxy_is_judged_by_what_it_offers(verify):
    outcome = verify(StubProxy(features=None, key=None), key=None)
    skipped = [record for record in outcome.document["promises"] if record["outcome"] == "not_applicable"]
    assert outcome.code == 0
    assert outcome.names("broken") == set()
    assert {record["suite"] for record in skipped} >= {"cache", "fallback", "auth"}
    assert all(record["reason"] for record in skipped)
    assert outcome.document["target"]["kind"] == "openai-compatible"


def test_a_feature_that_is_off_is_never_passed(verify):
    outcome = verify(StubProxy(features=("auth", "streaming")), suites=["auth", "cache", "fallback"])
    by_suite = {(record["suite"], record["outcome"]) for record in outcome.document["promises"]}
    assert {("cache", "not_applicable"), ("fallback", "not_applicable"), ("auth", "kept")} <= by_suite
    assert ("cache", "kept") not in by_suite
    assert ("fallback", "kept") not in by_suite


def test_a_model_with_one_target_has_nothing_to_fall_back_to(verify):
    outcome = verify(StubProxy("one_target"), suites=["fallback"])
    by_outcome = {record["outcome"] for record in outcome.document["promises"]}
    assert "broken" not in by_outcome
    assert "not_applicable" in by_outcome


def test_drills_without_their_secret_do_not_apply(verify):
    outcome = verify(suites=["fallback"], drill_secret=None)
    assert {record["outcome"] for record in outcome.document["promises"]} == {"not_applicable"}
    assert outcome.code == 2
    assert "nothing applied" in outcome.document["problem"]


def test_a_wrong_key_could_not_run(verify, capfd):
    outcome = verify(key="sk-edge-wrong", suites=["models"])
    assert outcome.code == 2
    assert "the key was refused (status 401)" in outcome.document["problem"]
    assert capfd.readouterr().out.count("the key was refused") == 1


def test_a_needed_key_that_is_not_given_could_not_run(verify):
    outcome = verify(key=None, suites=["models"])
    assert outcome.code == 2
    assert "a key is needed" in outcome.document["problem"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "nope"}, ["knows no model 'nope'", "choose from"]),
        ({"other_key": "sk-edge-wrong"}, ["the other key was refused", "EDGE_OTHER_KEY"]),
        ({"other_key": KEY}, ["the other key is the key itself"]),
        ({"drill_secret": "wrong" * 8}, ["the drill secret was refused", "EDGE_DRILL_SECRET"]),
    ],
)
def test_what_could_only_make_promises_look_broken_could_not_run(verify, given, said):
    outcome = verify(suites=["fallback"], **given)
    assert outcome.code == 2
    assert outcome.names("broken") == set()
    assert all(words in outcome.document["problem"] for words in said)


def test_nobody_there_could_not_run(capfd):
    with StubServer(StubProxy()) as server:
        url = server.url
    assert run(Options(url=url, suites=["models"])) == 2
    assert f"could not run: {url} cannot be reached" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "edge.example.com"}, "'edge.example.com' is no http(s) address"),
        ({"url": "https://me:secret@edge.example.com"}, "holds a user name"),
        ({"suites": ["streaming", "speed"]}, "no suite is called speed"),
        ({"json": "/no/such/folder/report.json"}, "its folder does not exist"),
    ],
)
def test_a_bad_option_could_not_run(options, said, capfd, tmp_path):
    given = {"url": "http://127.0.0.1:9"} | options
    if "json" in given:
        given["json"] = tmp_path / given["json"].removeprefix("/")
    assert run(Options(**given)) == 2
    printed = capfd.readouterr().out
    assert said in printed
    assert "secret" not in printed


def test_pytest_that_ends_early_is_told_with_its_words(tmp_path, monkeypatch, capfd):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'pytest' in ' '.join(sys.orig_argv): sys.exit('bang')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with StubServer(StubProxy()) as server:
        assert run(Options(url=server.url, key=KEY)) == 2
    printed = capfd.readouterr().out
    assert "pytest ended without a report" in printed
    assert "bang" in printed


def test_no_secret_reaches_any_output(tmp_path, capfd):
    paths = {name: tmp_path / name for name in ("junit", "markdown")}
    proxy = StubProxy("echoes_key", "no_done", "no_fallback", "accepts_forged_drills", "errors_as_text")
    outcome = verify_stub(proxy, tmp_path, **paths)
    assert outcome.code == 1
    written = [path.read_text() for path in tmp_path.iterdir() if path.is_file()]
    everything = "".join([*written, *capfd.readouterr()])
    assert len(written) == 3
    assert KEY not in everything
    assert KEY[8:] not in everything
    assert DRILL_SECRET not in everything
    assert "Bearer $EDGE_API_KEY" in everything


def test_evidence_holds_what_reproduces_it(verify):
    outcome = verify(StubProxy("no_allow"), suites=["errors"])
    [broken] = [record for record in outcome.document["promises"] if record["outcome"] == "broken"]
    evidence = broken["evidence"]
    assert evidence["expected"] == "Allow: POST"
    assert evidence["request"]["method"] == "GET"
    assert evidence["response"]["status"] == 405
    assert evidence["response"]["headers"]["x-request-id"]
    assert evidence["timing"]["first_byte_ms"] > 0
    assert evidence["curl"].startswith("curl -sS -N -i -X GET http://127.0.0.1:")


def test_the_curl_line_sends_the_same_request(tmp_path):
    seen = []
    proxy = StubProxy("unknown_model_400")
    route = proxy.route
    proxy.route = lambda asked: seen.append(asked) or route(asked)
    path = tmp_path / "report.json"
    with StubServer(proxy) as server:
        run(Options(url=server.url, key=KEY, json=path, suites=["errors"], quiet=True))
        [broken] = [r for r in json.loads(path.read_text())["promises"] if r["outcome"] == "broken"]
        first = next(asked for asked in seen if b"no-such-model" in asked.body)
        environment = {**os.environ, "EDGE_API_KEY": KEY}
        subprocess.run(["bash", "-c", broken["evidence"]["curl"]], env=environment, check=True, capture_output=True)
    again = seen[-1]
    assert (again.method, again.path, again.body) == (first.method, first.path, first.body)
    assert again.headers["authorization"] == f"Bearer {KEY}"


def test_junit_and_markdown(tmp_path):
    paths = {name: tmp_path / name for name in ("junit", "markdown")}
    paths["markdown"].write_text("# before\n")
    verify_stub(StubProxy("no_done"), tmp_path, suites=["streaming", "fallback"], drill_secret=None, **paths)
    suite = ElementTree.parse(paths["junit"]).getroot().find("testsuite")
    assert suite.get("name") == "edgewright-verify"
    failures = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert "promise broken: A stream ends with" in failures["test_done_is_last"].text
    assert failures["test_content_type"] is None
    summary = paths["markdown"].read_text()
    assert summary.startswith("# before\n## Promises broken: http://127.0.0.1:")
    assert "| streaming | 13 | 2 | 0 |" in summary
    assert "no drill secret was given" in summary


def test_json_on_standard_output(capfd):
    with StubServer(StubProxy()) as server:
        code = run(Options(url=server.url, key=KEY, suites=["models"], json_stdout=True))
    out = capfd.readouterr().out
    document = json.loads(out)
    assert code == document["exit_code"] == 0
    assert document["schema"] == "edgewright-verify/1"
    assert document["counts"]["kept"] == 7


def test_quiet_prints_only_what_is_broken(capfd):
    with StubServer(StubProxy("odd_list")) as server:
        run(Options(url=server.url, key=KEY, suites=["models"], quiet=True))
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("  ✗") or "✓" in line]
    assert len(lines) == 2
    assert all("listed as OpenAI lists them" in line for line in lines)


def test_the_users_own_configuration_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\npython_files = nothing_*.py\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('read')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    with StubServer(StubProxy()) as server:
        assert run(Options(url=f"{server.url}/v1/", key=KEY, suites=["models"])) == 0


def test_secrets_do_not_stand_on_the_command_line(tmp_path):
    options = Options(url="http://127.0.0.1:9", key=KEY, drill_secret=DRILL_SECRET)
    assert not any(KEY in word or DRILL_SECRET in word for word in runner._command(options, tmp_path))
    assert runner._environment(options)["EDGE_API_KEY"] == KEY
    assert KEY not in repr(options)


def test_as_a_module():
    with StubServer(StubProxy()) as server:
        command = [sys.executable, "-m", "edgewright_verify", "--url", server.url, "--suite", "models"]
        done = subprocess.run(command, env={**os.environ, "EDGE_API_KEY": KEY}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 kept" in done.stdout
    assert "\x1b[" not in done.stdout


def test_a_missing_option_exits_2(monkeypatch):
    monkeypatch.delenv("EDGE_URL", raising=False)
    with pytest.raises(SystemExit) as exit_info:
        main([])
    assert exit_info.value.code == 2


def test_an_interrupted_run_leaves_nothing_behind(monkeypatch, capfd):
    started = []
    popen = subprocess.Popen

    def remember(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[0]

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.subprocess, "Popen", remember)
    monkeypatch.setattr(runner.TerminalReport, "event", interrupt)
    with StubServer(StubProxy()) as server:
        assert run(Options(url=server.url, key=KEY)) == 2
    assert "the run was interrupted" in capfd.readouterr().out
    assert started[0].returncode is not None
