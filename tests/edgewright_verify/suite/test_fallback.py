"""Fallback: when the first target fails, another answers and the caller does not notice. Shown by signed drills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.cache import cache_state, is_hit, until_hit
from edgewright_verify.probes.chat import COUNTING, Answer, ChatStream, ask, fresh, stream
from edgewright_verify.probes.drill import CUT, FAULTS, STALE_SECONDS, drill_header
from edgewright_verify.settings import TargetUnusable
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_fallback

PROMPT = "Say hello."


@dataclass(frozen=True)
class Drills:
    """Drilled answers, each asked for once. ``usual`` is the target that answers undrilled."""

    target: Target
    secret: str
    model: str
    usual: str
    whole: Callable[[str], Answer]
    streamed: Callable[[str], ChatStream]

    def sign(self, fault: str, *, age: int = 0) -> dict[str, str]:
        return drill_header(self.secret, fault, age=age)


@pytest.fixture(scope="module")
def drillable(edge_target: Target) -> tuple[Target, str]:
    """The target and its drill secret, if it allows drills."""
    edge_target.needs_edgewright("a signed drill")
    edge_target.needs("drills")
    secret = edge_target.settings.drill_secret
    if secret is None:
        not_applicable("no drill secret was given (EDGE_DRILL_SECRET)")
    probe = ask(edge_target, fresh(PROMPT), headers=drill_header(secret, FAULTS[0])).exchange
    if probe.status == 403 and probe.error_field("code") == "invalid_drill":
        raise TargetUnusable(
            "a drill signed with the drill secret was refused; fix: give the stack's by EDGE_DRILL_SECRET, "
            "and check this machine's clock"
        )
    return edge_target, secret


@pytest.fixture(scope="module")
def drills(drillable: tuple[Target, str]) -> Drills:
    """Drills on a model that has a second target, if one of the first listed has."""
    target, secret = drillable
    target.needs("fallback")
    candidates = target.chat_models
    if all(_has_one_target(target, name) for name in candidates):
        not_applicable(
            f"each of the models {', '.join(candidates)} has one target, so there is nothing to fall back to"
        )
    model = next((name for name in candidates if _falls_back(target, secret, name)), target.model)
    undrilled = ask(target, fresh(PROMPT), model=model)
    expect_status(undrilled.exchange, 200)

    @cache
    def whole(fault: str) -> Answer:
        return ask(target, fresh(PROMPT), model=model, headers=drill_header(secret, fault))

    @cache
    def streamed(fault: str) -> ChatStream:
        target.needs("streaming")
        return stream(target, fresh(COUNTING), model=model, headers=drill_header(secret, fault))

    return Drills(target, secret, model, undrilled.exchange.headers.get("x-edge-target", ""), whole, streamed)


@pytest.mark.parametrize("fault", FAULTS)
def test_whole_answer(drills: Drills, fault: str) -> None:
    """When the first target fails by {fault}, the caller gets a whole answer."""
    answer = drills.whole(fault)
    expect_status(answer.exchange, 200)
    expect(bool(answer.text), "a message with text", answer.exchange.text, answer.exchange)
    expect(isinstance(answer.finish_reason, str), "a finish reason", answer.finish_reason, answer.exchange)


@pytest.mark.parametrize("fault", FAULTS)
def test_whole_stream(drills: Drills, fault: str) -> None:
    """When the first target fails by {fault}, the caller gets a whole stream."""
    answer = drills.streamed(fault)
    expect_status(answer.exchange, 200)
    expect(answer.whole and bool(answer.text), "a whole stream with text", answer.tail, answer.exchange)


def test_another_target(drills: Drills) -> None:
    """The answer to a drilled request comes from another target than usual, and says so."""
    for exchange in _all_drilled(drills):
        answered = exchange.headers.get("x-edge-target")
        expect(bool(answered) and answered != drills.usual, f"not {drills.usual}", answered, exchange)


def test_attempts_are_counted(drills: Drills) -> None:
    """The answer to a drilled request says that more than one model call was made."""
    for exchange in _all_drilled(drills):
        attempts = exchange.headers.get("x-edge-attempts", "")
        expect(attempts.isdecimal() and int(attempts) > 1, "x-edge-attempts above 1", attempts, exchange)


def test_drill_is_marked(drills: Drills) -> None:
    """The answer to a drilled request carries the name of the fault; an undrilled one does not."""
    for fault in FAULTS:
        for exchange in _drilled(drills, fault):
            marked = exchange.headers.get("x-edge-drill")
            expect(marked == fault, f"x-edge-drill: {fault}", marked, exchange)
    plain = ask(drills.target, fresh(PROMPT), model=drills.model).exchange
    expect("x-edge-drill" not in plain.headers, "no x-edge-drill", plain.headers.get("x-edge-drill"), plain)


def test_cut_stream_is_an_error(drills: Drills) -> None:
    """A stream that is cut in the middle goes on from another target and says so, or ends with an error event."""
    answer = drills.streamed(CUT)
    expect(answer.exchange.status == 200, "a stream that began", f"status {answer.exchange.status}", answer.exchange)
    if any(chunk.get("edge", {}).get("switched") is True for chunk in answer.chunks):
        expect(bool(answer.text) and bool(answer.finish_reasons), "a whole answer", answer.tail, answer.exchange)
        return
    error = answer.errors[0] if answer.errors else None
    expect(isinstance(error, dict) and bool(error.get("message")), "an error event", answer.tail, answer.exchange)
    expect(not answer.finish_reasons, "no finish reason", answer.finish_reasons, answer.exchange)


def test_cut_answer_is_not_shortened(drills: Drills) -> None:
    """A caller who does not stream gets a whole answer or an error from a cut, never a shortened answer."""
    answer = drills.whole(CUT)
    exchange = answer.exchange
    if exchange.status == 200:
        elsewhere = exchange.headers.get("x-edge-target") != drills.usual
        expect(elsewhere, f"an answer of another target than {drills.usual}", exchange.text, exchange)
        expect(bool(answer.text) and bool(answer.finish_reason), "a whole answer", exchange.text, exchange)
    else:
        expect((exchange.status or 0) >= 500, "status 200 or 500 and above", f"status {exchange.status}", exchange)
        expect(bool(exchange.error_field("message")), "an error with a message", exchange.text, exchange)


def test_forged_drill_is_refused(drillable: tuple[Target, str]) -> None:
    """A drill signed with another secret is refused with 403."""
    target, secret = drillable
    _expect_refusal(ask(target, fresh(PROMPT), headers=drill_header(secret + "x", FAULTS[0])).exchange)


def test_altered_drill_is_refused(drillable: tuple[Target, str]) -> None:
    """A drill whose fault was changed after signing is refused with 403."""
    target, secret = drillable
    header = drill_header(secret, FAULTS[0])["x-edge-drill"].replace(FAULTS[0], FAULTS[1])
    _expect_refusal(ask(target, fresh(PROMPT), headers={"x-edge-drill": header}).exchange)


def test_stale_drill_is_refused(drillable: tuple[Target, str]) -> None:
    """A drill signed minutes ago is refused with 403."""
    target, secret = drillable
    _expect_refusal(ask(target, fresh(PROMPT), headers=drill_header(secret, FAULTS[0], age=STALE_SECONDS)).exchange)


def test_replayed_drill_is_refused(drillable: tuple[Target, str]) -> None:
    """A drill is good for one request: the same header is refused with 403 the second time."""
    target, secret = drillable
    header = drill_header(secret, FAULTS[0])
    first = ask(target, fresh(PROMPT), headers=header).exchange
    expect(first.status != 403, "the first use accepted", f"status {first.status}", first)
    _expect_refusal(ask(target, fresh(PROMPT), headers=header).exchange)


def test_drills_leave_the_cache_alone(drills: Drills) -> None:
    """A drilled request neither reads the cache nor writes it."""
    target = drills.target
    target.needs("cache")
    prompt = fresh(PROMPT)
    ask(target, prompt, model=drills.model, headers=drills.sign(FAULTS[0]))
    after = ask(target, prompt, model=drills.model).exchange
    expect(not is_hit(after), "a MISS after the drilled request", cache_state(after.headers), after)
    until_hit(lambda: ask(target, prompt, model=drills.model))
    drilled = ask(target, prompt, model=drills.model, headers=drills.sign(FAULTS[0])).exchange
    expect(not is_hit(drilled), "no HIT for a drilled request", cache_state(drilled.headers), drilled)


def _has_one_target(target: Target, model: str) -> bool:
    return bool(ask(target, fresh(PROMPT), model=model).exchange.headers.get("x-edge-targets") == "1")


def _falls_back(target: Target, secret: str, model: str) -> bool:
    usual = ask(target, fresh(PROMPT), model=model).exchange
    drilled = ask(target, fresh(PROMPT), model=model, headers=drill_header(secret, FAULTS[0])).exchange
    elsewhere = drilled.headers.get("x-edge-target") != usual.headers.get("x-edge-target")
    return drilled.status == 200 and elsewhere


def _all_drilled(drills: Drills) -> list[Exchange]:
    return [exchange for fault in FAULTS for exchange in _drilled(drills, fault)]


def _drilled(drills: Drills, fault: str) -> list[Exchange]:
    """Whole, and streamed where the target streams."""
    forms = (drills.whole, drills.streamed) if drills.target.offers("streaming") else (drills.whole,)
    return [answer(fault).exchange for answer in forms]


def _expect_refusal(exchange: Exchange) -> None:
    expect_status(exchange, 403)
    code = exchange.error_field("code")
    expect(code == "invalid_drill", "code invalid_drill", code, exchange)
