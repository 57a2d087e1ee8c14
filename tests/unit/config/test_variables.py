"""Secrets as variables: what is written so is read as it was."""

from edgewright.config import from_values
from edgewright.config.variables import as_variables
from edgewright.keys import new_client_key, new_webhook_secret

PLAIN = {
    "account_id": "0" * 32,
    "environment": "dev",
    "upstreams": {"my-api": {"type": "openai-compatible", "base_url": "https://x.example/v1"}},
    "models": {"small": {"targets": [{"upstream": "my-api", "model": "m"}]}},
    "auth": {"keys": {"my-ci": {"tenant": "ci"}, "app": {"tenant": "app"}}, "signed_requests": True},
    "cache": {"enabled": True, "encryption": True},
    "usage": {"enabled": True, "report": True},
    "alerts": {"url": "https://hooks.example/x", "budgets": [{"name": "month", "of": "tokens", "thresholds": [1_000]}]},
    "observability": {"otlp": {"endpoint": "https://otel.example"}},
    "verification": {"drills": True},
}
SECRETS = {
    "client_keys": {"my-ci": new_client_key(), "app": [new_client_key(), new_client_key()]},
    "signing_keys": {"my-ci": new_client_key(), "app": new_client_key()},
    "cache_keys": ["ca" * 32, "cb" * 32],
    "upstream_keys": {"my-api": "sk-1234"},
    "drill_secret": "d" * 64,
    "alert_secrets": [new_webhook_secret()],
    "usage_token": "a-token",
    "otlp_headers": {"authorization": "Basic a=,b c", "x-team": "%, ="},
}


def test_every_secret_comes_back(monkeypatch):
    given = from_values({**PLAIN, **SECRETS}, source="x")
    for name, value in as_variables(SECRETS).items():
        monkeypatch.setenv(name, value)
    assert from_values(PLAIN, source="x") == given


def test_what_is_not_given_is_no_variable():
    assert as_variables({"client_keys": {}, "drill_secret": None, "name": "x"}) == {}
