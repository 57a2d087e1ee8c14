"""What a preview is made of: the base's file with bounds, and a mark that is read as it was written."""

from datetime import UTC, datetime

import pytest
import yaml
from edgewright.errors import ConfigError
from edgewright.keys import new_client_key
from edgewright.lifecycle.preview_stack import Mark, PreviewStack, mark_of

ENDS = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
BASE = {
    "account_id": "a" * 32,
    "environment": "dev",
    "upstreams": {"ai": {"type": "workers-ai"}},
    "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
    "auth": {"keys": {"ci": {"tenant": "ci", "models": ["small"]}}},
    "client_keys": {"ci": new_client_key()},
    "workers_dev": False,
    "protect": True,
    "custom_domain": {"hostname": "ai.example.com", "zone": "example.com"},
    "routes": [{"pattern": "ai.example.com/*", "zone": "example.com"}],
    "cache": {"enabled": True, "ttl_seconds": 86_400, "memory_entries": 7, "retain_on_destroy": True},
    "sessions": {"enabled": True, "retention_seconds": 3_600},
    "usage": {"enabled": True, "dataset": "of_the_base"},
    "alerts": {"url": "https://hooks.example/x", "budgets": [{"name": "m", "of": "tokens", "thresholds": [1]}]},
    "alert_secrets": ["whsec_" + "ca" * 22],
}


@pytest.fixture
def preview(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEWRIGHT_STATE", str(tmp_path / "state"))

    def made(name="pr-1", **changes):
        values = {f"edgewright:{key}": value for key, value in {"name": "edge-proxy", **BASE, **changes}.items()}
        (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": values}))
        return PreviewStack.of(tmp_path, "dev", name)

    return made


def test_it_is_isolated_and_cheap(preview):
    wanted = preview()
    config = wanted.config(wanted.overrides(ENDS))
    assert config.worker_name == wanted.worker == "edge-proxy-pr-1-dev"
    assert (config.workers_dev, config.routes, config.custom_domain, config.protect) == (True, [], None, False)
    assert (config.cache.ttl_seconds, config.cache.memory_entries, config.cache.retain_on_destroy) == (300, 7, False)
    # Shorter than the bound stays; what the base leaves to a long default is bounded.
    assert (config.sessions.retention_seconds, config.sessions.replay_seconds) == (3_600, 600)
    assert config.dataset == "edge_proxy_pr_1_dev"
    assert config.objects == ["Conversation"]
    assert config.auth.keys["ci"].models == ["small"]


def test_its_secrets_are_its_own_and_stay(preview):
    wanted = preview()
    own = wanted.overrides(ENDS)
    assert own["client_keys"].keys() == {"ci"}
    assert own["client_keys"]["ci"] != BASE["client_keys"]["ci"]
    assert wanted.overrides(ENDS) == own
    assert preview("pr-2").overrides(ENDS)["client_keys"] != own["client_keys"]


def test_a_mistake_of_the_base_is_told_before_anything_is_called(preview):
    wanted = preview(account_id="<your account id>", cache={"ttl_seconds": "long"})
    with pytest.raises(ConfigError, match=r"(?s)account_id.*cache.ttl_seconds"):
        wanted.config(wanted.overrides(ENDS))


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "../x", "x" * 30])
def test_a_name_that_makes_no_label_is_refused(preview, name):
    with pytest.raises(ConfigError, match="--name"):
        preview(name)


def test_the_longest_name_that_is_taken_makes_a_label(preview):
    wanted = preview("x" * 29, environment="staging")
    assert len(f"01234567-{wanted.config(wanted.overrides(ENDS)).worker_name}") <= 63


def test_a_mark_is_read_as_it_was_written():
    assert mark_of(["of-the-user", *Mark("pr-1", ENDS).tags]) == Mark("pr-1", ENDS)


@pytest.mark.parametrize(
    "tags",
    [
        [],
        ["edgewright:preview=pr-1"],
        ["edgewright:expires=2027-01-31T12:00:00Z"],
        ["edgewright:preview=pr-1", "edgewright:expires=soon"],
        ["edgewright:preview=../..", "edgewright:expires=2020-01-31T12:00:00Z"],
        ["edgewright:preview=a", "edgewright:preview=b", "edgewright:expires=2020-01-31T12:00:00Z"],
    ],
)
def test_half_a_mark_is_none(tags):
    assert mark_of(tags) is None
