"""The stack file: what is accepted, and that every mistake is told at once with its fix."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from edgewright.config import StackConfig, StackFile, from_pulumi, from_stack_file, from_values
from edgewright.config.secrets import secret_texts
from edgewright.config.sections import Scope
from edgewright.errors import ConfigError
from edgewright.keys import LocalSecrets, new_client_key

ROOT = Path(__file__).parents[3]

GOOD = {
    "account_id": "0" * 32,
    "environment": "dev",
    "upstreams": {"ai": {"type": "workers-ai"}},
    "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
    "auth": {"keys": {"ci": {"tenant": "ci"}}},
    "client_keys": {"ci": new_client_key()},
}


RULE = {"name": "burst", "per": "key", "of": "requests", "at_most": 100, "window_seconds": 60}
MONEY = {"name": "budget", "per": "tenant", "of": "usd", "at_most": 25.5, "window_seconds": 86_400, "kind": "fixed"}
BOUND = {"max_output_tokens": 4096}
PRICED = {"small": {"targets": [{"upstream": "ai", "model": "@cf/x", "price": {"input": 0.1, "output": 0.4}}]}}


BUDGET = {"name": "month", "of": "tokens", "thresholds": [1_000]}


def alerts(section=(), budget=(), **more):
    """A stack with budgets, and something wrong with it."""
    whole = {"url": "https://hooks.example/x", "budgets": [{**BUDGET, **dict(budget)}], **dict(section)}
    return {"usage": {"enabled": True}, "alerts": whole, "alert_secrets": ["whsec_" + "ca" * 22], **more}


BGE = "@cf/baai/bge-small-en-v1.5"
EMBEDS = {"protocols": {"embeddings": True}}
GPT = "@cf/openai/gpt-oss-20b"
SMALL = {"upstream": "ai", "model": "@cf/x"}
DUMB = {"upstream": "ai", "model": GPT, "capabilities": {"chat": False}}
TALKS = {"models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/openai/gpt-oss-20b"}]}}}


def models(**named):
    """Public models of Workers AI by their targets' names."""
    return {
        "models": {
            name: {"targets": [{"upstream": "ai", "model": each} for each in targets]}
            for name, targets in named.items()
        }
    }


OTLP = {"otlp": {"endpoint": "https://otel.example"}}
COUNTED = {"usage": {"enabled": True}}


def findings(**changes):
    with pytest.raises(ConfigError) as caught:
        from_values({**GOOD, **changes}, source="Pulumi.dev.yaml")
    return caught.value.findings


def one(**changes):
    found = findings(**changes)
    assert len(found) == 1, found
    return found[0]


def test_a_good_stack_is_accepted_with_safe_defaults():
    config = from_values(GOOD, source="x")
    assert config.worker_name == "edge-proxy-dev"
    assert config.auth.mode == "keys"
    assert config.features == ["auth", "breaker", "fallback", "streaming"]
    assert not config.cache.enabled
    assert not config.verification.drills


