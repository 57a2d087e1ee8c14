"""Whether a new version does as well as the old one: small samples, none, both bad, slow, silent, sampled."""

import pytest
from edgewright.lifecycle.verdict import Window, verdict
from hypothesis import given
from hypothesis import strategies as st

MIN = 20


def window(requests=0, errors=0, p95=100.0, **more):
    answered = requests - errors
    return Window(requests, errors, answered, p95 if answered else None, **more)


def decided(old, new, share=10, *, last=False):
    return verdict(old, new, share, MIN, last=last).decision


GOOD = window(900, 9)


@pytest.mark.parametrize("new", [window(100), window(100, 1), window(100, 3), window(30), window(10_000, 250)])
def test_one_that_does_as_well_is_raised(new):
    assert decided(GOOD, new) == "raise"


@pytest.mark.parametrize(
    "new", [window(100, 15), window(4, 4), window(20, 20), window(1_000, 40), window(60_000, 2_400)]
)
def test_one_that_fails_more_is_taken_back_at_once(new):
    assert decided(GOOD, new) == "roll_back"


def test_its_reason_names_the_figures():
    reason = verdict(GOOD, window(100, 40), 10, MIN).reason
    assert "40.0 %" in reason
    assert "1.0 %" in reason
    assert "40 of 100" in reason


@pytest.mark.parametrize("new", [window(), window(1), window(1, 1), window(19), window(3, 1)])
def test_a_few_requests_wait(new):
    """One failure among three is no proof: one in a thousand versions like the old one would look so, or more."""
    assert decided(window(30), new) == "wait"


@pytest.mark.parametrize(
    ("new", "decision"),
    [(window(), "raise"), (window(19), "raise"), (window(5, 1), "roll_back"), (window(1, 1), "roll_back")],
)
def test_when_there_is_no_more_time_what_is_known_decides(new, decision):
    assert decided(window(30), new, last=True) == decision


def test_nothing_at_all_raises_at_the_end_of_the_time():
    """There is nobody to harm, and the version has been verified."""
    assert decided(window(), window()) == "wait"
    assert decided(window(), window(), last=True) == "raise"


@pytest.mark.parametrize("rate", [0.6, 1.0])
def test_both_bad_waits_and_then_goes_back(rate):
    old, new = window(1_000, 1_000 * rate), window(100, 100 * rate)
    assert decided(old, new) == "wait"
    assert decided(old, new, last=True) == "roll_back"


def test_one_that_mends_the_old_one_is_raised():
    assert decided(window(1_000, 1_000), window(100, 2)) == "raise"


@pytest.mark.parametrize(("errors", "decision"), [(1, "raise"), (30, "roll_back")])
def test_without_an_old_version_to_tell_a_usual_rate_stands_for_it(errors, decision):
    assert decided(window(), window(100, errors)) == decision
    assert decided(window(3, 3), window(100, errors)) == decision


@pytest.mark.parametrize(
    ("p95", "decision"), [(100, "raise"), (240, "raise"), (249, "raise"), (260, "roll_back"), (5_000, "roll_back")]
)
def test_a_slow_first_byte_is_taken_back(p95, decision):
    """Half as much again and 100 ms are tolerated."""
    assert decided(window(900, p95=100.0), window(100, p95=p95)) == decision


@pytest.mark.parametrize(("old", "new", "share"), [(900, 99, 10), (99, 900, 90)])
def test_a_p95_of_few_answers_says_nothing(old, new, share):
    assert decided(window(old), window(new, p95=9_000.0), share) == "raise"


@pytest.mark.parametrize(("heard", "decision"), [(0, "roll_back"), (20, "roll_back"), (60, "raise"), (100, "raise")])
def test_a_version_that_tells_of_no_end_is_taken_back(heard, decision):
    """900 at 90 % lead to 100 at 10 %: a Worker that ends in an exception writes nothing."""
    assert decided(window(900), window(heard)) == decision


def test_silence_where_little_was_expected_is_none():
    assert decided(window(100), window()) == "wait"


def test_turns_of_conversations_are_not_missed():
    """Their points tell the version of the object, which may stay the old one."""
    assert decided(window(900, turns=880), window(), last=True) == "raise"


def test_what_is_sampled_proves_less():
    """Two errors of five points are no proof, whatever they stand for; 200 of 500 would be."""
    old = window(3_000, 0, weight=100)
    assert decided(old, window(500, 200)) == "roll_back"
    assert decided(old, window(500, 200, weight=100)) != "roll_back"


counts = st.integers(0, 3_000)


@given(counts, counts, counts, counts, st.sampled_from([0.01, 1, 10, 50, 99]), st.booleans())
def test_there_is_always_an_answer(requests, errors, new_requests, new_errors, share, last):
    old, new = window(requests, min(errors, requests)), window(new_requests, min(new_errors, new_requests))
    found = verdict(old, new, share, MIN, last=last)
    assert found.reason
    assert not (last and found.decision == "wait")


@given(st.integers(MIN, 2_000), st.integers(0, 60), st.integers(1, 40))
def test_more_errors_never_make_a_better_verdict(requests, errors, more):
    errors = min(errors, requests)
    worse = min(errors + more, requests)
    order = ["roll_back", "wait", "raise"]
    first, second = (order.index(decided(GOOD, window(requests, count), 50)) for count in (errors, worse))
    assert second <= first


def test_large_numbers_are_judged_at_once():
    assert decided(window(9_000_000, 90_000), window(1_000_000, 40_000)) == "roll_back"
    assert decided(window(9_000_000, 90_000), window(1_000_000, 10_100)) == "raise"
