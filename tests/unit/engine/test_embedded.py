"""The embedded engine: only the calls that are needed, and a state from which the next run recovers."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.errors import ApiError, ConfigError, EngineError
from edgewright.keys import new_client_key

ROOT = Path(__file__).parents[3]
KEY = new_client_key()


@pytest.fixture
def stack(tmp_path, fake, monkeypatch):
    """A project in an empty folder; ``stack(key=value)`` is an engine over its changed stack file."""
    monkeypatch.delenv("EDGEWRIGHT_STATE", raising=False)
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("edgewright", "__pycache__"))
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    values = {
        "account_id": "a" * 32,
        "environment": "dev",
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
        "auth": {"keys": {"ci": {"tenant": "ci"}}},
        "client_keys": {"ci": KEY},
        "cache": {"enabled": True},
    }

    def engine(**changes):
        values.update(changes)
        config = {f"edgewright:{key}": value for key, value in values.items()}
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
        return EmbeddedEngine(
            tmp_path, "dev", api=lambda: CloudflareApi(fake.url, "t" * 40, sleep=lambda _seconds: None)
        )

    engine.folder = tmp_path
    return engine


def operations(result):
    return [(step.operation, step.short_type) for step in result.steps]


def test_up_makes_what_the_provider_would_make(stack, fake):
    result = stack().up()
    assert operations(result) == [
        ("create", "WorkersKvNamespace"),
        ("create", "Worker"),
        ("create", "WorkerVersion"),
        ("create", "WorkersDeployment"),
    ]
    bodies = {path.rsplit("/", 1)[1]: body for method, path, body in fake.calls if method == "POST"}
    assert bodies["namespaces"] == {"title": "edge-proxy-dev-cache"}
    assert bodies["workers"]["subdomain"] == {"enabled": True, "previews_enabled": True}
    assert bodies["workers"]["logpush"] is False
    version = bodies["versions"]
    assert [binding["name"] for binding in version["bindings"]] == [
        "AI",
        "CACHE",
        "CONTENT_HASH",
        "KEY_HASHES",
        "VERSION",
    ]
    assert version["main_module"] == "entry.js"
    assert set(version["annotations"]) == {"workers/message", "workers/tag"}
    assert bodies["deployments"]["versions"][0]["percentage"] == 100
    assert result.outputs["url"] == "https://edge-proxy-dev.acme.workers.dev"
    assert KEY not in json.dumps(bodies)


def test_a_second_up_writes_nothing(stack, fake):
    stack().up()
    fake.calls.clear()
    result = stack().up()
    assert fake.writes == []
    assert {step.operation for step in result.steps} == {"same"}


def test_a_change_makes_only_the_calls_it_needs(stack, fake):
    stack().up()
    fake.calls.clear()
    result = stack(limits={"max_messages": 7}).up()
    assert fake.writes == ["POST versions", "POST deployments"]
    version = next(step for step in result.steps if step.short_type == "WorkerVersion")
    assert version.operation == "replace"
    assert any(path.startswith("modules") for path in version.changed)


def test_preview_says_so_and_writes_nothing(stack, fake):
    first = stack().preview()
    assert [operation for operation, _ in operations(first)] == ["create"] * 4
    assert fake.writes == []
    stack().up()
    fake.calls.clear()
    assert stack().preview().changes == 0
    changed = operations(stack(observability={"enabled": False}).preview())
    assert changed == [
        ("same", "WorkersKvNamespace"),
        ("update", "Worker"),
        ("same", "WorkerVersion"),
        ("same", "WorkersDeployment"),
    ]
    assert fake.writes == []


def test_destroy_leaves_the_account_empty_and_deletes_the_worker_before_its_namespace(stack, fake):
    stack().up()
    fake.calls.clear()
    stack().destroy()
    deleted = [path.split("/")[-2] for method, path, _ in fake.calls if method == "DELETE"]
    assert deleted == ["workers", "namespaces"]
    with pytest.raises(EngineError, match="not deployed"):
        stack().outputs()


def test_a_retained_namespace_stays(stack, fake):
    stack(cache={"enabled": True, "retain_on_destroy": True}).up()
    result = stack().destroy()
    assert ("retain", "WorkersKvNamespace") in operations(result)
    assert any("/namespaces/" in path for path in fake.items)


def test_what_leaves_the_configuration_leaves_the_account(stack, fake):
    stack(routes=[{"pattern": "ai.example.com/*", "zone": "example.com"}]).up()
    assert any("/workers/routes/" in path for path in fake.items)
    stack(routes=[]).up()
    assert not any("/workers/routes/" in path for path in fake.items)


def test_a_failed_call_keeps_the_state_and_the_next_run_goes_on(stack, fake):
    fake.faults.append({"match": "POST /accounts/" + "a" * 32 + "/workers/workers/", "status": 403, "times": 99})
    with pytest.raises(ApiError, match="403") as caught:
        stack().up()
    assert caught.value.code == 10000
    fake.faults.clear()
    fake.calls.clear()
    stack().up()
    assert fake.writes == ["POST versions", "POST deployments"]


def test_an_answer_that_was_lost_does_not_make_a_second_namespace(stack, fake):
    """The call did its work, the answer never came: the next run finds what it left."""
    fake.faults.append(
        {"match": "POST", "status": 500, "times": 1, "after": True, "headers": {"x-should-retry": "false"}}
    )
    with pytest.raises(ApiError):
        stack().up()
    stack().up()
    assert len([path for path in fake.items if "/namespaces/" in path]) == 1


def test_resources_that_went_away_are_made_again(stack, fake):
    stack().up()
    fake.items.clear()
    assert {operation for operation, _ in operations(stack().up())} == {"create"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_are_retried(stack, fake, status):
    fake.faults.append({"match": "POST", "status": status, "times": 2, "headers": {"Retry-After": "0"}})
    assert stack().up().changes == 4


def test_no_secret_reaches_the_state_file(stack):
    stack(drill_secret="canary-" + "d" * 32, verification={"drills": True}).up()
    held = (stack.folder / ".edgewright/stacks/dev/state.json").read_text()
    assert KEY not in held
    assert "canary" not in held
    assert "secret_digest" in held


def test_a_changed_secret_is_noticed(stack, fake):
    stack().up()
    fake.calls.clear()
    result = stack(client_keys={"ci": new_client_key()}).up()
    assert "POST versions" in fake.writes
    version = next(step for step in result.steps if step.short_type == "WorkerVersion")
    assert version.changed == ("bindings[3].text",)


def test_a_wrong_configuration_makes_no_call(stack, fake):
    with pytest.raises(ConfigError):
        stack(cache={"enabled": True, "ttl_seconds": 1}).up()
    assert fake.calls == []


def test_a_zone_that_is_not_there_is_told(stack):
    with pytest.raises(EngineError, match=r"0 zones named 'other\.com'"):
        stack(routes=[{"pattern": "other.com/*", "zone": "other.com"}]).up()


def test_secret_outputs_are_hidden_unless_asked_for(stack):
    stack().up()
    assert stack().outputs()["verify_key"] == "[secret]"
    assert stack().outputs(reveal=True)["verify_key"] == KEY


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": 1}', '{"schema": 1, "salt": "x", "resources": 7}', '{"schema": 9}']
)
def test_a_broken_state_file_is_told(stack, text):
    stack().up()
    (stack.folder / ".edgewright/stacks/dev/state.json").write_text(text)
    with pytest.raises(EngineError, match=r"state\.json: .*\n  fix: "):
        stack().up()


@pytest.mark.parametrize(
    "damage", [{"outputs": "abc"}, {"outputs": {"url": "x"}}, {"outputs": None}, {"secret_outputs": None}]
)
def test_outputs_that_are_damaged_are_told(stack, damage):
    stack().up()
    path = stack.folder / ".edgewright/stacks/dev/state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(EngineError, match=r"state\.json: parts of it are missing or wrong"):
        stack().outputs()


def test_what_is_protected_is_not_deleted_until_the_stack_file_says_so(stack, fake):
    stack(protect=True).up()
    fake.calls.clear()
    with pytest.raises(EngineError, match=r"protected: .*Worker edge-worker.*\n  fix: set protect: false"):
        stack().destroy()
    assert fake.writes == []
    with pytest.raises(EngineError, match=r"protected: WorkersKvNamespace edge-cache"):
        stack(cache={"enabled": False}).up()
    assert any("/namespaces/" in path for path in fake.items)
    stack(protect=False, cache={"enabled": True}).up()
    stack().destroy()
    assert not any("/namespaces/" in path for path in fake.items)


def test_a_refresh_forgets_what_is_gone_and_tells_what_was_changed(stack, fake):
    stack().up()
    assert stack().refresh().changes == 0
    gone = next(path for path in fake.items if "/namespaces/" in path)
    del fake.items[gone]
    fake.calls.clear()
    assert ("delete", "WorkersKvNamespace") in operations(stack().refresh())
    assert fake.writes == []
    assert stack().refresh().changes == 0
    assert ("create", "WorkersKvNamespace") in operations(stack().preview())


def test_a_held_version_keeps_all_requests_and_what_it_uses(stack, fake):
    old = stack().up().outputs["version_id"]
    fake.calls.clear()
    engine = stack(cache={})
    assert engine.up(hold=old).outputs["version_id"] != old
    assert fake.writes == ["POST versions"]
    assert operations(engine.preview())[-2:] == [("replace", "WorkersDeployment"), ("delete", "WorkersKvNamespace")]
    fake.calls.clear()
    engine.up()
    assert [write.split()[0] for write in fake.writes] == ["POST", "DELETE"]
    assert engine.preview().changes == 0


def test_a_deployment_that_another_has_followed_is_made_again(stack, fake):
    """The shares count, and not who made them."""
    engine = stack()
    made = engine.up().outputs["version_id"]
    path = f"/accounts/{'a' * 32}/workers/scripts/edge-proxy-dev/deployments"
    api = CloudflareApi(fake.url, "t" * 40)
    api.call("POST", path, {"strategy": "percentage", "versions": [{"version_id": "x", "percentage": 100}]})
    assert ("create", "WorkersDeployment") in operations(engine.preview())
    api.call("POST", path, {"strategy": "percentage", "versions": [{"version_id": made, "percentage": 100}]})
    assert engine.preview().changes == 0