def test_the_other_key_is_of_another_tenant():
    names = {"a": "one", "b": "one", "c": "two", "d": "two"}
    keys = {name: new_client_key() for name in names}
    scopes = {name: {"tenant": tenant} for name, tenant in names.items()}
    scopes["c"]["models"] = ["small"]
    config = from_values({**GOOD, "auth": {"keys": scopes}, "client_keys": keys}, source="x")
    assert config.verify_key.get_secret_value() == keys["a"]
    assert config.other_key.get_secret_value() == keys["d"]
    assert from_values(GOOD, source="x").other_key is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"protocols": {"embeddings": True}, **TALKS}, ["protocols.embeddings", "no model turns texts", "bge-m3"]),
        (models(embed=[BGE], small=["@cf/x"]), ["models.embed: is for embeddings alone", "protocols.embeddings: true"]),
        (EMBEDS | models(embed=[BGE, "@cf/baai/bge-m3"]), ["models.embed.targets", BGE, "cannot be compared"]),
        (
            models(small=[GPT], mixed=[BGE, GPT]),
            ["models.mixed.targets", f"{BGE} gives vectors", f"{GPT} chats", "a model of each"],
        ),
        (
            {"models": {"small": {"targets": [{**SMALL, "capabilities": {"chat": False}}]}}},
            ["models.small.targets[0].capabilities.chat: false", "leave it out, or set protocols.embeddings: true"],
        ),
        (
            EMBEDS | {"models": {**models(embed=[BGE])["models"], "small": {"targets": [DUMB]}}},
            ["models.small.targets[0].capabilities.chat: false", "Fix: leave it out."],
        ),
        (EMBEDS | models(embed=[BGE]) | {"default_model": "embed"}, ["default_model: 'embed' does not chat"]),
        (
            EMBEDS | models(embed=[BGE]) | {"agents": {"helper": {"model": "embed"}}},
            ["agents.helper.model: 'embed' does not chat"],
        ),
        (
            EMBEDS
            | models(embed=[BGE])
            | {"sessions": {"enabled": True, "max_context_tokens": 4_000, "summary": {"model": "embed"}}},
            ["sessions.summary.model: 'embed' does not chat"],
        ),
        (
            {"sessions": {"enabled": True}, "deleted_objects": ["Conversation"]},
            ["deleted_objects: 'Conversation' is in use", "turn its feature off first"],
        ),
        (
            {"sessions": {"enabled": True, "max_context_tokens": 800, "summary": {"model": "big"}}},
            ["sessions.summary.model: 'big'", "use one of small"],
        ),
        ({"sessions": {"enabled": True, "summary": {}}}, ["sessions.summary", "set sessions.max_context_tokens"]),
        (
            {"sessions": {"enabled": True, "max_context_tokens": 500, "summary": {}}},
            ["sessions.summary.max_tokens: 400", "at most 250"],
        ),
        ({"limits": {"rules": [RULE, RULE]}}, ["limits.rules[1].name", "'burst'", "another name"]),
        ({"limits": {"rules": [{**RULE, "at_most": 1.5}]}}, ["limits.rules[0].at_most", "1.5", "whole number"]),
        ({"limits": {"rules": [{**RULE, "at_most": 0}]}}, ["limits.rules[0].at_most", "0"]),
        ({"limits": {"rules": [{**RULE, "keys": ["cj"]}]}}, ["limits.rules[0].keys", "'cj'", "ci"]),
        ({"limits": {"rules": [{**RULE, "models": ["big"]}]}}, ["limits.rules[0].models", "'big'", "small"]),
        ({"limits": {"rules": [{**RULE, "of": "tokens"}]}}, ["limits.rules[0].of", "'tokens'", "max_output_tokens"]),
        (
            {"limits": {**BOUND, "rules": [MONEY]}},
            ["models.small.targets[0].price", "limits.rules[0]", "price: {input"],
        ),
        (
            {"limits": {**BOUND, "rules": [{**MONEY, "at_most": 1e7, "models": ["small"]}]}, "models": PRICED},
            ["limits.rules[0].at_most", "10000000 dollars", "at most 1000000"],
        ),
        (
            {"limits": {"rules": [RULE]}, "deleted_objects": ["Limiter"]},
            ["deleted_objects: 'Limiter' is in use", "turn its feature off first"],
        ),
        (alerts({"url": None}), ["alerts.budgets", "set alerts.url"]),
        (alerts({"url": "http://hooks.example/x"}), ["alerts.url", "must be https"]),
        (alerts(usage={}), ["alerts.budgets", "usage.enabled", "turn usage on"]),
        (alerts(alert_secrets=[]), ["alerts.budgets", "alert_secrets[0]", "openssl rand -base64 32"]),
        (alerts(alert_secrets=["whsec_c2hvcnQ="]), ["alert_secrets[0]", "24 to 64 bytes"]),
        (alerts(alert_secrets=["canary-no-base64"]), ["alert_secrets[0]", "whsec_"]),
        (alerts(budget={"thresholds": []}), ["alerts.budgets[0].thresholds", "at least 1"]),
        (alerts(budget={"thresholds": [1.5]}), ["alerts.budgets[0].thresholds[0]", "1.5", "whole number"]),
        (alerts(budget={"of": "usd"}), ["models.small.targets[0].price", "alerts.budgets[0] counts money"]),
        (alerts(budget={"keys": ["cj"]}), ["alerts.budgets[0].keys", "'cj'", "ci"]),
        (alerts({"budgets": [BUDGET, BUDGET]}), ["alerts.budgets[1].name", "'month'", "another budget"]),
        (alerts(deleted_objects=["Budget"]), ["deleted_objects: 'Budget' is in use"]),
        ({"observability": OTLP}, ["observability.otlp", "usage.enabled: true"]),
        (
            {**COUNTED, "observability": {"otlp": {"endpoint": "http://otel.example"}}},
            ["observability.otlp.endpoint", '"http://otel.example"', "https://otel.example.com"],
        ),
        (
            {**COUNTED, "observability": {"otlp": {"endpoint": "https://otel.example/v1/traces"}}},
            ["observability.otlp.endpoint", "must end before /v1/traces"],
        ),
        (
            {**COUNTED, "observability": {"otlp": {**OTLP["otlp"], "sample_ratio": 1.5}}},
            ["observability.otlp.sample_ratio", "1.5", "1"],
        ),
        ({"otlp_headers": {"content-type": "x"}}, ["otlp_headers.content-type", "remove it"]),
        ({"otlp_headers": {"authorization": "a\nb"}}, ["otlp_headers.authorization", "without line ends"]),
        ({"deleted_objects": ["Talk"]}, ["deleted_objects[0]", '"Talk"', "'Conversation'"]),
        ({"cahce": {}}, ["cahce: unknown key", "did you mean cache?"]),
        ({"cache": {"enabled": True, "ttl_seconds": 30}}, ["cache.ttl_seconds", "30", "60 or more"]),
        ({"cache": {"enabled": "yes"}}, ["cache.enabled", '"yes"', "write true or false"]),
        ({"cache": {"enabled": True, "ttl_seconds": "3600"}}, ["cache.ttl_seconds", '"3600"', "without quotes"]),
        ({"models": {"small": {"targets": []}}}, ["models.small.targets", "at least one target"]),
        ({"account_id": "abc"}, ["account_id", '"abc"', "32 hexadecimal"]),
        ({"environment": "production"}, ["environment", '"production"', "'prod'"]),
        ({"compatibility_date": "2026-13-01"}, ["compatibility_date", "2026-13-01", "YYYY-MM-DD"]),
        ({"default_model": "big"}, ["default_model", "'big'", "small"]),
        ({"workers_dev": False}, ["workers_dev", "routes"]),
        ({"routes": [{"pattern": "a.b.com/*", "zone": "c.com"}]}, ["routes[0].pattern", "a.b.com/*", "c.com"]),
        ({"auth": {"mode": "none"}, "client_keys": {}, "verification": {"drills": True}}, ["drills", "openssl"]),
        ({"auth": {"mode": "none"}}, ["client_keys.ci", "mode: keys"]),
        ({"client_keys": {}}, ["auth.keys.ci", "edgewright keys new"]),
        ({"client_keys": {"ci": "hunter2"}}, ["client_keys.ci", "sk-edge-"]),
        ({"upstream_keys": {"zz": "k"}}, ["upstream_keys.zz", "ai"]),
        ({"auth": {"keys": {}}, "client_keys": {}}, ["auth.keys", "mode: none"]),
    ],
)
def test_a_mistake_names_key_value_and_fix(changes, expected):
    finding = one(**changes)
    for part in expected:
        assert part in finding
    assert "canary" not in finding


