"""Policy packs through the pulumi CLI: what the Automation API is asked for, without the CLI."""

from pathlib import Path

import pytest
from edgewright.engine.plan import Policies
from edgewright.engine.pulumi_cli import PulumiCli
from pulumi import automation


@pytest.fixture
def asked(monkeypatch):
    """What `preview` is called with."""
    calls = []

    class Stack:
        def preview(self, **options):
            calls.append({name: value for name, value in options.items() if name.startswith("policy")})

    monkeypatch.setattr(automation, "create_or_select_stack", lambda *_, **__: Stack())
    return calls


def test_packs_are_named_from_where_the_person_is(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PulumiCli(tmp_path / "project", "dev", Policies((Path("policy"),), (Path("settings.json"),))).preview()
    assert asked == [
        {"policy_packs": [str(tmp_path / "policy")], "policy_pack_configs": [str(tmp_path / "settings.json")]}
    ]


def test_without_packs_none_is_asked_for(asked, tmp_path):
    PulumiCli(tmp_path, "dev").preview()
    assert asked == [{}]
