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

    def up(self, on_event, config_file=None, refresh=None):
        del on_event
        self.refreshed = refresh
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


class Backend:
    """What a preview needs of the CLI: the base's decrypted values, and stacks that can be removed."""

    def __init__(self, monkeypatch, recorder):
        self.environments, self.removed, self.names = [], [], set()
        recorder.destroy = lambda **_: self.removed.append("resources")
        recorder.workspace = SimpleNamespace(remove_stack=self.removed.append)
        held = {"edgewright:upstream_keys": '{"api": "sk-base"}', "edgewright:client_keys": '{"ci": "of-the-base"}'}
        base = SimpleNamespace(get_all_config=lambda: {key: SimpleNamespace(value=text) for key, text in held.items()})

        def made(name, work_dir, opts=None):
            del work_dir
            self.names.add(name)
            self.environments.append(dict(opts.env_vars) if opts else {})
            return recorder

        def selected(name, work_dir):
            del work_dir
            if name == "dev":
                return base
            if name not in self.names:
                raise automation.StackNotFoundError(SimpleNamespace(stdout="", stderr="", code=1))
            return recorder

        monkeypatch.setattr(automation, "create_or_select_stack", made)
        monkeypatch.setattr(automation, "select_stack", selected)


def test_a_preview_has_the_bases_values_and_no_secret_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  edgewright:environment: dev\n  edgewright:custom_domain: {hostname: a.b, zone: b}\n"
        "  edgewright:upstream_keys: {api: {secure: sealed}}\n  cloudflare:baseUrl: https://x.example\n"
        "encryptionsalt: v1:salt\n"
    )
    recorder = Recorder()
    backend = Backend(monkeypatch, recorder)
    overrides = {"name": "edge-proxy-pr-1", "custom_domain": None, "client_keys": {"ci": "of-the-preview"}}
    engine = PulumiCli(tmp_path, "dev-preview-pr-1", base="dev", overrides=overrides)
    engine.up()
    assert recorder.refreshed is True
    (run,) = recorder.runs
    assert run == (
        "up",
        {
            "config": {
                "edgewright:environment": "dev",
                "cloudflare:baseUrl": "https://x.example",
                "edgewright:name": "edge-proxy-pr-1",
            }
        },
    )
    assert backend.environments == [
        {"EDGEWRIGHT_UPSTREAM_API_KEY": "sk-base", "EDGEWRIGHT_CLIENT_KEY_CI": "of-the-preview"}
    ]

    PulumiCli(tmp_path, "dev-preview-pr-1", base="dev").forget()
    assert backend.removed == ["resources", "dev-preview-pr-1"]
    PulumiCli(tmp_path, "dev-preview-pr-2", base="dev").forget()
    assert backend.removed == ["resources", "dev-preview-pr-1"]