@pytest.mark.parametrize("protocol", ["ag_ui", "copilotkit"])
def test_a_front_ends_protocol_needs_an_agent_and_streams(protocol):
    on = {"protocols": {protocol: True}, "default_model": "small"}
    assert getattr(from_values({**GOOD, **on, "agents": {"default": {}}}, source="x").protocols, protocol)
    assert f"protocols.{protocol}: true needs an agent" in one(**on)
    dumb = one(**on, agents={"default": {}}, streaming={"enabled": False})
    assert f"protocols.{protocol}: true needs streaming.enabled" in dumb


@pytest.mark.parametrize("protocol", ["ag_ui", "copilotkit", "copilotkit_graphql"])
def test_an_agent_that_is_run_has_a_model(protocol):
    on = {"protocols": {protocol: True}, "agents": {"default": {}}}
    told = one(**on)
    assert "agents.default.model: missing, and there is no default_model" in told
    assert "use one of small, or set default_model" in told
    assert from_values({**GOOD, **on, "default_model": "small"}, source="x")
    assert from_values({**GOOD, **on, "agents": {"default": {"model": "small"}}}, source="x")
    assert from_values({**GOOD, "agents": {"default": {}}}, source="x")


FORM = "use lower-case letters, digits and hyphens, 40 at most"
FRONT = {"protocols": {"ag_ui": True}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"agents": {"my agent!": {}}}, ["agents.my agent!", FORM]),
        (FRONT | {"agents": {"my agent!": {}}}, ["agents.my agent!", FORM]),
        (FRONT | {"agents": {"default": None}}, ["agents.default: null", "write `default: {}`"]),
        (FRONT | {"agents": {"default": True}}, ["agents.default: true", "write a mapping"]),
        (FRONT | {"agents": {"default": {"model": 5}}}, ["agents.default.model: 5", "write text"]),
        (FRONT | {"agents": None}, ["agents: null", "write a mapping"]),
        ({"auth": {"keys": {"ci": None}}}, ["auth.keys.ci: null", "write `ci: {tenant: ...}`"]),
        ({"auth": {"keys": {"C I": {"tenant": "x"}}}}, ["auth.keys.C I", FORM]),
        ({"upstreams": {"A I": {"type": "workers-ai"}}}, ["upstreams.A I", FORM]),
        ({"upstreams": {"ai": None}}, ["upstreams.ai: null", "write a mapping"]),
        ({"models": {"my model": GOOD["models"]["small"]}}, ["models.my model", "use letters, digits"]),
        ({"models": {"small": None}}, ["models.small: null", "write `small: {targets: ...}`"]),
        ({"models": {}}, ["models", "add at least 1"]),
        ({"cors": True}, ["cors: true", "write a mapping"]),
        ({"cache": None}, ["cache: null", "write `cache: {}`, or leave it out"]),
    ],
)
def test_what_was_written_for_a_name_or_a_section_is_told_with_what_to_write(changes, expected):
    finding = one(**changes)
    for part in expected:
        assert part in finding
    for jargon in ("pattern", "instance of", "schema --markdown"):
        assert jargon not in finding


