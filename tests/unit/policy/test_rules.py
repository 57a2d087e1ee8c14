"""The rules as plain functions, and the same rules through pulumi_policy's own types; no engine."""

import base64
import json
import re

import pulumi_policy
import pytest
from edgewright_policy import POLICIES, rules
from edgewright_policy.policies import seen
from edgewright_policy.resources import Resource, worker_config
from edgewright_policy.secrets import looks_like_one, named_like_one
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

CONFIG = {"environment": "prod", "auth": {"mode": "keys"}, "cache": {"ttl_seconds": 3600}}
KEY = "sk-edge-" + "Ab3" * 14 + "x"


def module(name, text):
    return {"name": name, "contentBase64": base64.b64encode(text.encode()).decode()}


def config_module(**changes):
    text = json.dumps({**CONFIG, **changes})
    return module("config.js", f"// x\nconst freeze = (v) => v;\n\nexport default freeze({text});\n")


def version(stack="prod", bindings=(), exports=None, modules=(), **changes):
    props = {"bindings": list(bindings), "modules": [config_module(**changes), *modules], "exports": exports}
    return Resource("WorkerVersion", props, stack)


def broken(rule, resource, **settings):
    return list(rule(resource, settings))


def only(rule, resource, **settings):
    (message,) = broken(rule, resource, **settings)
    assert " Fix: " in message
    return message


def test_a_sound_stack_breaks_nothing():
    bound = [
        {"name": "CONTENT_HASH", "type": "plain_text", "text": "0a" * 32},
        {"name": "ACCOUNT_ID", "type": "plain_text", "text": "0a" * 16},
        {"name": "API_URL", "type": "plain_text", "text": "https://api.cloudflare.com/client/v4"},
        {"name": "KEY_HASHES", "type": "secret_text", "text": KEY},
    ]
    resources = [
        version(bindings=bound, exports={"Conversation": {"type": "durable-object", "storage": "sqlite"}}),
        Resource("Worker", {"observability": {"enabled": True, "headSamplingRate": 0.1}}, "prod", protect=True),
        Resource("WorkersKvNamespace", {"title": "x-cache"}, "prod", protect=True),
        Resource("WorkersRoute", {"pattern": "ai.example.com/*"}, "prod"),
        Resource("WorkersDeployment", {"strategy": "percentage"}, "prod"),
    ]
    for resource in resources:
        for policy in POLICIES:
            assert broken(getattr(rules, policy.name.replace("-", "_")), resource) == []


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ({"name": "UPSTREAM_X_KEY", "type": "plain_text", "text": "hello"}, "its name"),
        ({"name": "USAGE_TOKEN", "type": "json", "json": "{}"}, "its name"),
        ({"name": "MODE", "type": "plain_text", "text": KEY}, "its value"),
        ({"name": "MODE", "type": "json", "json": json.dumps({"a": [KEY]})}, "its value"),
        ({"name": "MODE", "type": "json", "json": {"a": [KEY]}}, "its value"),
    ],
)
@pytest.mark.parametrize("kind", ["WorkerVersion", "WorkersScript"])
def test_a_readable_binding_with_a_secret(binding, said, kind):
    resource = Resource(kind, {"bindings": [{"name": "AI", "type": "ai"}, binding]}, "dev")
    message = only(rules.no_plain_secret, resource)
    assert f"bindings[1] {binding['name']}: is {binding['type']}" in message
    assert said in message
    assert KEY not in message


def test_a_secret_in_the_workers_configuration_is_named_by_its_path():
    message = only(rules.no_plain_secret, version(upstreams={"x": {"base_url": "https://a:Geheim99@x.example"}}))
    assert "config.js upstreams.x.base_url" in message
    assert "Geheim99" not in message
    hidden = broken(rules.no_plain_secret, version(aliases={KEY: "small"}))
    assert hidden
    assert all(KEY not in message for message in hidden)


