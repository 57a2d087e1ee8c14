"""What is handed to the Automation API; the CLI itself is tried in e2e, where it is there."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from edgewright.engine.api import CloudflareApi
from edgewright.engine.pulumi_cli import PulumiCli
from edgewright.errors import EngineError
from pulumi import automation

ROOT = Path(__file__).parents[3]
STACK = "config:\n  edgewright:environment: dev\nencryptionsalt: v1:salt\n"


class Recorder:
    """A stack that notes with which configuration it was run, and previews these operations."""

    def __init__(self, *operations):
        self.operations, self.runs = operations, []

    def preview(self, on_event, config_file=None):
        self._note("preview", config_file)
        for operation in self.operations:
            urn = f"urn:pulumi:dev::edgewright::x::edge-{operation}"
            data = SimpleNamespace(op=operation, type="cloudflare:index/x:X", urn=urn, diffs=[], old=None, new=None)
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


def test_what_the_program_says_is_found_out_with_the_stacks_own_configuration(engine, monkeypatch, tmp_path):
    """The program itself is run, and neither the CLI nor the API registers anything; secrets are left out."""
    monkeypatch.setenv("EDGEWRIGHT_STATE", str(tmp_path))
    held = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    held |= {"edgewright:name": "mine", "edgewright:drill_secret": "d" * 64}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in held.items()}
    outputs = {"namespace_id": "n" * 32, "worker": "mine-local", "version_id": "v" * 36}
    recorder = SimpleNamespace(
        get_all_config=lambda: {name: SimpleNamespace(value=text) for name, text in texts.items()},
        outputs=lambda: {name: SimpleNamespace(value=value, secret=False) for name, value in outputs.items()},
    )
    engine(recorder)
    found = PulumiCli(ROOT, "local").intended(CloudflareApi("http://127.0.0.1:9", "token"))
    assert [each.kind for each in found] == ["WorkersKvNamespace", "Worker", "WorkerVersion", "WorkersDeployment"]
    bindings = {each["name"]: each for each in found[2].inputs["bindings"]}
    assert bindings["CACHE"]["namespace_id"] == "n" * 32
    assert bindings["DRILL_SECRET"] == {"name": "DRILL_SECRET", "type": "secret_text", "text": "[secret]"}
    assert found[3].inputs["versions"] == [{"percentage": 100, "version_id": "v" * 36}]
    assert "d" * 64 not in repr(found)


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
