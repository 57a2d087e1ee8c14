"""The fake API offers what is called; every operation has a test; and the page says so."""

import ast
import re

import pytest
from edgewright.engine.resources import KINDS

from . import coverage
from .test_recordings import RECORDINGS, calls

SOURCE = coverage.ROOT / "infra" / "edgewright"
RUN = "run `make coverage`"


def every(kind):
    """The operations of one kind of callers."""
    return {operation for found in coverage.callers()[kind].values() for operation in found}


def shape(path):
    """A template without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_everything_that_is_called_for_our_resources_is_offered():
    assert (every("resources") | every("commands")) - set(coverage.offered()) == set()


def of_kind(kind):
    """The calls of one resource type, as the embedded engine makes them."""
    item = f"{kind.collection}/{{id}}"
    yield f"{kind.create} {kind.collection}"
    yield f"GET {item}"
    if kind.update:
        yield f"{kind.update} {item}"
    if kind.delete:
        yield f"DELETE {item}"


def test_the_engine_calls_what_the_provider_calls_for_each_resource():
    listed = {who: set(map(shape, found)) for who, found in coverage.callers()["resources"].items()}
    assert listed.pop("getZone") == {"GET /zones", "GET /zones/{}"}
    assert listed == {token.rsplit(":", 1)[1]: set(map(shape, of_kind(kind))) for token, kind in KINDS.items()}


@pytest.mark.parametrize("recording", sorted(path.name for path in RECORDINGS.glob("*.jsonl")))
def test_every_recorded_call_is_listed(recording):
    listed = {re.sub(r"\\{\w+\\}", "[^/]+", re.escape(each)) for each in every("resources") | every("others")}
    for call in calls(recording):
        asked = f"{call['method']} {call['path'].removeprefix('/client/v4').partition('?')[0]}"
        assert any(re.fullmatch(pattern, asked) for pattern in listed), f"{asked}: add it to callers.json"


def paths_in(path):
    """The paths of the API that a Python file writes out, without the names of what fills them."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    filled = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in filled for part in node.values}
    for node in filled:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield shape(node.value)


def ours(written):
    """A path of the API, or what follows one that a variable holds; None for another text."""
    path = re.sub(r"^\{\}(?=/)", "", written).partition("?")[0]
    base = re.fullmatch(r"/(accounts|zones)/\{\}", path)
    named = re.match(r"/(accounts|zones|user|memberships|workers|storage|analytics_engine|dns_records)(/|$)", path)
    return path if named and not base else None


def test_every_path_in_our_code_is_listed():
    listed = [shape(each.split(" ")[1]) for each in every("resources") | every("commands")]
    files = [path for path in SOURCE.rglob("*.py") if "localcloud" not in path.parts]
    found = {(path.name, ours(each)) for path in files for each in paths_in(path)}
    for script in (coverage.ROOT / "worker_src").rglob("*.js"):
        written = re.findall(r"/accounts/[^`]+", script.read_text())
        found |= {(script.name, ours(re.sub(r"\$\{.*?\}", "{}", each))) for each in written}
    found = {(name, path) for name, path in found if path}
    assert {name for name, _ in found} >= {"resources.py", "classes.py", "report.js"}
    missing = {(name, path) for name, path in found if not any(each.endswith(path) for each in listed)}
    assert missing == set(), "add them to callers.json"


def test_every_operation_is_covered():
    assert set(coverage.offered()) - set(coverage.covered()) == set(), f"write a test in tests/conformance, and {RUN}"
    assert set(coverage.covered()) - set(coverage.offered()) == set(), RUN


def test_every_test_that_covers_an_operation_is_there():
    for found in coverage.covered().values():
        path, _, function = found["test"].partition("::")
        assert f"def {function}(" in (coverage.ROOT / path).read_text(), f"{found['test']} is gone; {RUN}"


def test_the_page_is_the_one_emitted():
    assert coverage.PAGE.read_text() == coverage.page(), RUN


def test_every_test_does_what_the_page_says(request):
    """Of the tests that have run in this session; of all of them in `make conformance`."""
    seen = request.config.stash[coverage.SEEN]
    covered = {operation: found["test"] for operation, found in coverage.covered().items()}
    claimed = {operation: test for operation, test in covered.items() if test in seen}
    if not claimed:
        pytest.skip("none of the tests that cover an operation has run; run the whole room")
    assert {operation for operation, test in claimed.items() if operation not in seen[test]} == set(), RUN
