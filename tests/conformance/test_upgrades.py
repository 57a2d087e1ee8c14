"""What an earlier version has deployed goes on under this one: no resource with data is replaced, and none is lost."""

import json

import httpx
import pytest

from .upgrade import ARCHIVE, ASKED, KEPT, RECORDS, checkpoint, stacks, world

VERSIONS = sorted(path.parent.name for path in RECORDS.glob(f"*/{ARCHIVE}"))

# What a new version is: code is uploaded and deployed anew, never changed in place, and the old one stays.
RELEASED = {"WorkerVersion", "WorkersDeployment"}
# A change of one of these makes another resource (cloudflare-api facts 4); for all other types: of any property.
REPLACES = {
    "WorkersKvNamespace": {"accountId"},
    "Worker": {"accountId"},
    "WorkersRoute": {"zoneId"},
    "WorkersCustomDomain": None,
}


@pytest.fixture(params=VERSIONS)
def taken_up(request, tmp_path):
    """A version's stacks and its local cloud, with this version's program."""
    record = RECORDS / request.param
    with world(tmp_path, sorted(record.glob("Pulumi.*.yaml")), record) as made:
        yield made


def unsafe(steps):
    """The steps that would replace or delete what holds data or an address."""
    for step in steps:
        allowed = {"same", "update"} | ({"replace"} if step.short_type in RELEASED else set())
        if step.operation not in allowed:
            yield step.operation, step.short_type, step.changed


def test_there_is_a_record():
    assert VERSIONS


def entry(made, stack):
    """The kept value."""
    return httpx.get(**made.entry(stack), trust_env=False).content


def messages(made, stack):
    """What the kept conversation holds."""
    return made.ask(stack, "GET", f"/v1/conversations/{KEPT}")["messages"]


def test_an_upgrade_replaces_nothing_and_loses_nothing(taken_up):
    for stack in stacks(taken_up.folder):
        engine = taken_up.engine(stack)
        before, planned = engine.outputs(), engine.preview()
        assert list(unsafe(planned.steps)) == []
        assert [note for step in planned.steps for note in step.notes if "deleted" in note or "no longer" in note] == []
        engine.up()
        after = engine.outputs()
        assert (after["worker"], after["namespace_id"]) == (before["worker"], before["namespace_id"])
        assert entry(taken_up, stack) == b"v"
        assert [step.operation for step in engine.preview().steps if step.operation != "same"] == []


def test_a_conversation_of_an_earlier_version_is_read_and_goes_on(taken_up):
    talking = [stack for stack in stacks(taken_up.folder) if taken_up.engine(stack).config().sessions.enabled]
    assert talking
    for stack in talking:
        held = messages(taken_up, stack)
        assert len(held) == 2
        taken_up.engine(stack).up()
        assert messages(taken_up, stack) == held
        taken_up.ask(stack, "POST", "/v1/chat/completions", json=ASKED)
        now = messages(taken_up, stack)
        assert (now[:2], len(now)) == (held, 4)
        assert now[2]["content"] == ASKED["messages"][0]["content"]


def resources(held):
    """URN -> resource of a checkpoint."""
    return {each["urn"]: each for each in held["deployment"]["resources"]}


def replaced(old, new):
    """The properties whose change makes Pulumi replace a resource of ours."""
    kind = old["type"].rsplit(":", 1)[1]
    if kind in RELEASED or not old["custom"]:
        return set()
    keys = REPLACES[kind] or set(old["inputs"]) | set(new["inputs"])
    return {key for key in keys if old["inputs"].get(key) != new["inputs"].get(key)}


def test_pulumi_would_find_each_resource_again(taken_up):
    """By the names and parents in the checkpoint: under another one, a resource is a new one and the old is deleted."""
    for stack in stacks(taken_up.folder):
        recorded = taken_up.folder / "state" / "checkpoints" / f"{stack}.json"
        old, new = resources(json.loads(recorded.read_text())), resources(checkpoint(taken_up.engine(stack)))
        assert set(old) <= set(new)
        for urn, each in old.items():
            assert (each["type"], each.get("parent")) == (new[urn]["type"], new[urn].get("parent"))
            assert replaced(each, new[urn]) == set(), urn
            assert bool(each.get("retainOnDelete")) <= bool(new[urn].get("retainOnDelete")), urn
