"""Limits: a crowd gets exactly what a rule allows, and everybody is told what is left."""

from __future__ import annotations

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.chat import ask, fresh
from edgewright_verify.probes.limits import (
    LONGEST_WINDOW_SECONDS,
    MODEL,
    MOST_REQUESTS,
    PROMPT,
    Crowd,
    Rule,
    crowd,
    limited,
    parameters,
    rest,
    rules_of,
)
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_limits

TRIES = 3


@pytest.fixture(scope="module")
def first(edge_target: Target) -> Exchange:
    """The answer to one request that a rule counts."""
    edge_target.needs_edgewright("limits by headers of the standard")
    edge_target.needs("limits")
    if MODEL not in edge_target.models:
        not_applicable(f"the target has no model {MODEL} with a limit of its own, so others would be starved")
    answer = limited(edge_target)
    expect_status(answer, 200)
    return answer


@pytest.fixture(scope="module")
def rule(first: Exchange) -> Rule:
    """The tightest rule of requests, if it can be waited for."""
    fit = [each for each in rules_of(first) if each.window <= LONGEST_WINDOW_SECONDS and each.quota <= MOST_REQUESTS]
    if not fit:
        not_applicable(f"no rule of at most {MOST_REQUESTS} requests in {LONGEST_WINDOW_SECONDS} seconds for {MODEL}")
    return min(fit, key=lambda each: each.quota)


@pytest.fixture(scope="module")
def gathered(edge_target: Target, rule: Rule) -> Crowd:
    """A crowd that came within half of the window, so that nothing of it had been forgotten."""
    for _ in range(TRIES):
        found = crowd(edge_target, rule)
        if found.seconds < rule.window / 2:
            return found
    return not_applicable(f"a crowd took {found.seconds:.1f} s, longer than half the window of {rule.window} s")


def test_headers(first: Exchange) -> None:
    """An answer that a rule counts says so in `RateLimit-Policy` and `RateLimit`, in the form of the standard."""
    policies = parameters(first.headers.get("ratelimit-policy", ""))
    left = parameters(first.headers.get("ratelimit", ""))
    expect(bool(policies), "RateLimit-Policy", first.headers.get("ratelimit-policy"), first)
    expect(left.keys() == policies.keys(), f"RateLimit of {sorted(policies)}", first.headers.get("ratelimit"), first)
    for each in rules_of(first):
        sane = 0 <= each.remaining <= each.quota and 0 <= each.reset <= each.longest
        expect(sane, f"at most {each.quota} left, and a reset within {each.longest} s", each, first)


def test_each_request_counts(edge_target: Target, rule: Rule) -> None:
    """Each request takes one of what is left."""
    for _ in range(TRIES):
        answers = [limited(edge_target) for _ in range(2)]
        left = [each.remaining for answer in answers for each in rules_of(answer) if each.name == rule.name]
        if len(left) == 2 and left[1] == left[0] - 1:
            return
    expect(False, "one less after each request", left, answers[1])


def test_crowd_gets_what_is_allowed(gathered: Crowd) -> None:
    """Of more requests at once than a rule allows, exactly the allowed number is answered."""
    answered = len(gathered.answered)
    expect(answered == gathered.rule.quota, f"{gathered.rule.quota} answers", answered, gathered.answers[0])


def test_refusals(gathered: Crowd) -> None:
    """Who is refused gets 429 with the code rate_limit_exceeded and a Retry-After within the window."""
    for refusal in gathered.refused:
        code, wait = refusal.error_field("code"), refusal.headers.get("retry-after", "")
        expect(code == "rate_limit_exceeded", "code rate_limit_exceeded", code, refusal)
        sane = wait.isdecimal() and 1 <= int(wait) <= gathered.rule.longest
        expect(sane, f"Retry-After from 1 to {gathered.rule.longest}", wait, refusal)


@pytest.mark.usefixtures("gathered")
def test_others_are_not_touched(edge_target: Target) -> None:
    """While one model's limit is used up, another model answers."""
    others = [name for name in edge_target.models if name != MODEL]
    if not others:
        not_applicable("the target has no other model")
    expect_status(ask(edge_target, fresh(PROMPT), model=others[0]).exchange, 200)


def test_window_passes(edge_target: Target, gathered: Crowd) -> None:
    """When the window has passed, requests are answered again."""
    rest(gathered.rule)
    expect_status(limited(edge_target), 200)
