"""Caching: equal requests are answered once by a model; what differs, or must not be kept, is not."""

from __future__ import annotations

import json

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.cache import across_forms, cache_state, is_hit, until_hit
from edgewright_verify.probes.chat import Answer, ask, fresh, stream
from edgewright_verify.target import CHAT, Target

pytestmark = pytest.mark.edge_cache

PROMPT = "Name a colour."


@pytest.fixture(scope="module")
def caching(edge_target: Target) -> Target:
    """The target, if it tells of a cache."""
    edge_target.needs("cache")
    if not edge_target.capabilities.edgewright:
        answer = ask(edge_target, fresh(PROMPT))
        if cache_state(answer.exchange.headers) is None:
            not_applicable("no header of the target tells of a cache")
    return edge_target


@pytest.fixture(scope="module")
def pair(caching: Target) -> tuple[Answer, Answer]:
    """A first answer, and the one to an equal request."""
    prompt = fresh(PROMPT)
    first = ask(caching, prompt)
    expect_status(first.exchange, 200)
    return first, until_hit(lambda: ask(caching, prompt))


@pytest.fixture(scope="module")
def hit(pair: tuple[Answer, Answer]) -> Answer:
    """The answer from the cache; where there is none, one promise is broken and the details do not apply."""
    if not is_hit(pair[1].exchange):
        not_applicable("an equal request was not answered from the cache")
    return pair[1]


def test_equal_request_hits(pair: tuple[Answer, Answer]) -> None:
    """An equal request is answered from the cache, with the same text."""
    first, second = pair
    _expect_hit(second.exchange)
    expect(second.text == first.text, f"the text {first.text!r}", repr(second.text), second.exchange)


def test_first_request_misses(pair: tuple[Answer, Answer]) -> None:
    """A request never seen before is answered by a model, not from the cache."""
    _expect_no_hit(pair[0].exchange)


def test_hit_needs_no_model(edge_target: Target, hit: Answer) -> None:
    """An answer from the cache calls no model, and still says which one gave it."""
    edge_target.needs_edgewright("the count of model calls")
    headers = hit.exchange.headers
    attempts = headers.get("x-edge-attempts")
    expect(attempts == "0", "x-edge-attempts: 0", attempts, hit.exchange)
    expect(bool(headers.get("x-edge-target")), "x-edge-target", "no such header", hit.exchange)


def test_hit_has_age(edge_target: Target, hit: Answer) -> None:
    """An answer from the cache tells its age in whole seconds."""
    edge_target.needs_edgewright("Age on an answer from the cache")
    age = hit.exchange.headers.get("age")
    expect(age is not None and age.isdecimal(), "Age in whole seconds", age, hit.exchange)


def test_fresh_id(edge_target: Target, pair: tuple[Answer, Answer], hit: Answer) -> None:
    """An answer from the cache has an id of its own."""
    edge_target.needs_edgewright("a new id for a cached answer")
    expect(bool(hit.id) and hit.id != pair[0].id, "another id than the first answer's", hit.id, hit.exchange)


def test_streamed_then_whole(caching: Target) -> None:
    """An answer that was streamed first is given from the cache to a caller who does not stream."""
    caching.needs_edgewright("one cache for streamed and whole answers")
    caching.needs("streaming")
    first, second = across_forms(lambda prompt: stream(caching, prompt), lambda prompt: ask(caching, prompt))
    _expect_hit(second.exchange)
    expect(second.text == first.text, f"the text {first.text!r}", repr(second.text), second.exchange)


def test_whole_then_streamed(caching: Target) -> None:
    """An answer that was given in one piece first is streamed from the cache, from its role to [DONE]."""
    caching.needs_edgewright("one cache for streamed and whole answers")
    caching.needs("streaming")
    first, second = across_forms(lambda prompt: ask(caching, prompt), lambda prompt: stream(caching, prompt))
    _expect_hit(second.exchange)
    expect(second.whole and second.roles == ["assistant"], "a whole stream", second.tail, second.exchange)
    expect(second.text == first.text, f"the text {first.text!r}", repr(second.text), second.exchange)


def test_other_prompt_misses(caching: Target, hit: Answer) -> None:
    """Another prompt is not answered from the cache."""
    other = _prompt_of(hit) + "!"
    answer = ask(caching, other)
    expect_status(answer.exchange, 200)
    _expect_no_hit(answer.exchange)


def test_other_setting_misses(caching: Target, hit: Answer) -> None:
    """The same prompt with another temperature is not answered from the cache."""
    prompt = _prompt_of(hit)
    answer = ask(caching, prompt, temperature=0.123)
    expect_status(answer.exchange, 200)
    _expect_no_hit(answer.exchange)


def test_key_order(caching: Target) -> None:
    """The order of keys in the JSON body makes no difference."""
    caching.needs_edgewright("a cache key that ignores the order of keys")

    def turned(prompt: str) -> Answer:
        message = {"content": prompt, "role": "user"}
        return Answer(caching.ask("POST", CHAT, body={"messages": [message], "model": caching.model}))

    _expect_hit(across_forms(lambda prompt: ask(caching, prompt), turned)[1].exchange)


def test_no_cache(caching: Target, hit: Answer) -> None:
    """A caller who sends `Cache-Control: no-cache` gets a new answer."""
    caching.needs_edgewright("Cache-Control of the caller")
    prompt = _prompt_of(hit)
    answer = ask(caching, prompt, headers={"cache-control": "no-cache"})
    expect_status(answer.exchange, 200)
    _expect_no_hit(answer.exchange)


@pytest.mark.usefixtures("hit")  # without a cache that works, a miss would mean nothing
def test_no_store(caching: Target) -> None:
    """An answer to `Cache-Control: no-store` is kept for nobody."""
    caching.needs_edgewright("Cache-Control of the caller")
    prompt = fresh(PROMPT)
    expect_status(ask(caching, prompt, headers={"cache-control": "no-store"}).exchange, 200)
    answer = ask(caching, prompt)
    _expect_no_hit(answer.exchange)


def _prompt_of(answer: Answer) -> str:
    prompt: str = json.loads(answer.exchange.sent or "")["messages"][0]["content"]
    return prompt


def _expect_hit(exchange: Exchange) -> None:
    expect(is_hit(exchange), "a HIT", cache_state(exchange.headers), exchange)


def _expect_no_hit(exchange: Exchange) -> None:
    expect(not is_hit(exchange), "no HIT", cache_state(exchange.headers), exchange)