def test_a_secret_in_another_module_in_a_script_and_in_a_kv_value():
    assert "module x.js" in only(rules.no_plain_secret, version(modules=[module("x.js", f'const k = "{KEY}"')]))
    assert "content" in only(rules.no_plain_secret, Resource("WorkersScript", {"content": f"'{KEY}'"}, "dev"))
    assert "value" in only(rules.no_plain_secret, Resource("WorkersKv", {"value": KEY}, "dev"))


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "ghp_" + "a1B2" * 9,
        "AKIA" + "ABCD1234" * 2,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----",
        "postgres://user:pass@db.example/x",
        "Zx8" * 13,
    ],
)
def test_what_looks_like_a_secret(text):
    assert looks_like_one(text)


@pytest.mark.parametrize(
    "text",
    [
        "0a" * 32,
        "@cf/meta/llama-3.1-8b-instruct-fp8-fast",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "https://api.example.com/v1",
        "UPSTREAM_OPENAI_KEY",
        "12345678901234567890",
    ],
)
def test_what_does_not(text):
    assert not looks_like_one(text)


def test_names_that_say_secret_and_names_that_do_not():
    for name in ("API_KEY", "OPENAI_API_KEYS", "DRILL_SECRET", "DB_PASSWORD", "usage_token", "KEY"):
        assert named_like_one(name), name
    for name in ("CONTENT_HASH", "ACCOUNT_ID", "MONKEY", "KEYBOARD", "MODE"):
        assert not named_like_one(name), name


def test_auth_in_production():
    assert "'none' opens the proxy" in only(rules.auth_in_production, version(auth={"mode": "none"}))
    assert broken(rules.auth_in_production, version("dev", auth={"mode": "none"})) == []
    assert only(rules.auth_in_production, version("live", auth={"mode": "none"}), stacks=["live"])
    assert only(rules.auth_in_production, version(auth=None))


@pytest.mark.parametrize(
    ("ttl", "sound"), [(59, False), (60, True), (2_592_000, True), (2_592_001, False), ("x", False)]
)
def test_the_time_that_answers_are_kept(ttl, sound):
    assert (broken(rules.cache_ttl, version(cache={"ttl_seconds": ttl})) == []) is sound


def test_its_bounds_are_settings_and_a_stack_without_a_cache_has_none():
    assert "from 100 to 200" in only(rules.cache_ttl, version(), min_seconds=100, max_seconds=200.0)
    assert broken(rules.cache_ttl, version(cache=None)) == []


@pytest.mark.parametrize("kind", ["Worker", "WorkersScript"])
@pytest.mark.parametrize("held", [None, {}, {"enabled": False}, {"enabled": True, "headSamplingRate": 0}])
def test_observability_off(kind, held):
    assert "observability" in only(rules.observability_on, Resource(kind, {"observability": held}, "dev"))


@pytest.mark.parametrize("pattern", ["*.example.com/*", "*example.com/x", "*/*", "https://*.example.com/*"])
def test_a_wildcard_route(pattern):
    route = Resource("WorkersRoute", {"pattern": pattern}, "dev")
    assert pattern in only(rules.no_wildcard_route, route)
    assert broken(rules.no_wildcard_route, route, allowed=[pattern]) == []
    assert only(rules.no_wildcard_route, route, allowed=["other.example.com/*"])


@pytest.mark.parametrize("kind", sorted(rules.HOLDS_DATA))
def test_data_without_protection(kind):
    assert "protect: is off" in only(rules.data_protected, Resource(kind, {}, "prod"))
    assert broken(rules.data_protected, Resource(kind, {}, "dev")) == []


def test_a_deleted_class_of_durable_objects():
    deleted = version(exports={"Conversation": {"type": "durable-object", "state": "deleted"}})
    assert "exports.Conversation" in only(rules.data_protected, deleted)
    assert broken(rules.data_protected, deleted, deletable=["Conversation"]) == []
    assert only(rules.data_protected, deleted, deletable=["Limiter"])


def test_an_environment_prod_in_a_stack_that_is_not_production():
    assert "'live' is not listed" in only(rules.production_named, version("live"))
    assert broken(rules.production_named, version("live"), stacks=["live"]) == []
    assert broken(rules.production_named, version("dev", environment="dev")) == []