@pytest.mark.parametrize(
    "section", [name for name, field in StackConfig.model_fields.items() if hasattr(field.default, "enabled")]
)
@pytest.mark.parametrize("switch", [True, False])
def test_a_section_that_is_switched_as_a_protocol_is_told_how(section, switch):
    word = str(switch).lower()
    told = one(**{section: switch})
    assert f"{section}: {word} is refused: this is a section" in told
    assert f"write `{section}: {{enabled: {word}}}`" in told


def test_a_route_that_no_key_can_be_held_to_is_told_with_all_there_are():
    told = one(auth={"keys": {"ci": {"tenant": "ci", "routes": ["chats"]}}})
    assert "Fix: list some of chat, embeddings, models, conversations, usage, or leave it out" in told


def test_the_scopes_are_those_of_the_workers_routes():
    sources = (path.read_text() for path in (ROOT / "worker_src").rglob("*.js"))
    assert {scope for source in sources for scope in re.findall(r'scope: "(\w+)"', source)} == set(get_args(Scope))


def test_limits_bring_their_feature_and_class():
    config = from_values({**GOOD, "models": PRICED, "limits": {**BOUND, "rules": [RULE, MONEY]}}, source="x")
    assert "limits" in config.features
    assert config.objects == ["Limiter"]


def test_budgets_bring_their_feature_and_class():
    config = from_values({**GOOD, **alerts()}, source="x")
    assert {"alerts", "usage"} <= set(config.features)
    assert config.objects == ["Budget"]
    assert json.loads(secret_texts(config)["ALERT_SECRETS"]) == ["whsec_" + "ca" * 22]
    assert "ALERT_SECRETS" not in secret_texts(from_values({**GOOD, **alerts({"budgets": []})}, source="x"))


