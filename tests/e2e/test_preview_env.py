"""Preview environments on the local cloud: apart from each other, found by their marks, removed in time."""

import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from edgewright.engine.api import CloudflareApi
from edgewright.lifecycle.preview_stack import Mark
from edgewright.lifecycle.previews import Previews

from .inside import local_cloud, run, said
from .test_deploy import change, chat, copied

FROM = ("--from", "local")


@pytest.fixture
def project(tmp_path):
    return copied(tmp_path)


@pytest.fixture
def cloud():
    with local_cloud() as running:
        yield running


def made(project, name, *options):
    return run(project, "preview-env", "--name", name, *FROM, *options)


def api_of(cloud):
    return CloudflareApi(cloud.api_url, cloud.token)


def previews(cloud):
    return Previews(api_of(cloud), cloud.account_id)


def there(cloud):
    """Names of Workers and titles of KV namespaces in the account."""
    api, account = api_of(cloud), f"/accounts/{cloud.account_id}"
    workers, namespaces = (
        api.call("GET", f"{account}{path}") for path in ("/workers/workers", "/storage/kv/namespaces")
    )
    return sorted(each["name"] for each in workers), sorted(each["title"] for each in namespaces)


def ask(facts, key=None, text="hi"):
    return chat({"url": facts["url"], "verify_key": key or facts["verify_key"]}, text)


def test_two_previews_share_nothing_with_each_other_or_the_stack_they_are_made_from(project, cloud):
    change(project, custom_domain={"hostname": "ai.edgewright.test", "zone": "edgewright.test"}, protect=True)
    run(project, "up")
    stack = run(project, "outputs", "--show-secrets")
    one, two = made(project, "pr-1"), made(project, "pr-2", "--ttl", "2h")
    assert one["worker"] == "edge-proxy-pr-1-local"
    workers, namespaces = there(cloud)
    assert workers == ["edge-proxy-local", "edge-proxy-pr-1-local", "edge-proxy-pr-2-local"]
    assert namespaces == [f"{worker}-cache" for worker in workers]
    # What one has cached another does not know, and a key opens its own stack only.
    assert [ask(one, text="same").headers["x-edge-cache"] for _ in range(2)] == ["MISS", "HIT"]
    assert ask(two, text="same").headers["x-edge-cache"] == "MISS"
    assert {ask(one, two["verify_key"]).status_code, ask(two, stack["verify_key"]).status_code} == {401}
    assert len({facts["drill_secret"] for facts in (stack, one, two)}) == 3
    assert ask(one).headers["x-edge-version-id"] == one["version_id"]
    # A conversation of one is no conversation of the other.
    talk = {"conversation": "of-one"}
    assert chat(one, "hello", **talk).status_code == 200
    bearer = {"Authorization": f"Bearer {two['verify_key']}"}
    other = httpx.get(f"{two['url']}/v1/conversations/of-one", headers=bearer, trust_env=False, timeout=30)
    assert other.status_code == 404


def test_the_same_name_updates_keeps_its_keys_and_lives_on(project, cloud):
    first = made(project, "pr-1", "--ttl", "1h")
    change(project, timeouts={"connect_ms": 9_000})
    second = made(project, "pr-1", "--ttl", "2h")
    assert second["version_id"] != first["version_id"]
    assert second["expires"] > first["expires"]
    assert (second["url"], second["verify_key"]) == (first["url"], first["verify_key"])
    assert ask(second).headers["x-edge-version-id"] == second["version_id"]
    assert there(cloud)[0] == ["edge-proxy-pr-1-local"]
    (listed,) = run(project, "preview-env", "--list", *FROM)["previews"]
    assert (listed["name"], listed["expires"], listed["expired"]) == ("pr-1", second["expires"], False)


def test_a_comment_names_the_address_and_no_secret(project, cloud):
    del cloud
    comment, told = said(project, "preview-env", "--name", "pr-1", *FROM, "--markdown")
    facts = made(project, "pr-1")
    assert comment.startswith("<!-- edgewright preview pr-1 -->\n")
    assert f"| address | {facts['url']} |" in comment
    for secret in ("verify_key", "other_key", "drill_secret"):
        assert facts[secret] not in comment + told


def test_what_is_deleted_leaves_nothing_and_can_come_again(project, cloud):
    before = made(project, "pr-1")
    made(project, "pr-2")
    assert run(project, "preview-env", "--delete", "--name", "pr-1", *FROM) == {"name": "pr-1", "removed": True}
    assert there(cloud) == (["edge-proxy-pr-2-local"], ["edge-proxy-pr-2-local-cache"])
    assert not (project / ".edgewright" / "stacks" / "local-preview-pr-1").exists()
    assert run(project, "preview-env", "--delete", "--name", "pr-1", *FROM)["removed"] is False
    after = made(project, "pr-1")
    assert after["verify_key"] != before["verify_key"]
    assert ask(after).status_code == 200


def test_reapers_at_once_remove_what_has_expired_and_nothing_else(project, cloud):
    run(project, "up")
    for name, ttl in (("old-1", "1m"), ("old-2", "1m"), ("young", "1d")):
        made(project, name, "--ttl", ttl)
    later, removed, failures = datetime.now(UTC) + timedelta(hours=1), [], []

    def reap():
        try:
            removed.extend(each.mark.name for each in previews(cloud).reap(later))
        except Exception as error:
            failures.append(error)

    reapers = [threading.Thread(target=reap) for _ in range(8)]
    for reaper in reapers:
        reaper.start()
    for reaper in reapers:
        reaper.join(60)
    assert failures == []
    assert set(removed) == {"old-1", "old-2"}
    left = ["edge-proxy-local", "edge-proxy-young-local"]
    assert there(cloud) == (left, [f"{worker}-cache" for worker in left])
    # A state that knows of what a reaper has removed is no hindrance.
    assert ask(made(project, "old-1")).status_code == 200


