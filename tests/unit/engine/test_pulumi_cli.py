"""What is handed to the Automation API; the CLI itself is tried in e2e, where it is there."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from edgewright.engine.pulumi_cli import PulumiCli
from edgewright.errors import EngineError
from pulumi import automation

STACK = "config:\n  edgewright:environment: dev\nencryptionsalt: v1:salt\n"


class Recorder:
    """A stack that notes with which configuration it was run, and previews these operations."""

    def __init__(self, *operations):
        self.operations, self.runs = operations, []

    def preview(self, on_event, config_file=None):
        self._note("preview", config_file)
        for operation in self.operations:
            urn = f"urn:pulumi:dev::edgewright::x::edge-{operation}"
            data = SimpleNamespace(op=operation, type="cloudflare:index/x:X", urn=urn, diffs=[])
            held = SimpleNamespace(metadata=data)
            on_event(SimpleNamespace(resource_pre_event=None, res_outputs_event=held))

    def up(self, on_event, config_file=None):
        del on_event
        self._note("up", config_file)
        return SimpleNamespace(outputs={})

    def _note(self, run, path):
        self.runs.append((run, None if path is None else yaml.safe_load(Path(path).read_text())))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK)

    def made(recorder):
        monkeypatch.setattr(automation, "create_or_select_stack", lambda *_, **__: recorder)
        return PulumiCli(tmp_path, "dev")

    made.file = tmp_path / "Pulumi.dev.yaml"
    return made


def test_a_run_uses_the_stacks_own_file(engine):
    recorder = Recorder()
    engine(recorder).preview()
    engine(recorder).up()
    assert recorder.runs == [("preview", None), ("up", None)]


def test_a_held_version_is_in_a_file_of_that_run_alone(engine):
    recorder = Recorder("replace")
    engine(recorder).up(hold="a" * 32)
    held = {"config": {"edgewright:environment": "dev", "edgewright:hold": "a" * 32}, "encryptionsalt": "v1:salt"}
    assert recorder.runs == [("preview", held), ("up", held)]
    assert engine.file.read_text() == STACK


def test_what_the_held_version_may_use_is_not_deleted(engine):
    recorder = Recorder("delete")
    with pytest.raises(EngineError, match=r"deletes X edge-delete.*\n.*edgewright up"):
        engine(recorder).up(hold="a" * 32)
    assert [run for run, _ in recorder.runs] == ["preview"]