def test_an_upstream_without_its_key():
    found = one(upstreams={**GOOD["upstreams"], "b": {"type": "openai-compatible", "base_url": "https://x.example/v1"}})
    assert "upstreams.b: has no key" in found
    assert "EDGEWRIGHT_UPSTREAM_B_KEY" in found


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "http://x.example", "x.example/v1", "https://u:p@x.example", "https://x.example?a=1"]
)
def test_an_upstream_address_must_be_https_and_bare(url):
    upstreams = {**GOOD["upstreams"], "b": {"type": "openai-compatible", "base_url": url, "key": "none"}}
    assert "upstreams.b.base_url" in one(upstreams=upstreams)


def test_names_that_clash_are_told():
    target = {"targets": [{"upstream": "ai", "model": "@cf/x"}]}
    found = one(models={"small": target, "big": {**target, "aliases": ["small"]}})
    assert "models.big.aliases" in found
    assert "'small'" in found
    both = {f"a{mark}b": {"type": "openai-compatible", "base_url": "https://x.example", "key": "none"} for mark in "-"}
    assert from_values({**GOOD, "upstreams": {**GOOD["upstreams"], **both}}, source="x")


def test_every_mistake_is_listed_at_once():
    found = findings(
        cahce={},
        cache={"enabled": "yes", "ttl_seconds": 30},
        models={"small": {"targets": []}, "m": {"targets": [{"upstream": "ai", "model": "x"}], "aliases": ["small"]}},
        upstreams={**GOOD["upstreams"], "b": {"type": "openai-compatible", "base_url": "https://x.example/v1"}},
    )
    for part in (
        "cahce",
        "cache.enabled",
        "cache.ttl_seconds",
        "models.small.targets",
        "models.m.aliases",
        "upstreams.b",
    ):
        assert any(part in finding for finding in found), (part, found)


def test_a_secret_never_shows_in_a_finding():
    for changes in (
        {"client_keys": {"ci": 12345678}},
        {"drill_secret": "short-canary"},
        {"client_keys": {"ci": "canary"}},
        {"otlp_headers": {"Bearer canary": "x"}},
        {"otlp_headers": {"authorization": "canary\n"}},
        {"otlp_headers": {"authorization": 12345678}},
        {**COUNTED, "observability": {"otlp": {"endpoint": "https://u:canary@otel.example"}}},
        {"upstreams": {"own": {"type": "openai-compatible", "base_url": "https://x.example/v1", "key": "canary"}}},
    ):
        assert not any("canary" in finding or "12345678" in finding for finding in findings(**changes))


def test_no_key_may_be_held_twice():
    key = new_client_key()
    keys = {"a": {"tenant": "a"}, "b": {"tenant": "b"}}
    assert "same key" in one(auth={"keys": keys}, client_keys={"a": key, "b": key})


def test_prod_is_not_on_workers_dev_unless_said():
    domain = {"hostname": "ai.example.com", "zone": "example.com"}
    assert not from_values({**GOOD, "environment": "prod", "custom_domain": domain}, source="x").workers_dev
    assert from_values({**GOOD, "environment": "prod", "workers_dev": True}, source="x").workers_dev


def test_secrets_come_from_the_environment_too(monkeypatch):
    monkeypatch.setenv("EDGEWRIGHT_UPSTREAM_MY_API_KEY", "k")
    monkeypatch.setenv("EDGEWRIGHT_CLIENT_KEY_CI", new_client_key())
    monkeypatch.setenv("EDGEWRIGHT_DRILL_SECRET", "d" * 40)
    upstreams = {**GOOD["upstreams"], "my-api": {"type": "openai-compatible", "base_url": "https://x.example/v1"}}
    values = {**GOOD, "upstreams": upstreams, "verification": {"drills": True}}
    del values["client_keys"]
    config = from_values(values, source="x")
    assert config.upstream_keys["my-api"].get_secret_value() == "k"
    assert config.drill_secret is not None


