"""The wall against a proxy that passes it, and for each promise a proxy that breaks it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from edgewright_verify.failures import PromiseBroken
from edgewright_verify.probes.judgement import judge
from edgewright_verify.probes.wall import MODES, ROWS, Wall, request
from edgewright_verify.report import scorecard
from edgewright_verify.runner import Options, examine
from edgewright_verify.settings import Settings
from edgewright_verify.target import Target
from edgewright_verify.upstream import ScriptedUpstream
from stub_gateway import Gateway
from stub_proxy import StubProxy
from stub_runs import verify_stub

SCALE = 0.03
PATIENT_SCALE = 0.1
"""Where a busy machine must not be slower than what is measured: it must let a caller go before the proxy gives up."""

SIDE_BY_SIDE = 12
TRIES = 2

BEFORE = {"rate-limited-always", "unavailable", "context-length", "reset", "silence", "slow-first-token"}
BROKEN = {"cut", "cut-clean", "stall", "malformed", "malformed-word", "error-in-stream"}
SWITCHED = BROKEN | {"no-done", "no-prefill", "restarts"}


def streamed(*rows):
    return {(row, "stream") for row in rows}


def both(*rows):
    return {(row, mode) for row in rows for mode in MODES}


MUTATIONS = {
    "truncates": streamed("cut", "cut-clean", "no-done", "no-prefill", "restarts"),
    "restarts": streamed(*SWITCHED),
    "skips": streamed("malformed-word"),
    "ends_in_silence": streamed("no-prefill"),
    "hides_filter": both("content-filter"),
    "hides_calls": both(*SWITCHED, *BEFORE, "rate-limited", "error-500-once", "flapping", "nothing-left")
    - {("no-done", "whole")},
    "trusts_usage": both("wrong-usage"),
    "forgets_legs": streamed(*BROKEN, "restarts"),
    "ignores_retry_after": both("rate-limited", "rate-limited-always"),
    "hangs": both("silence", "nothing-left"),
    "no_fallback": both(*BEFORE) | {(row, "whole") for row in BROKEN | {"no-prefill", "restarts"}},
    "loses_a_word": both(*ROWS) - both("nothing-left"),
}
"""Flaw -> the cells that must turn red, and no others."""

CALLER_MUTATIONS = {
    "does_not_cancel": {("abort before first byte", "stream"), ("abort before first byte", "whole")}
    | {("abort mid-stream", "stream")},
    "does_not_cancel hangs_up": {("half-close", "stream"), ("half-close", "whole")},
    "calls_again_for_nobody": {("abort before first byte", "stream")},
    "buffers": {("pausing reader", "stream")},
    "loses_a_word": {("slow reader", "stream")},
}


@pytest.fixture
def wall():
    """``wall(*flaws)``: an opened wall with a gateway on it; all of them are closed in the end."""
    opened = []

    def open_wall(*flaws):
        # A busy machine waits by itself as long as a short Retry-After says.
        scale = PATIENT_SCALE if "ignores_retry_after" in flaws else SCALE
        upstream = ScriptedUpstream(scale).__enter__()
        opened.append(upstream)
        gateway = Gateway(upstream, *flaws).__enter__()
        opened.append(gateway)
        target = Target.open(Settings(gateway.url, model="wall-good", wall_upstream=upstream.url))
        target.client.close()
        found = Wall.open(target)
        opened.append(found)
        return found

    yield open_wall
    for one in reversed(opened):
        one.close() if isinstance(one, Wall) else one.__exit__(None, None, None)


def red_cells(wall):
    """The cells that come out red each time, asked for side by side: a busy machine is late once, a flaw is one."""

    def is_red(cell):
        for _ in range(TRIES):
            try:
                judge(wall, *cell, *request(wall, *cell))
            except PromiseBroken:
                continue
            return False
        return True

    cells = sorted(both(*ROWS))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return {cell for cell, red in zip(cells, pool.map(is_red, cells), strict=True) if red}


def played(*flaws):
    """The suite as a user runs it, in a process of its own; returns the document."""
    scale = PATIENT_SCALE if flaws else SCALE
    with ScriptedUpstream(scale) as upstream, Gateway(upstream, *flaws) as gateway:
        options = Options(url=gateway.url, model="wall-good", wall_upstream=upstream.url, suites=["wall"])
        document, detail = examine(options, lambda _: None)
    assert document["problem"] is None, detail
    return document


def red_of(document):
    return {(r["cell"]["row"], r["cell"]["mode"]) for r in document["promises"] if r["outcome"] == "broken"}


@pytest.fixture(scope="module")
def documents(request):
    """``documents(flaw)``: the suite's document; those of the selected tests are made side by side."""
    items = [item for item in request.session.items if "documents" in getattr(item, "fixturenames", ())]
    flaws = {item.callspec.params.get("flaw", "") if hasattr(item, "callspec") else "" for item in items}
    with ThreadPoolExecutor(3) as pool:
        futures = {flaw: pool.submit(played, *flaw.split()) for flaw in flaws}
        yield lambda flaw="": futures[flaw].result()


