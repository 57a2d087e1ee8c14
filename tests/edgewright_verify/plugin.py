"""The pytest plugin. It loads in every pytest run of every user: it imports nothing heavy and is idle unless asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from edgewright_verify.settings import ENVIRONMENT, SUITES, WALL, Settings, TargetUnusable

if TYPE_CHECKING:
    from edgewright_verify.target import Target

HELP = {
    "url": "address of the proxy to verify, with or without /v1",
    "key": "client key; prefer the variable, a command line is visible to others",
    "other_key": "client key of another tenant, who must see nothing of the first",
    "drill_secret": "signs the faults of the fallback suite; prefer the variable",
    "model": "model to ask; default: the first one listed that chats",
    "wall_upstream": "address of the scripted upstream behind the proxy, for the wall",
    "pin": "WORKER=VERSION_ID: the version of the deployment that is to answer; no other answer is accepted",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--edge-*``; each has its environment twin."""
    group = parser.getgroup("edgewright", "verify a deployed AI proxy")
    for name, variable in ENVIRONMENT.items():
        option = f"--edge-{name.replace('_', '-')}"
        group.addoption(option, dest=f"edge_{name}", metavar="VALUE", help=f"{HELP[name]} [${variable}]")
    group.addoption("--edge-json", dest="edge_json", metavar="PATH", help="write the report as JSON")
    group.addoption("--edge-events", dest="edge_events", action="store_true", help="print a JSON line for each step")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; set up recording only when a target was named."""
    for suite in (*SUITES, WALL):
        config.addinivalue_line("markers", f"edge_{suite}: a promise about {suite} of the proxy at --edge-url")
    try:
        settings = _settings(config)
    except TargetUnusable:
        settings = None  # said where it matters: by the fixture
    wanted = config.getoption("edge_json") or config.getoption("edge_events")
    if settings is None and not wanted:
        return
    from edgewright_verify.recorder import Recorder

    config.pluginmanager.register(Recorder(config, settings), "edgewright-recorder")


@pytest.fixture(scope="session")
def edge_target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The proxy at ``--edge-url``, reached and with an accepted key."""
    settings = _settings(pytestconfig)
    if settings is None:
        raise TargetUnusable("no target; fix: give --edge-url URL or EDGE_URL")
    from edgewright_verify.target import Target

    target = Target.open(settings)
    yield target
    target.close()


def _settings(config: pytest.Config) -> Settings | None:
    return Settings.build(lambda name: config.getoption(f"edge_{name}"))
