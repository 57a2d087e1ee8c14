"""Preview environments on the local cloud: apart from each other, found by their marks, removed in time."""

import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.lifecycle.preview_stack import PreviewStack
from edgewright.lifecycle.previews import Previews

from .conftest import cli
from .test_deploy import change, chat, cloud, project, run  # noqa: F401 - fixtures

FROM = ("--from", "local")


def made(project, name, *options):  # noqa: F811
    return run(project, "preview-env", "--name", name, *FROM, *options)


def api_of(cloud):  # noqa: F811
    return CloudflareApi(cloud["api_url"], cloud["token"])


def previews(cloud):  # noqa: F811
    return Previews(api_of(cloud), cloud["account_id"])


def made_here(project, cloud, name, expires):  # noqa: F811
    """The same as `made`, in this process, which is faster: the outputs."""
    wanted = PreviewStack.of(project, "local", name)
    engine = EmbeddedEngine(
        project, wanted.stack, api=lambda: api_of(cloud), overrides=wanted.overrides(expires), base="local"
    )
    engine.up()
    return engine.outputs(reveal=True)


def there(cloud):  # noqa: F811
    """Names of Workers and titles of KV namespaces in the account."""
    api, account = api_of(cloud), f"/accounts/{cloud['account_id']}"
    workers, namespaces = (
        api.call("GET", f"{account}{path}") for path in ("/workers/workers", "/storage/kv/namespaces")
    )
    return sorted(each["name"] for each in workers), sorted(each["title"] for each in namespaces)


def ask(facts, key=None, text="hi"):
    return chat({"url": facts["url"], "verify_key": key or facts["verify_key"]}, text)


def test_two_previews_share_nothing_with_each_other_or_the_stack_they_are_made_from(project, cloud):  # noqa: F811
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


def test_the_same_name_updates_keeps_its_keys_and_lives_on(project, cloud):  # noqa: F811
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


def test_a_comment_names_the_address_and_no_secret(project, cloud):  # noqa: F811
    del cloud
    said = cli("preview-env", "--name", "pr-1", *FROM, "--markdown", cwd=project)
    assert said.returncode == 0, said.stderr
    facts = made(project, "pr-1")
    assert said.stdout.startswith("<!-- edgewright preview pr-1 -->\n")
    assert f"| address | {facts['url']} |" in said.stdout
    for secret in ("verify_key", "other_key", "drill_secret"):
        assert facts[secret] not in said.stdout + said.stderr


def test_what_is_deleted_leaves_nothing_and_can_come_again(project, cloud):  # noqa: F811
    before = made(project, "pr-1")
    made(project, "pr-2")
    assert run(project, "preview-env", "--delete", "--name", "pr-1", *FROM) == {"name": "pr-1", "removed": True}
    assert there(cloud) == (["edge-proxy-pr-2-local"], ["edge-proxy-pr-2-local-cache"])
    assert not (project / ".edgewright" / "stacks" / "local-preview-pr-1").exists()
    assert run(project, "preview-env", "--delete", "--name", "pr-1", *FROM)["removed"] is False
    after = made(project, "pr-1")
    assert after["verify_key"] != before["verify_key"]
    assert ask(after).status_code == 200


def test_reapers_at_once_remove_what_has_expired_and_nothing_else(project, cloud):  # noqa: F811
    now, removed, failures = datetime.now(UTC), [], []
    EmbeddedEngine(project, "local", api=lambda: api_of(cloud)).up()
    for name, minutes in (("old-1", 0), ("old-2", -60), ("young", 60)):
        made_here(project, cloud, name, now + timedelta(minutes=minutes))

    def reap():
        try:
            removed.extend(each.mark.name for each in previews(cloud).reap(now))
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
    assert ask(made_here(project, cloud, "old-1", now)).status_code == 200
    (reaped,) = run(project, "preview-env", "--reap", *FROM)["removed"]
    assert reaped["name"] == "old-1"
    assert run(project, "preview-env", "--reap", *FROM) == {"removed": []}
    kept = sorted(path.name for path in (project / ".edgewright" / "stacks").iterdir())
    assert kept == ["local", "local-preview-old-2", "local-preview-young"]


def test_one_that_is_prolonged_meanwhile_stays(project, cloud, monkeypatch):  # noqa: F811
    now, reaper = datetime.now(UTC), previews(cloud)
    made_here(project, cloud, "pr-1", now)
    seen = reaper.all()
    made_here(project, cloud, "pr-1", now + timedelta(hours=2))
    monkeypatch.setattr(reaper, "all", lambda: seen)
    assert reaper.reap(now) == []
    assert there(cloud)[0] == ["edge-proxy-pr-1-local"]


def test_a_worker_without_our_mark_is_left_alone(project, cloud):  # noqa: F811
    api = api_of(cloud)
    path = f"/accounts/{cloud['account_id']}/workers/workers"
    api.call("POST", path, {"name": "edge-proxy-pr-1-local", "tags": ["edgewright:expires=2020-01-01T00:00:00Z"]})
    api.call("POST", path, {"name": "torn", "tags": ["edgewright:preview=torn", "edgewright:expires=soon"]})
    assert previews(cloud).reap(datetime.now(UTC)) == []
    for mode in ((), ("--delete",)):
        said = run(project, "preview-env", "--name", "pr-1", *FROM, *mode, expect=2)
        assert "it is not the preview 'pr-1'" in said
    assert there(cloud) == (["edge-proxy-pr-1-local", "torn"], [])


@pytest.mark.parametrize(
    ("options", "said"),
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
def test_a_mistake_gets_one_line_before_anything_is_called(project, options, said):  # noqa: F811
    done = cli("preview-env", *FROM, *options, cwd=project)
    assert done.returncode == 2
    assert said in done.stderr
    assert "fix:" in done.stderr


def test_production_is_no_base(project):  # noqa: F811
    text = (project / "Pulumi.local.yaml").read_text().replace("environment: local", "environment: prod")
    (project / "Pulumi.live.yaml").write_text(text)
    done = cli("preview-env", "--from", "live", "--engine", "embedded", "--name", "a", cwd=project)
    assert (done.returncode, "--from: 'live' is production" in done.stderr) == (2, True), done.stderr
