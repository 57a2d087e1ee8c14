"""Rendering: same input, same bytes; only what is enabled is shipped; values cannot become code."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from edgewright import assets
from edgewright.config import from_values
from edgewright.config.models import FRONT_ENDS
from edgewright.errors import RenderError
from edgewright.keys import new_client_key
from edgewright.rendering import render
from edgewright.rendering.bundle import compact, imports
from edgewright.rendering.context import FEATURES
from edgewright.rendering.environment import js, render_template

KEY = new_client_key()
SIGNING_KEY = new_client_key()
ALERT_SECRET = "whsec_" + "ca" * 22
BASE = {
    "account_id": "0" * 32,
    "environment": "dev",
    "upstreams": {"ai": {"type": "workers-ai"}},
    "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
    "auth": {"keys": {"ci": {"tenant": "ci"}}},
    "client_keys": {"ci": KEY},
    "drill_secret": "canary-drill-secret-" + "x" * 32,
}
SESSIONS = {"sessions": {"enabled": True}}
# Most bytes that each adds to a stack that has everything but protocols.
PROTOCOLS = {
    "ag_ui": 18_000,
    "anthropic": 24_000,
    "completions": 4_000,
    "copilotkit": 27_000,
    "copilotkit_graphql": 20_000,
    "embeddings": 6_000,
    "responses": 32_000,
}
EVERYTHING = {
    "auth": {"keys": {"ci": {"tenant": "ci"}}, "signed_requests": True},
    "signing_keys": {"ci": SIGNING_KEY},
    "cache": {"enabled": True, "encryption": True},
    "cache_keys": ["ca" * 32],
    "cors": {"origins": ["https://app.example"]},
    "fallback": {"mid_stream": "continue"},
    "agents": {"default": {"model": "small"}},
    "protocols": dict.fromkeys(PROTOCOLS, True),
    "openapi": {"enabled": True},
    "limits": {
        "rules": [{"name": "burst", "per": "key", "of": "requests", "at_most": 100, "window_seconds": 60}],
    },
    "sessions": {"enabled": True, "max_context_tokens": 4_000, "summary": {}},
    "usage": {"enabled": True, "report": True},
    "usage_token": "canary-usage-token",
    "alerts": {"url": "https://hooks.example/x", "budgets": [{"name": "month", "of": "tokens", "thresholds": [1_000]}]},
    "alert_secrets": [ALERT_SECRET],
    "observability": {"otlp": {"endpoint": "https://otel.example"}},
    "otlp_headers": {"authorization": "canary-otlp-header"},
    "verification": {"drills": True},
    "upstreams": {
        "ai": {"type": "workers-ai"},
        "api": {"type": "openai-compatible", "base_url": "https://x.example/v1"},
    },
    "upstream_keys": {"api": "canary-upstream-key"},
}


def bundle(**changes):
    return render(from_values({**BASE, **changes}, source="x"))


def names(**changes):
    return {module.name for module in bundle(**changes).modules}


def test_equal_input_gives_equal_bytes_whatever_the_order_of_keys():
    models = {name: {"targets": [{"upstream": "ai", "model": name}]} for name in ("b", "a")}
    first = bundle(models=models)
    second = bundle(models=dict(reversed(models.items())))
    assert [m.source for m in first.modules] == [m.source for m in second.modules]
    assert first.content_hash == second.content_hash


def test_the_hash_follows_the_content():
    assert bundle().content_hash != bundle(limits={"max_messages": 5}).content_hash


@pytest.mark.parametrize(
    ("feature", "on", "off"),
    [
        ("cache/", {"cache": {"enabled": True}}, {}),
        ("cors/", {"cors": {"origins": ["https://a.example"]}}, {}),
        (
            "protocols/ag_ui/",
            {"protocols": {"ag_ui": True}, "agents": {"default": {"model": "small"}}},
            {"agents": {"default": {"model": "small"}}},
        ),
        ("protocols/anthropic/", {"protocols": {"anthropic": True}}, {}),
        (
            "protocols/copilotkit/",
            {"protocols": {"copilotkit": True}, "agents": {"default": {"model": "small"}}},
            {"agents": {"default": {"model": "small"}}},
        ),
        (
            "protocols/copilotkit_graphql/",
            {"protocols": {"copilotkit_graphql": True}},
            {"agents": {"default": {"model": "small"}}},
        ),
        ("protocols/responses/", {"protocols": {"responses": True}}, {}),
        ("protocols/completions/", {"protocols": {"completions": True}}, {}),
        ("protocols/embeddings/", {"protocols": {"embeddings": True}}, {}),
        ("drills/", {"verification": {"drills": True}}, {}),
        ("fallback/step.js", {}, {"fallback": {"enabled": False}}),
        ("breaker/", {}, {"breaker": {"enabled": False}}),
        ("continuation/", {"fallback": {"mid_stream": "continue"}}, {}),
        ("encryption/", EVERYTHING, {"cache": {"enabled": True}}),
        ("auth/signed.js", EVERYTHING, {}),
        ("sessions/socket.js", {"sessions": {"enabled": True}}, {"sessions": {"enabled": True, "sockets": False}}),
        ("sessions/kept.js", {**SESSIONS, "protocols": {"responses": True}}, SESSIONS),
        ("sessions/summary.js", EVERYTHING, {"sessions": {"enabled": True}}),
        ("sessions/threads.js", EVERYTHING, {"sessions": {"enabled": True}}),
        ("sessions/", {"sessions": {"enabled": True}}, {}),
        ("limits/", EVERYTHING, {}),
        ("openapi", {"openapi": {"enabled": True}}, {}),
        ("usage/report.js", EVERYTHING, {"usage": {"enabled": True}}),
        ("telemetry/", EVERYTHING, {"usage": {"enabled": True}}),
        ("usage/", {"usage": {"enabled": True}}, {}),
        ("alerts/", EVERYTHING, {"usage": {"enabled": True}}),
        ("auth/", {}, {"auth": {"mode": "none"}, "client_keys": {}}),
        ("upstream/openai_compatible.js", EVERYTHING, {}),
    ],
)
def test_what_a_stack_does_not_enable_is_not_shipped(feature, on, off):
    assert any(name.startswith(feature) for name in names(**on))
    assert not any(name.startswith(feature) for name in names(**off))


def test_agents_are_told_to_a_worker_that_front_ends_name_them_to():
    def told(**protocols):
        built = bundle(protocols=protocols, agents={"default": {"model": "small"}})
        return any("agents" in module.source for module in built.modules if module.name == "config.js")

    assert (told(ag_ui=True), told(anthropic=True)) == (True, False)
    assert all(told(**{name: True}) for name in FRONT_ENDS)


def test_everything_together_stays_small_and_no_secret_is_in_it():
    everything = bundle(**EVERYTHING)
    assert set(from_values({**BASE, **EVERYTHING}, source="x").features) == set(FEATURES)
    silent = bundle(**{**EVERYTHING, "alerts": {}})
    untold = bundle(**{**EVERYTHING, "observability": {}})
    off = {"alerts": {}, "observability": {}, "usage": {}, "protocols": {}, "openapi": {}}
    unmetered = bundle(**{**EVERYTHING, **off})
    plain = {**EVERYTHING, **off, "limits": {}}
    unlimited = bundle(**plain)
    socketless = bundle(**{**plain, "sessions": {"enabled": True, "sockets": False}})
    stateless = bundle(**{**plain, "sessions": {"enabled": False}})
    assert stateless.size < 108_000
    assert socketless.size - stateless.size < 46_000
    assert unlimited.size - socketless.size < 18_000
    assert unmetered.size - unlimited.size < 13_000
    counted = bundle(**{**EVERYTHING, "alerts": {}, "observability": {}, "protocols": {}, "openapi": {}})
    assert everything.size - bundle(**{**EVERYTHING, "openapi": {}}).size < 46_000
    assert counted.size - unmetered.size < 22_000
    assert everything.size - silent.size < 8_000
    assert everything.size - untold.size < 9_500
    text = "".join(module.source for module in everything.modules)
    canaries = ("ca" * 22, "canary-drill-secret", "canary-upstream-key", "canary-usage-token", "canary-otlp-header")
    for secret in (KEY, SIGNING_KEY, *canaries):
        assert secret not in text


@pytest.mark.parametrize(("name", "most"), PROTOCOLS.items())
def test_a_protocol_weighs_little_and_the_rest_nothing(name, most):
    plain = {**EVERYTHING, "protocols": {}, "openapi": {}}
    assert 0 < bundle(**{**plain, "protocols": {name: True}}).size - bundle(**plain).size < most


def test_the_document_is_of_the_stack_and_no_code():
    def api(**changes):
        built = bundle(openapi={"enabled": True}, **changes)
        [module] = [each for each in built.modules if each.name == "openapi.js"]
        return built.code_hash, json.loads(json.loads(module.source.partition("export default ")[2].rstrip(";\n")))

    code, plain = api()
    assert plain["components"]["schemas"]["ModelName"]["enum"] == ["small"]
    assert not any(path.startswith(("/agent", "/copilotkit", "/v1/conversations")) for path in plain["paths"])
    assert "model" in plain["components"]["schemas"]["ChatRequest"]["required"]
    same, other = api(models={"large": BASE["models"]["small"]}, default_model="large")
    assert (same, other["components"]["schemas"]["ModelName"]["enum"]) == (code, ["large"])
    assert "model" not in other["components"]["schemas"]["ChatRequest"]["required"]
    _, agents = api(protocols={"ag_ui": True}, agents={"desk": {"model": "small"}})
    assert agents["components"]["schemas"]["AgentId"]["enum"] == ["desk"]
    assert {"/agent/{id}/run"} == {path for path in agents["paths"] if path.startswith("/agent")}
    _, open_to_all = api(auth={"mode": "none"}, client_keys={})
    assert open_to_all["security"] == []


def test_rendering_takes_less_than_50_ms():
    config = from_values({**BASE, **EVERYTHING}, source="x")
    render(config)  # the first call also loads the templates
    best = min(_seconds(lambda: render(config)) for _ in range(5))
    assert best < 0.050


def _seconds(action):
    """Of this process's own time: what else a machine does is not the renderer's."""
    start = time.process_time()
    action()
    return time.process_time() - start


def test_every_module_is_valid_javascript(tmp_path):
    bundle(**EVERYTHING).write(tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for path in sorted(tmp_path.rglob("*.js")):
        subprocess.run(["node", "--check", path], check=True, capture_output=True)


def test_the_rendered_configuration_is_frozen_and_true(tmp_path):
    hostile = "@cf/</script>${x}`'"
    built = bundle(models={"small": {"targets": [{"upstream": "ai", "model": hostile}]}})
    built.write(tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    script = (
        "import c from './config.js'; let frozen = true;"
        "const walk = (v) => { if (v && typeof v === 'object') { frozen &&= Object.isFrozen(v);"
        "Object.values(v).forEach(walk); } }; walk(c);"
        "console.log(JSON.stringify({frozen, model: c.models.small.targets[0].model}))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == {"frozen": True, "model": hostile}


def test_the_js_filter_cannot_be_escaped_from():
    text = js({"a": "</script>\u2028\u2029"})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"a": "</script>\u2028\u2029"}
    with pytest.raises(RenderError, match="cannot be written"):
        js(float("nan"))


def test_an_unknown_name_in_a_template_is_an_error(tmp_path):
    (tmp_path / "x.js.j2").write_text("{{ nope }}")
    with pytest.raises(RenderError, match="nope"):
        render_template(tmp_path, "x.js.j2", {})


def test_a_missing_module_is_named_with_its_importer(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "worker_src", lambda: tmp_path)
    with pytest.raises(RenderError, match=r"entry\.js imports .*\.js, which is not in"):
        bundle()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('import { a } from "./b.js";', ["auth/b.js"]),
        ('import {\n  a,\n  b,\n} from "../errors.js";', ["errors.js"]),
        ('export { x } from "./y.js";', ["auth/y.js"]),
        ('import "./side.js";', ["auth/side.js"]),
        ('// import "./no.js"\nconst s = "import x from \'./no.js\'";', []),
        ('import { DurableObject } from "cloudflare:workers";', []),
    ],
)
def test_imports_are_found(source, found):
    assert imports("auth/step.js", source) == found


def test_every_import_of_worker_src_is_seen():
    """The scanner against Node's own resolution: a missed import would break the upload."""
    folder = Path(assets.worker_src())
    for path in folder.rglob("*.js"):
        relative = path.relative_to(folder).as_posix()
        written = path.read_text().count(' from "./') + path.read_text().count(' from "../')
        assert len(imports(relative, path.read_text())) >= written, relative