def test_a_reaped_one_leaves_no_state_where_it_was_made(project, cloud):
    made(project, "pr-1", "--ttl", "1m")
    assert run(project, "preview-env", "--reap", *FROM) == {"removed": []}
    api, path = api_of(cloud), f"/accounts/{cloud.account_id}/workers/workers/edge-proxy-pr-1-local"
    past = Mark("pr-1", datetime.now(UTC) - timedelta(seconds=1))
    api.call("PATCH", path, {"tags": past.tags})
    (listed,) = run(project, "preview-env", "--list", *FROM)["previews"]
    assert listed["expired"] is True
    (reaped,) = run(project, "preview-env", "--reap", *FROM)["removed"]
    assert reaped["name"] == "pr-1"
    assert there(cloud) == ([], [])
    assert list((project / ".edgewright" / "stacks").iterdir()) == []


def test_one_that_is_made_anew_while_it_is_reaped_keeps_its_namespace_and_its_state(project, cloud, monkeypatch):
    expired = made(project, "pr-1")
    api = api_of(cloud)
    worker = f"/accounts/{cloud.account_id}/workers/workers/{expired['worker']}"
    tags = Mark("pr-1", datetime.now(UTC) - timedelta(hours=1)).tags
    api.call("PATCH", worker, {"tags": tags})
    deleted = Previews._deleted

    def meanwhile(self, path):
        found = deleted(self, path)
        monkeypatch.setattr(Previews, "_deleted", deleted)
        made(project, "pr-1")
        return found

    monkeypatch.setattr(Previews, "_deleted", meanwhile)
    run(project, "preview-env", "--reap", *FROM)
    assert there(cloud) == (["edge-proxy-pr-1-local"], ["edge-proxy-pr-1-local-cache"])
    again = made(project, "pr-1")
    assert ask(again).status_code == 200


def test_a_namespace_that_a_cut_tool_left_is_told_of_and_can_be_removed(project, cloud):
    api, account = api_of(cloud), f"/accounts/{cloud.account_id}"
    api.call("POST", f"{account}/storage/kv/namespaces", {"title": "edge-proxy-pr-9-local-cache"})
    assert "pr-9 has a namespace and no Worker" in said(project, "preview-env", "--list", *FROM)[1]
    run(project, "preview-env", "--delete", "--name", "pr-9", *FROM)
    assert there(cloud) == ([], [])


def test_one_that_is_prolonged_meanwhile_stays(project, cloud, monkeypatch):
    made(project, "pr-1", "--ttl", "1m")
    reaper = previews(cloud)
    seen = reaper.all()
    made(project, "pr-1", "--ttl", "2h")
    monkeypatch.setattr(reaper, "all", lambda: seen)
    assert list(reaper.reap(datetime.now(UTC) + timedelta(minutes=5))) == []
    assert there(cloud)[0] == ["edge-proxy-pr-1-local"]


def test_a_worker_without_our_mark_is_left_alone(project, cloud):
    api = api_of(cloud)
    path = f"/accounts/{cloud.account_id}/workers/workers"
    api.call("POST", path, {"name": "edge-proxy-pr-1-local", "tags": ["edgewright:expires=2020-01-01T00:00:00Z"]})
    api.call("POST", path, {"name": "torn", "tags": ["edgewright:preview=torn", "edgewright:expires=soon"]})
    assert list(previews(cloud).reap(datetime.now(UTC))) == []
    for mode in ((), ("--delete",)):
        refusal = run(project, "preview-env", "--name", "pr-1", *FROM, *mode, expect=2)
        assert "it is not the preview 'pr-1'" in refusal
    assert there(cloud) == (["edge-proxy-pr-1-local", "torn"], [])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--name", "PR_1"), "'PR_1' is no DNS label"),
        (("--name", "pr-"), "'pr-' is no DNS label"),
        (("--name", "x" * 30), "has 30 characters; behind 'edge-proxy' 29 fit"),
        (("--name", "a", "--ttl", "5s"), "not from one minute to 30 days"),
        (("--name", "a", "--ttl", "soon"), "--ttl: 'soon' is no span of time"),
        (("--name", "a", "--reap"), "--name does not go with --reap"),
        (("--delete",), "--name is missing"),
        (("--delete", "--reap", "--name", "a"), "do not go together"),
        (("--name", "a", "--markdown", "--delete"), "--markdown tells of a preview that is made"),
    ],
)
def test_a_mistake_gets_one_line_before_anything_is_called(project, options, why):
    refusal = said(project, "preview-env", *FROM, *options, expect=2)[1]
    assert why in refusal
    assert "fix:" in refusal


def test_production_is_no_base(project):
    text = (project / "Pulumi.local.yaml").read_text().replace("environment: local", "environment: prod")
    (project / "Pulumi.live.yaml").write_text(text)
    refusal = run(project, "preview-env", "--from", "live", "--engine", "embedded", "--name", "a", expect=2)
    assert "--from: 'live' is production" in refusal
