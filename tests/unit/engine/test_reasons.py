"""Why a version changes, in the words of the stack file."""

import base64
import json
from pathlib import Path

from edgewright.cli.options import config_of
from edgewright.engine.reasons import reasons
from edgewright.paths import STATE_VARIABLE
from edgewright.rendering import render

ROOT = Path(__file__).parents[3]


def module(name, text):
    return {"name": name, "contentBase64": base64.b64encode(text.encode()).decode()}


def version(config, *modules, bindings=(), **more):
    return {
        "annotations": {"workersTag": json.dumps(config)[:10]},
        "modules": [
            module("config.js", f"const freeze = 1;\n\nexport default freeze({json.dumps(config)});\n"),
            *modules,
        ],
        "bindings": [{"name": "CONTENT_HASH", "text": json.dumps(config)}, *bindings],
        **more,
    }


def test_a_setting_is_told_with_its_values():
    old = version({"models": {"large-3.1": {"targets": [{"model": "a"}]}}, "ttl": 1})
    new = version({"models": {"large-3.1": {"targets": [{"model": "b"}]}}, "ttl": 2})
    assert reasons(old, new) == ('models.large-3.1.targets[0].model: "a" → "b"', "ttl: 1 → 2")


def test_a_setting_that_comes_or_goes_is_told():
    assert reasons(version({"a": 1}), version({"b": [1]})) == ("a: 1 → none", "b: none → [1]")


def test_of_a_list_what_came_and_went_is_told_however_long_it_is():
    features = ["auth", "breaker", "cache", "continuation", "encryption", "fallback", "limits", "streaming"]
    old = version({"features": features, "protocols": ["openai"]})
    new = version({"features": [*features[1:], "usage"], "protocols": ["openai", "ag_ui", "responses"]})
    assert reasons(old, new) == ('features: + "usage", - "auth"', 'protocols: + "ag_ui", + "responses"')
    assert reasons(version({"a": [1, 2]}), version({"a": [2, 1]})) == ("a: in another order",)
    assert reasons(version({"a": [1, 1]}), version({"a": [1]})) == ("a: 2 entries → 1",)
    rules = [{"name": name, "at_most": 5} for name in ("a", "b")]
    more = [*rules[:1], {"name": "b", "at_most": 6}]
    assert reasons(version({"rules": rules}), version({"rules": more})) == ("rules[1].at_most: 5 → 6",)
    assert reasons(version({"rules": rules}), version({"rules": rules[:1]})) == (
        'rules: - {"name": "b", "at_most": 5}',
    )


def test_of_an_agents_instructions_nothing_is_told_but_that_they_changed():
    def agents(**named):
        return version({"agents": {name: {"instructions": text, "tools": "none"} for name, text in named.items()}})

    told = reasons(agents(a="canary 1", b=None, c="canary 2"), agents(a="canary 3", b="canary 4", c=None))
    assert told == (
        "agents.a.instructions: changed",
        "agents.b.instructions: added",
        "agents.c.instructions: gone",
    )
    assert reasons(agents(), agents(a="canary")) == ('agents.a: none → {"tools": "none"}',)
    assert "canary" not in str(reasons(version({}), agents(a="canary")))


def test_modules_and_bindings_are_told_by_their_names():
    old = version({}, module("x.js", "1"), module("gone.js", "1"), bindings=[{"name": "CACHE", "namespaceId": "1"}])
    new = version({}, module("x.js", "2"), module("new.js", "1"), bindings=[{"name": "USAGE", "dataset": "d"}])
    assert reasons(old, new) == (
        "code: 1 module added (new.js)",
        "code: 1 module gone (gone.js)",
        "code: 1 module changed (x.js)",
        "binding CACHE gone",
        "binding USAGE added",
    )


def test_nothing_of_a_secret_is_told_but_its_name():
    old = version({}, bindings=[{"name": "KEY_HASHES", "text": {"secret_digest": "aa"}}])
    new = version({}, bindings=[{"name": "KEY_HASHES", "text": {"secret_digest": "bb"}}])
    assert reasons(old, new) == ("binding KEY_HASHES changed",)


def test_other_properties_are_told_by_their_paths():
    assert reasons(version({}, compatibilityDate="1"), version({}, compatibilityDate="2")) == ("compatibilityDate",)
    assert reasons({"title": "a"}, {"title": "b"}) == ("title",)


def test_what_was_not_there_before_has_no_reasons():
    assert reasons({}, version({})) == ()


def test_the_rendered_configuration_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    bundle = render(config_of(ROOT, "local"))
    text = next(each.source for each in bundle.modules if each.name == "config.js")
    old = version({}) | {"modules": [module("config.js", text)]}
    new = version({}) | {
        "modules": [module("config.js", text.replace('"environment": "local"', '"environment": "dev"'))]
    }
    assert reasons(old, new) == ('environment: "local" → "dev"',)