def test_comments_are_not_shipped_and_lines_stay_where_they_are():
    source = """/* a */ const kept = 1; /* b */
/** a
 * b
 */
const url = "https://x"; // kept
  // gone
  /* gone */
const re = /\\/\\*/;
"""
    left = [
        "/* a */ const kept = 1; /* b */",
        "",
        "",
        "",
        'const url = "https://x"; // kept',
        "",
        "",
        "const re = /\\/\\*/;",
    ]
    assert compact(source).splitlines() == [line.lstrip() for line in left]


def test_no_module_of_the_worker_loses_code_with_its_comments():
    for path in (Path(__file__).parents[3] / "worker_src").rglob("*.js"):
        source = path.read_text()
        kept = compact(source)
        assert all(line.count("`") % 2 == 0 for line in kept.split("\n")), "a text over several lines loses indents"
        assert kept.count("\n") == source.count("\n")
        lost = [
            line
            for line, left in zip(source.split("\n"), kept.split("\n"), strict=True)
            if line.strip() and not left.strip() and not line.strip().startswith(("//", "/*", "*"))
        ]
        assert not lost, f"{path}: {lost}"


def test_the_code_hash_is_of_all_but_the_values():
    one, other = bundle(), bundle(name="other", environment="staging", limits={"max_messages": 5})
    assert (one.code_hash == other.code_hash, one.content_hash == other.content_hash) == (True, False)
    assert bundle(cors={"origins": ["https://a.example"]}).code_hash != one.code_hash
