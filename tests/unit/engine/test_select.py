"""Which engine runs a stack, and where its API is."""

import pytest
from edgewright.engine.pulumi_cli import PulumiCli
from edgewright.engine.select import api_of, select
from edgewright.errors import ApiError, ConfigError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "t" * 40)
    monkeypatch.delenv("CLOUDFLARE_BASE_URL", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    return tmp_path


def test_it_is_cloudflares_unless_something_else_is_said(project, monkeypatch):
    engine = PulumiCli(project, "dev")
    assert api_of(project, "dev", engine).url == "https://api.cloudflare.com/client/v4"
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1/client/v4")
    assert api_of(project, "dev", engine).url == "http://127.0.0.1:1/client/v4"
    (project / "Pulumi.dev.yaml").write_text("config: { 'cloudflare:baseUrl': 'http://127.0.0.1:2/client/v4/' }\n")
    assert api_of(project, "dev", engine).url == "http://127.0.0.1:2/client/v4"


def test_without_a_token_it_says_so(project, monkeypatch):
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    with pytest.raises(ApiError, match="CLOUDFLARE_API_TOKEN is not set"):
        api_of(project, "dev", PulumiCli(project, "dev"))


def test_a_stack_that_is_not_there_is_told_before_what_it_would_need(tmp_path):
    (tmp_path / "Pulumi.dev.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        select(tmp_path, "lokal")
    assert "there is no Pulumi.lokal.yaml" in str(caught.value)
    assert "use one of dev" in str(caught.value.fix)
