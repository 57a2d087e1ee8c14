"""A client of the local cloud (`api`), and one of the local cloud or a real account with the same tests (`account`).

`account` runs each test twice. The second run is marked `live`; it needs ``CLOUDFLARE_API_TOKEN`` and
``EDGEWRIGHT_LIVE_ACCOUNT``, for tests of zones ``EDGEWRIGHT_LIVE_ZONE`` too, and is skipped without them.
"""

import pytest
from edgewright.localcloud import LocalCloud

from . import coverage
from .client import Client, Guest, LiveAccount

NO_ACCOUNT = "NOT RUN against a real account: set CLOUDFLARE_API_TOKEN and EDGEWRIGHT_LIVE_ACCOUNT"
NO_ZONE = "NOT RUN against a real zone: set EDGEWRIGHT_LIVE_ZONE to the id of a zone of the account"


def pytest_addoption(parser):
    parser.addoption("--write-coverage", action="store_true", help="measure which test covers which operation")


def pytest_configure(config):
    config.stash[coverage.SEEN], config.stash[coverage.LIVE] = {}, set()


def pytest_collection_modifyitems(items):
    """What compares the runs of all others comes last; live tests are skipped without an account."""
    items.sort(key=lambda item: item.name == coverage.LAST)
    for item in items:
        if item.get_closest_marker("live") and not LiveAccount.given():
            item.add_marker(pytest.mark.skip(reason=NO_ACCOUNT))


def pytest_sessionfinish(session, exitstatus):
    if session.config.getoption("--write-coverage") and exitstatus == 0:
        coverage.write(session.config)


@pytest.fixture(scope="session")
def cloud():
    with LocalCloud() as running:
        yield running


@pytest.fixture
def api(cloud, request):
    client = Client(cloud)
    client.control("POST", "reset")
    with client.http:
        yield client
        coverage.note(request, client.log())


@pytest.fixture(params=["fake", pytest.param("live", marks=pytest.mark.live)])
def account(request):
    yield from _fake_account(request) if request.param == "fake" else _live_account()


@pytest.fixture
def zoned(account):
    """An account with a zone."""
    if account.cloud.zone_id is None:
        pytest.skip(NO_ZONE)
    return account


def _fake_account(request):
    guest = Guest(request.getfixturevalue("cloud"))
    guest.control("POST", "reset")
    with guest.http:
        yield guest
        coverage.note(request, guest.log())
        assert guest.leave() == []
        state = guest.control("GET", "state")
    assert not any(state[kind] for kind in ("workers", "versions", "kv_namespaces", "routes", "domains"))


def _live_account():
    guest = Guest(LiveAccount.from_environment())
    with guest.http:
        yield guest
        left = guest.leave()
    assert left == [], "left behind in the account; delete by hand"