@pytest.mark.parametrize("text", ["", "export default {};", "export default freeze({", "export default freeze([]);"])
def test_a_version_without_our_configuration_is_not_judged_by_it(text):
    resource = Resource("WorkerVersion", {"modules": [module("config.js", text)]}, "prod")
    assert worker_config(resource) is None
    assert broken(rules.auth_in_production, resource) == []


def test_a_module_that_is_no_text_is_left_out():
    binary = {"name": "x.wasm", "contentBase64": base64.b64encode(b"\xff\xfe").decode()}
    assert broken(rules.no_plain_secret, version(modules=[binary, {"name": "y", "contentBase64": "?"}])) == []


# Through pulumi_policy's own types, as its server calls a policy.


def arguments(kind, props, stack="prod", protect=False, config=None):
    options = pulumi_policy.PolicyResourceOptions(
        protect, [], None, [], pulumi_policy.PolicyCustomTimeouts(0, 0, 0), [], None
    )
    token = f"cloudflare:index/{kind[0].lower()}{kind[1:]}:{kind}"
    urn = f"urn:pulumi:{stack}::edgewright::edgewright:index:EdgeProxy${token}::edge"
    return pulumi_policy.ResourceValidationArgs(
        token, unknown_checking_proxy(props), urn, "edge", options, None, config
    )


def reported(name, args):
    (policy,) = [policy for policy in POLICIES if policy.name == name]
    messages = []
    policy.validate(args, lambda message, _urn: messages.append(message))
    return messages


def test_a_resource_is_seen_with_its_stack_type_and_protection():
    resource = seen(arguments("Worker", {"name": "x"}, stack="live", protect=True))
    assert (resource.type, resource.stack, resource.protect) == ("Worker", "live", True)
    assert resource.props["name"] == "x"


def test_every_rule_is_a_policy_and_says_what_it_wants():
    public = {n for n, v in vars(rules).items() if callable(v) and getattr(v, "__module__", "") == rules.__name__}
    assert {policy.name for policy in POLICIES} == {n.replace("_", "-") for n in public if not n.startswith("_")}
    for policy in POLICIES:
        assert re.fullmatch(r"[A-Z].{20,}\.", policy.description)


def test_each_policy_reports_through_pulumis_types():
    bad = version(auth={"mode": "none"}, cache={"ttl_seconds": 1}).props
    plain = {"bindings": [{"name": "API_KEY", "type": "plain_text", "text": "x"}]}
    assert reported("no-plain-secret", arguments("WorkerVersion", plain))
    assert reported("auth-in-production", arguments("WorkerVersion", bad))
    assert reported("cache-ttl", arguments("WorkerVersion", bad))
    assert reported("observability-on", arguments("Worker", {}))
    assert reported("no-wildcard-route", arguments("WorkersRoute", {"pattern": "*/*"}))
    assert reported("data-protected", arguments("WorkersKvNamespace", {}))
    assert reported("data-protected", arguments("WorkersKvNamespace", {}, protect=True)) == []
    assert reported("production-named", arguments("WorkerVersion", bad, stack="live"))


def test_settings_come_from_the_packs_configuration():
    route = {"pattern": "*.example.com/*"}
    assert (
        reported("no-wildcard-route", arguments("WorkersRoute", route, config={"allowed": ["*.example.com/*"]})) == []
    )


def test_what_a_preview_cannot_know_stops_only_the_rule_that_needs_it():
    bound = [
        {"name": "CACHE", "type": "kv_namespace", "namespaceId": UNKNOWN_STRING_VALUE},
        {"name": "API_KEY", "type": "plain_text", "text": "x"},
    ]
    assert reported("no-plain-secret", arguments("WorkerVersion", {"bindings": bound}))
    with pytest.raises(UnknownValueError):
        reported("no-wildcard-route", arguments("WorkersRoute", {"pattern": UNKNOWN_STRING_VALUE}))


def test_resources_of_other_providers_are_not_judged():
    args = arguments("Worker", {})
    args.resource_type = "other:index/worker:Worker"
    assert reported("observability-on", args) == []