def test_headers_for_the_collector_come_as_opentelemetry_writes_them(monkeypatch):
    monkeypatch.setenv("EDGEWRIGHT_OTLP_HEADERS", "Authorization=Bearer%20a%3Db%2Cc==, x-dataset = edge")
    config = from_values({**GOOD, **COUNTED, "observability": OTLP}, source="x")
    assert "telemetry" in config.features
    texts = secret_texts(config)
    assert json.loads(texts["OTLP_HEADERS"]) == {"authorization": "Bearer a=b,c==", "x-dataset": "edge"}
    assert "OTLP_HEADERS" not in secret_texts(from_values({**GOOD, **COUNTED}, source="x"))
    monkeypatch.setenv("EDGEWRIGHT_OTLP_HEADERS", "Bearer canary")
    assert "canary" not in one(**COUNTED, observability=OTLP)


def test_spans_go_nowhere_unless_a_collector_is_named():
    assert "telemetry" not in from_values({**GOOD, **COUNTED}, source="x").features
    config = from_values(
        {**GOOD, **COUNTED, "observability": {"otlp": {"endpoint": "https://o.example/x/"}}}, source="x"
    )
    assert config.observability.otlp is not None
    assert config.observability.otlp.endpoint == "https://o.example/x"


def test_the_program_sees_what_the_stack_file_says(tmp_path):
    secrets = LocalSecrets(tmp_path)
    file = StackFile.read(ROOT, "local")
    as_the_cli_hands_it = {
        f"edgewright:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in file.values.items()
    }
    seen = from_pulumi({**as_the_cli_hands_it, "cloudflare:baseUrl": "x"}, stack="local", secrets=secrets)
    assert seen == from_stack_file(file, secrets=secrets)


def test_a_local_stack_makes_its_secrets_once(tmp_path):
    file = StackFile.read(ROOT, "local")
    first = from_stack_file(file, secrets=LocalSecrets(tmp_path))
    assert first.client_keys == from_stack_file(file, secrets=LocalSecrets(tmp_path)).client_keys
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_shipped_stack_files_lack_only_what_a_user_alone_knows(stack):
    with pytest.raises(ConfigError) as caught:
        from_stack_file(StackFile.read(ROOT, stack))
    for finding in caught.value.findings:
        assert "has no client key" in finding or "account_id" in finding or "drill" in finding, finding


def test_the_project_declares_the_same_defaults():
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, spec in declared.items():
        assert spec["default"] == StackConfig.model_fields[key].default, key


def test_an_encrypted_secret_counts_as_present(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
    config = {f"edgewright:{key}": value for key, value in GOOD.items() if key != "client_keys"}
    config["edgewright:client_keys"] = {"ci": {"secure": "v1:abc"}}
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    assert from_stack_file(StackFile.read(tmp_path, "dev")).verify_key is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config: [1", "not YAML"),
        ("- a\n", "not a mapping"),
        ("config: [1]", "not a mapping"),
        (b"\xff\xfe\x00", "not YAML"),
        ("config:\n  edgewright:compatibility_date: 2026-13-45\n", "not YAML"),
        ("config: &a\n  edgewright:models: *a\n", "holds itself"),
        ("[" * 20_000, "not YAML"),
    ],
)
def test_a_broken_file_is_told_plainly(tmp_path, text, said):
    (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=said):
        StackFile.read(tmp_path, "dev")


def test_a_missing_stack_names_those_there_are():
    with pytest.raises(ConfigError, match="local"):
        StackFile.read(ROOT, "nope")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config: {}\nedgewright:limits: {}\n", ["edgewright:limits: stands outside of `config:`", "below `config:`"]),
        ("configs:\n  edgewright:name: x\n", ["configs: unknown key", "did you mean config?"]),
        ("config:\n  usage: {}\n", ["config.usage: has no namespace", "write edgewright:usage"]),
        ("config:\n  edgewright:name: a\n  edgewright:name: b\n", ["'edgewright:name' stands there twice", "line 3"]),
        ("config:\n  edgewright:cache: {enabled: true, enabled: false}\n", ["'enabled' stands there twice"]),
    ],
)
def test_what_nobody_would_read_is_told(tmp_path, text, expected):
    (tmp_path / "Pulumi.yaml").write_text("name: edgewright\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        StackFile.read(tmp_path, "dev")
    for words in expected:
        assert words in str(caught.value)
