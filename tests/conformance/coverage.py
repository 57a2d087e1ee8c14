"""Which operations of the API are offered, who calls them, and which test covers them.

``callers.json`` is written by hand, from the recordings and the provider's source; ``covered.json`` is measured by
``make coverage``. From both and the routers' own tables comes the page docs/reference/coverage.md.
"""

import json
from pathlib import Path

import pytest
from edgewright.localcloud.operations import FAMILIES
from edgewright.localcloud.router import Router

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "coverage.md"
HERE = Path(__file__).parent
COVERED = HERE / "covered.json"
LAST = "test_every_test_does_what_the_page_says"
API = "/client/v4"

SEEN = pytest.StashKey[dict[str, set[str]]]()
"""Test -> the operations that it has called with success, in this session."""

LIVE = pytest.StashKey[set[str]]()
"""The tests of this session that may run against a real account."""

ROUTER = Router([route for routes in FAMILIES.values() for route in routes])

HEAD = """# Coverage of Cloudflare's API

What of Cloudflare's API v4 the [local cloud](local-cloud.md) offers: {offered} operations, each called with success by
the test beside it; {live} of them by one that runs against a real account as well (*live*), if there is one.
Of the {needed} operations that the Cloudflare provider calls for the resources of `EdgeProxy`, {there} are there.
`make coverage` measures the tests and writes this page; who calls what is in `tests/conformance/callers.json`, from
recordings of the real provider and from its source. In italics: callers that Edgewright does not use itself.
"""


def operations():
    """Every operation that is offered, ``METHOD /path/{template}``, by family."""
    return {family: [f"{route.method} {route.path}" for route in routes] for family, routes in FAMILIES.items()}


def offered():
    """The operations of all families."""
    return [operation for found in operations().values() for operation in found]


def callers():
    """``{"resources" | "commands" | "others": {who: [operation]}}``."""
    return json.loads((HERE / "callers.json").read_text())


def covered():
    """Operation -> ``{"test", "live"}``: the test that covers it, and whether it may run against a real account."""
    return json.loads(COVERED.read_text())


def operation_of(method, path):
    """The operation of an undecoded path below ``/client/v4``."""
    route, _params = ROUTER.find(method, path.partition("?")[0])
    return f"{route.method} {route.path}"


def note(request, log):
    """Keep what the test that ends has called with success."""
    done = {operation_of(call["method"], call["path"].removeprefix(API)) for call in log if call["status"] < 300}
    test = request.node.nodeid.partition("[")[0]
    request.config.stash[SEEN].setdefault(test, set()).update(done)
    if "account" in request.fixturenames:
        request.config.stash[LIVE].add(test)


def measured(config):
    """Operation -> the first test that called it, one that may run live before others; in the order of the tables."""
    seen, live = config.stash[SEEN], config.stash[LIVE]
    first = {}
    for test in sorted(seen, key=lambda each: each not in live):
        for operation in seen[test]:
            first.setdefault(operation, {"test": test, "live": test in live})
    return {operation: first[operation] for operation in offered() if operation in first}


def write(config):
    """The measurement and the page of it."""
    COVERED.write_text(json.dumps(measured(config), indent=2) + "\n")
    PAGE.write_text(page())


def page():
    """The page in Markdown."""
    called = callers()
    needed = {operation for found in called["resources"].values() for operation in found}
    live = sum(found["live"] for found in covered().values())
    parts = [HEAD.format(offered=len(offered()), live=live, needed=len(needed), there=len(needed & set(offered())))]
    for family, found in operations().items():
        parts.append(f"\n## {family}\n\n| operation | called by | covered by |\n| --- | --- | --- |\n")
        parts += [f"| `{each}` | {_who(each, called)} | {_test(each)} |\n" for each in found]
    parts.append(
        "\n## Not offered\n\nThey are answered with 404, code 7003.\n\n| operation | called by |\n| --- | --- |\n"
    )
    every = [operation for kind in called.values() for found in kind.values() for operation in found]
    missing = [operation for operation in dict.fromkeys(every) if operation not in offered()]
    parts += [f"| `{each}` | {_who(each, called)} |\n" for each in missing]
    return "".join(parts)


def _who(operation, called):
    marks = {"resources": "`{}`", "commands": "{}", "others": "*{}*"}
    names = [marks[kind].format(who) for kind in marks for who, found in called[kind].items() if operation in found]
    return ", ".join(names)


def _test(operation):
    found = covered().get(operation)
    if found is None:
        return "**none**"
    path, _, function = found["test"].partition("::")
    return f"[{function}](../../{path})" + ", *live*" * found["live"]
