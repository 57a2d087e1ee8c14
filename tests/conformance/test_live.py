"""The live run: the same tests, as for a real account, against a local cloud that stands in for it."""

import json
import os
import subprocess
import sys

import pytest

from .client import Guest

ROOM = "tests/conformance"


def run(cloud, *options, **environment):
    """pytest in a process of its own, on the live tests alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLOUDFLARE_", "EDGEWRIGHT_"))}
    given = {"CLOUDFLARE_BASE_URL": cloud.api_url, "CLOUDFLARE_API_TOKEN": cloud.token, **environment}
    command = [sys.executable, "-m", "pytest", ROOM, "-m", "live", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, env={**kept, **given}, capture_output=True, text=True, timeout=500)


@pytest.fixture
def lived_in(api):
    """An account in which somebody has things of their own; what they are."""
    api.result("POST", f"{api.a}/storage/kv/namespaces", json={"title": "theirs"})
    worker = api.result("POST", f"{api.a}/workers/workers", json={"name": "theirs"})
    api.result("POST", f"{api.z}/workers/routes", json={"pattern": "theirs.edgewright.test/*", "script": "theirs"})

    def things():
        state = api.control("GET", "state")
        kinds = ("workers", "versions", "routes", "domains", "kv_namespaces", "kv_entries")
        return [state[kind] for kind in kinds], api.result("GET", f"{api.a}/workers/workers/{worker['id']}")

    return things


# Some of each kind that change something; that every test leaves nothing is seen at the end of its run on the fake.
SOME = "test_kv or test_zones or test_a_class or test_secrets or test_an_upload or test_authentication"


def test_live_tests_pass_and_leave_the_account_as_it_was(api, lived_in):
    before = lived_in()
    names = {"EDGEWRIGHT_LIVE_ACCOUNT": api.cloud.account_id, "EDGEWRIGHT_LIVE_ZONE": api.cloud.zone_id}
    done = run(api.cloud, "-k", SOME, **names)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
    assert lived_in() == before
    assert len(api.log()) > 50


def test_without_an_account_nothing_is_called_and_every_test_says_so(api):
    done = run(api.cloud)
    assert " passed" not in done.stdout
    assert "NOT RUN against a real account: set CLOUDFLARE_API_TOKEN and EDGEWRIGHT_LIVE_ACCOUNT" in done.stdout
    assert api.log() == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/accounts/{a}/workers/workers/theirs", None),
        ("DELETE", "/accounts/{a}/storage/kv/namespaces/{other}", None),
        ("PUT", "/accounts/{a}/storage/kv/namespaces/{other}/values/{ours}", None),
        ("PUT", "/accounts/{a}/workers/scripts/theirs", None),
        ("POST", "/accounts/{a}/workers/scripts/theirs/deployments", {}),
        ("POST", "/accounts/{a}/workers/workers", {"name": "new"}),
        ("POST", "/zones/{a}/workers/routes", {"pattern": "{ours}.x/*", "script": "theirs"}),
        ("PUT", "/accounts/{a}/workers/subdomain", {"subdomain": "new"}),
        ("PUT", "/accounts/{a}/workers/domains", {"hostname": "{ours}.x"}),
    ],
)
def test_a_call_that_would_change_something_else_is_never_sent(api, method, path, body):
    guest = Guest(api.cloud)
    names = {"a": api.cloud.account_id, "other": "0" * 32, "ours": guest.name("x")}
    filled = json.loads(json.dumps(body).replace("{ours}", names["ours"]))
    with guest.http, pytest.raises(AssertionError, match="has not made"):
        guest(method, path.format(**names), json=filled)
    assert api.log() == []
