"""``verify --wall``: the stack that it makes, how runs are put together, and that nothing outlives them."""

import json
from pathlib import Path

import pytest
from edgewright.cli import wall
from edgewright.config import StackFile, from_stack_file
from edgewright.keys import LocalSecrets
from edgewright_verify.runner import Options

ROOT = Path(__file__).parents[3]


def test_the_stack_of_the_wall_is_a_valid_one(tmp_path):
    file = StackFile.read(ROOT, "local")
    named = {
        "agents": {"default": {"model": "small"}},
        "usage": {"enabled": True},
        "alerts": {"url": "https://x.example", "budgets": [{"name": "m", "thresholds": [1.0]}]},
    }
    for mid_stream in wall.MID_STREAM:
        held = {**file.values, **named}
        values = {**held, **wall.overrides("http://127.0.0.1:9/v1", 0.05, mid_stream, held)}
        config = from_stack_file(StackFile("local", file.path, values, file.encrypted), secrets=LocalSecrets(tmp_path))
        assert config.timeouts.idle_ms == 500
        assert config.fallback.deadline_ms == 3_000
        assert config.fallback.mid_stream == mid_stream
        assert [target.model for target in config.models["wall-cut"].targets] == ["cut", "good"]


def document(verdict, problem=None):
    cell = {"row": "cut", "mode": "stream", "verdict": "pass"}
    outcome = "broken" if verdict == "broken" else "kept"
    evidence = {"evidence": {"expected": "all", "observed": "half"}} if verdict == "broken" else {}
    return {"verdict": verdict, "problem": problem, "promises": [{"outcome": outcome, "cell": cell, **evidence}]}


class Proxies:
    """Proxies to play against, and whether they were taken down in the end."""

    def __init__(self, *labels):
        self.labels, self.closed = labels, False

    def __call__(self):
        try:
            yield from ((label, Options(url=f"http://{label}")) for label in self.labels)
        finally:
            self.closed = True


@pytest.fixture
def play(monkeypatch, tmp_path):
    """``play(proxies, documents, repeat)``: the exit code and the scorecard of runs that end with these documents."""

    def played(proxies, documents, repeat=1):
        left = iter(documents)
        monkeypatch.setattr(wall, "_examined", lambda _: next(left))
        wanted = wall.Wanted(repeat, tmp_path / "card.json", tmp_path / "card.md", as_json=False)
        code = wall.play(proxies(), wanted)
        assert next(left, None) is None
        return code, json.loads((tmp_path / "card.json").read_text()), (tmp_path / "card.md").read_text()

    return played


def test_each_proxy_is_a_column_and_its_worst_run_counts(play, capsys):
    proxies = Proxies("error", "continue")
    code, card, table = play(proxies, [document("kept"), document("broken"), document("kept"), document("kept")], 2)
    assert code == 1
    assert [(cell["column"], cell["verdict"]) for cell in card["cells"]] == [
        ("stream, error", "fail"),
        ("stream, continue", "pass"),
    ]
    assert table.startswith("## The fault wall\n\n| fault |")
    assert table.endswith(capsys.readouterr().out)
    assert proxies.closed


def test_what_could_not_run_is_not_run_on(play):
    proxies = Proxies("error", "continue")
    code, card, _ = play(proxies, [document("could_not_run", "the run was interrupted")])
    assert (code, card["problem"]) == (2, "the run was interrupted")
    assert proxies.closed
