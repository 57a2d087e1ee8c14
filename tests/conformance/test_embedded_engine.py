"""The embedded engine sends what the real provider sends for the same resources."""

import json
from pathlib import Path

from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.engine.state import State

from . import coverage

ROOT = Path(__file__).parents[2]
RECORDING = Path(__file__).parent / "recordings" / "provider-trio.jsonl"


def keys(value, path=""):
    """Paths of all keys of a body; lists count by their first item, maps of bindings and modules not at all."""
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in {f"{path}{key}", *keys(inner, f"{path}{key}.")}}
    return keys(value[0], f"{path}[].") if isinstance(value, list) and value and "bindings" not in path else set()


def created(calls):
    """Kind -> body of the first call that created it."""
    found = {}
    for call in calls:
        body = call["body"]
        if call["method"] == "POST" and body:
            found.setdefault(call["path"].rsplit("/", 1)[1], json.loads(body) if isinstance(body, str) else body)
    return found


def test_bodies_have_the_same_fields(api, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEWRIGHT_STATE", str(tmp_path))
    one_class = {"limits": {}}  # as in the recording
    cloud = CloudflareApi(api.cloud.api_url, api.cloud.token)
    EmbeddedEngine(ROOT, "local", api=lambda: cloud, overrides=one_class).up()
    ours = created(api.log())
    theirs = created(map(json.loads, RECORDING.read_text().splitlines()))
    assert set(ours) == set(theirs) == {"namespaces", "workers", "versions", "deployments"}
    for kind in theirs:
        # Ours adds a message and the request-signal flag; the recording's class has another name.
        added = {"annotations", "annotations.workers/message", "annotations.workers/tag", "compatibility_flags"}
        same = {key.replace("exports.Conv", "exports.Conversation") for key in keys(theirs[kind])}
        assert keys(ours[kind]) - added == same, kind
    names = [binding["name"] for binding in ours["versions"]["bindings"]]
    assert names == sorted(names, key=str.encode)


def test_a_destroy_sends_what_the_provider_sends(api, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEWRIGHT_STATE", str(tmp_path))
    engine = EmbeddedEngine(ROOT, "local", api=lambda: CloudflareApi(api.cloud.api_url, api.cloud.token))
    engine.up()
    engine.destroy()
    deleted = [call["path"].split("/")[-2] for call in api.log() if call["method"] == "DELETE"]
    assert sorted(deleted) == ["namespaces", "workers"]


WHOLE = {
    "routes": [{"pattern": "api.edgewright.test/*", "zone": "edgewright.test"}],
    "custom_domain": {"hostname": "ai.edgewright.test", "zone": "edgewright.test"},
}
WITHOUT_SESSIONS = {"sessions": {"enabled": False}, "deleted_objects": ["Conversation"]}


def forget(folder):
    """The state as a crash leaves it: everything was made, and the answers were lost."""
    state = State.load(folder / "stacks" / "local")
    state.pending = list(state.resources)
    state.resources = {}
    state.save()


def test_every_call_of_the_engine_is_on_the_page_of_coverage(api, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEWRIGHT_STATE", str(tmp_path))

    def engine(**overrides):
        cloud = lambda: CloudflareApi(api.cloud.api_url, api.cloud.token)  # noqa: E731
        return EmbeddedEngine(ROOT, "local", api=cloud, overrides=overrides)

    engine(**WHOLE).up()
    forget(tmp_path)
    engine(**WHOLE).up()
    engine(**WHOLE, **WITHOUT_SESSIONS, workers_dev=False).up()
    engine().destroy()
    called = {coverage.operation_of(call["method"], call["path"].removeprefix(coverage.API)) for call in api.log()}
    listed = coverage.callers()
    resources = {operation for found in listed["resources"].values() for operation in found}
    commands = {each for who, found in listed["commands"].items() if "`up`" in who for each in found}
    assert called <= resources | commands
    assert commands <= called
    state = api.control("GET", "state")
    assert not any(state[kind] for kind in ("workers", "routes", "domains", "kv_namespaces"))