def test_a_good_proxy_passes_the_whole_wall(documents):
    document = documents()
    card = scorecard.build([(None, document)], time.time())
    assert card["exit_code"] == 0
    assert {cell["row"] for cell in card["cells"] if cell["verdict"] == "safe"} == {"no-prefill"}
    assert {cell["verdict"] for cell in card["cells"]} == {"pass", "safe"}
    assert {(cell["row"], cell["mode"]) for cell in card["cells"]} >= both(*ROWS)


@pytest.mark.parametrize("flaw", CALLER_MUTATIONS)
def test_a_proxy_that_fails_its_callers_turns_red(documents, flaw):
    assert red_of(documents(flaw)) >= CALLER_MUTATIONS[flaw]


@pytest.mark.parametrize("flaw", MUTATIONS)
def test_a_flaw_turns_its_cells_red_and_no_others(wall, flaw):
    assert red_cells(wall(flaw)) == MUTATIONS[flaw]


def test_every_cell_has_a_proxy_that_breaks_it(documents):
    broken = set().union(*MUTATIONS.values(), *CALLER_MUTATIONS.values())
    assert broken == {(r["cell"]["row"], r["cell"]["mode"]) for r in documents()["promises"]}


def test_without_an_upstream_the_wall_does_not_apply(tmp_path):
    outcome = verify_stub(StubProxy(), tmp_path, suites=["wall"])
    assert {record["outcome"] for record in outcome.document["promises"]} == {"not_applicable"}
    assert outcome.code == 2


def test_an_upstream_that_is_none_could_not_run(tmp_path):
    outcome = verify_stub(StubProxy(), tmp_path, suites=["wall"], wall_upstream="http://127.0.0.1:9")
    assert outcome.code == 2
    assert "is no scripted upstream" in outcome.document["problem"]


def test_models_that_are_not_configured_do_not_apply(tmp_path):
    with ScriptedUpstream(SCALE) as upstream:
        outcome = verify_stub(StubProxy(), tmp_path, suites=["wall"], wall_upstream=upstream.url)
    reasons = {record["reason"] for record in outcome.document["promises"]}
    assert "the target has no model wall-cut" in reasons
    card = scorecard.build([(None, outcome.document)], time.time())
    assert {cell["verdict"] for cell in card["cells"]} == {"n/a"}


def record(row, outcome, verdict="fail", **more):
    cell = {"row": row, "mode": "stream", "verdict": verdict, "seconds": 0.25}
    evidence = {"evidence": {"expected": "all", "observed": "half"}} if outcome == "broken" else {}
    return {"outcome": outcome, "cell": cell | more, "reason": "half", **evidence}


def document(verdict, *records):
    return {"verdict": verdict, "problem": None, "promises": list(records)}


def test_the_scorecard_shows_the_worst_of_several_runs():
    good = document("kept", record("cut", "kept", "pass"), record("stall", "kept", "safe", cancel_ms=3.0))
    bad = document("broken", record("cut", "broken"), record("stall", "kept", "safe", cancel_ms=7.0))
    card = scorecard.build([("error", good), ("error", bad), ("continue", good)], time.time())
    text, columns = scorecard.render(card), ["stream, error", "stream, continue"]
    assert card["exit_code"] == 1
    assert card["counts"] == {"pass": 1, "safe": 2, "n/a": 0, "error": 0, "fail": 1}
    assert [title.strip() for title in text.splitlines()[0].split("|")] == ["", "fault", *columns, ""]
    assert "FAIL 1/2 0.2 s" in text
    assert "safe 7 ms" in text
    assert "- cut, stream, error: expected all; observed half" in text
    assert json.loads(json.dumps(card)) == card
