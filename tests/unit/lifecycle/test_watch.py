"""How long a step is watched, and what is read of it. The clock moves only when the watch sleeps."""

import pytest
from edgewright.errors import UsageError
from edgewright.lifecycle.journal import UnderWay
from edgewright.lifecycle.watch import WINDOWS, Watch
from edgewright.usage import Query, Report

STEP = UnderWay("old", "new", 10.0, 1_000.4)


def row(version, ok=0, failed=0, refused=0, p95=50.0):
    return {"version_id": version, "ok": ok, "failed": failed, "refused": refused, "turns": 0, "first_byte_p95_ms": p95}


class Usage:
    """``tell(seconds)`` gives the rows that are known so many seconds after the watch began."""

    def __init__(self, tell):
        self.tell, self.now, self.queries = tell, 0.0, []

    def read(self, query):
        self.queries.append(query)
        return Report(query, self.tell(self.now), {})

    def sleep(self, seconds):
        self.now += seconds

    def judged(self, window=300.0):
        watch = Watch(self.read, window, 20, clock=lambda: self.now, sleep=self.sleep)
        self.said = []
        return watch.until_judged(STEP, self.said.append)


def test_a_good_version_is_watched_for_the_whole_window():
    usage = Usage(lambda _: [row("old", 900), row("new", 100)])
    assert usage.judged().decision == "raise"
    assert 300 <= usage.now < 320


def test_a_bad_one_is_not_watched_to_its_end():
    usage = Usage(lambda now: [row("old", 900), row("new", 60, 40 if now > 60 else 0)])
    assert usage.judged().decision == "roll_back"
    assert 60 < usage.now < 80


def test_refusals_are_errors_too():
    assert Usage(lambda _: [row("old", 900), row("new", 60, refused=40)]).judged().decision == "roll_back"


def test_too_few_requests_stretch_the_step_and_it_says_so():
    usage = Usage(lambda now: [row("old", 90), row("new", 25 if now > 450 else 5)])
    assert usage.judged().decision == "raise"
    assert 450 < usage.now < 480
    assert any("5 of 20" in said for said in usage.said)


def test_it_ends_also_where_nothing_comes():
    usage = Usage(lambda _: [])
    assert usage.judged().decision == "raise"
    assert usage.now == pytest.approx(300 * WINDOWS, abs=20)


def test_usage_that_cannot_be_read_is_no_leave_to_go_on():
    def fail(_):
        raise UsageError("Analytics Engine: status 500")

    usage = Usage(fail)
    found = usage.judged()
    assert found.decision == "roll_back"
    assert "cannot be read" in found.reason
    assert usage.now >= 300 * WINDOWS


def test_usage_that_can_be_read_again_is_read():
    def passing(now):
        if now < 60:
            raise UsageError("Analytics Engine: status 500")
        return [row("old", 900), row("new", 100)]

    assert Usage(passing).judged().decision == "raise"


def test_only_what_came_after_the_step_is_read():
    """The harness's own requests, made before it, are the new version's too."""
    usage = Usage(lambda _: [row("old", 900), row("new", 100)])
    usage.judged()
    assert {query.start for query in usage.queries} == {1_001}
    assert isinstance(usage.queries[0], Query)
    assert usage.queries[0].group_by == ("version_id",)
