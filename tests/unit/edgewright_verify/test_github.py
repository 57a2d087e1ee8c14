"""A run in a workflow of GitHub: commands are told after what the target has said, and never by it."""

import re

import pytest
from edgewright_verify.report import github
from stub_proxy import StubProxy


def broken(count, observed="x"):
    evidence = {"expected": "one", "observed": observed}
    promises = [
        {"suite": "auth", "promise": f"a: promise, {index}", "outcome": "broken", "evidence": evidence}
        for index in range(count)
    ]
    return {"verdict": "broken", "promises": promises}


def test_what_would_end_a_command_is_escaped():
    (line,) = github.render(broken(1, "50 %\r\n::warning::x"))
    assert line == ("::error title=auth%3A a%3A promise%2C 0::expected one%0Aobserved 50 %25%0D%0A::warning::x")


def test_no_more_annotations_than_github_shows_and_the_rest_is_counted():
    assert len(github.render(broken(github.MOST))) == github.MOST
    lines = github.render(broken(github.MOST + 3))
    assert len(lines) == github.MOST
    assert "4 more are in the report" in lines[-1]


def test_kept_promises_need_no_annotation():
    assert github.render({"verdict": "kept", "promises": []}) == []


def test_a_broken_promise_is_in_the_summary_and_an_annotation(verify, tmp_path, monkeypatch, capfd):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert verify(StubProxy("buffers"), suites=["streaming"], github=True).code == 1
    lines = capfd.readouterr().out.splitlines()
    (token,) = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[0]).groups()
    resumed = lines.index(f"::{token}::")
    commands = [index for index, line in enumerate(lines) if line.startswith("::error ")]
    assert len(commands) == 1
    assert resumed < commands[0]
    assert summary.read_text().startswith("## Promises broken")


def test_commands_are_resumed_also_after_a_failure(monkeypatch, capfd, verify):
    monkeypatch.setattr("edgewright_verify.runner.examine", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        verify(github=True)
    lines = capfd.readouterr().out.split()
    assert f"::{lines[0].removeprefix('::stop-commands::')}::" == lines[-1]


def test_elsewhere_nothing_is_told(verify, capfd):
    verify(StubProxy("buffers"), suites=["streaming"])
    assert "::" not in capfd.readouterr().out
