"""Runs the harness against stub proxies, as a user would: through the runner, in a process of its own."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the stubs lie beside the tests, which are no package
from stub_proxy import StubProxy
from stub_runs import verify_stub

WORKERS = 3
"""Each run waits for its stub's pace most of the time."""


@pytest.fixture
def verify(tmp_path):
    """``verify(proxy, **options)``, with a proxy that keeps all promises by default."""
    return lambda proxy=None, **options: verify_stub(proxy or StubProxy(), tmp_path, **options)


@pytest.fixture(scope="module")
def mutants(request, tmp_path_factory):
    """``mutants(suite, flaw)``: the outcome for a flawed proxy; those of the selected tests run side by side."""
    folder = tmp_path_factory.mktemp("mutants")
    with ThreadPoolExecutor(WORKERS) as pool:
        selected = [
            item.callspec.params for item in request.session.items if "mutants" in getattr(item, "fixturenames", ())
        ]
        futures = {
            (p["suite"], p["flaw"]): pool.submit(
                verify_stub, StubProxy(p["flaw"]), folder, suites=[p["suite"]], quiet=True
            )
            for p in selected
        }
        yield lambda suite, flaw: futures[suite, flaw].result()
