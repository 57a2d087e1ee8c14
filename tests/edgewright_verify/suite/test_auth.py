"""Authentication: only a caller with a key is served, and a key is never told to anybody."""

from __future__ import annotations

import secrets

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.cache import is_hit, until_hit
from edgewright_verify.probes.chat import ask, fresh
from edgewright_verify.target import CHAT, MODELS, Target

pytestmark = pytest.mark.edge_auth

PROMPT = "Say hello."
GARBAGE = {
    "another scheme": "Basic dXNlcjpwYXNz",
    "no key": "Bearer",
    "two words": "Bearer one two",
    "no scheme": "x",
    "an endless key": "Bearer " + "k" * 4000,
}


@pytest.fixture(scope="module")
def wrong_key() -> str:
    """A key that nobody has."""
    return f"sk-edge-{secrets.token_urlsafe(32)}"


@pytest.fixture(scope="module")
def guarded(edge_target: Target, wrong_key: str) -> Target:
    """The target, if it asks its callers for a key."""
    edge_target.needs("auth")
    if not edge_target.capabilities.edgewright:
        answers = [edge_target.chat(fresh(PROMPT), key=key) for key in (None, wrong_key)]
        if all(answer.status == 200 for answer in answers):
            not_applicable("the target answers callers without a key")
    if edge_target.settings.key is None:
        not_applicable("no key was given (--edge-key, EDGE_API_KEY)")
    return edge_target


@pytest.fixture(scope="module")
def refused(guarded: Target, wrong_key: str) -> list[Exchange]:
    """The answers to callers who have no valid key."""
    return [guarded.chat(fresh(PROMPT), key=key) for key in (None, wrong_key)]


def test_no_key(guarded: Target) -> None:
    """A request without a key is refused with 401."""
    expect_status(guarded.chat(fresh(PROMPT), key=None), 401)


def test_wrong_key(guarded: Target, wrong_key: str) -> None:
    """A request with a wrong key is refused with 401."""
    expect_status(guarded.chat(fresh(PROMPT), key=wrong_key), 401)


def test_almost_the_key(guarded: Target) -> None:
    """A key that differs from a valid one by its last letter only is refused with 401."""
    key = guarded.settings.key or ""
    expect_status(guarded.chat(fresh(PROMPT), key=key[:-1] + ("A" if key[-1] != "A" else "B")), 401)


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage(guarded: Target, kind: str) -> None:
    """An authorization header with {kind} is refused with 401."""
    expect_status(guarded.chat(fresh(PROMPT), key=None, headers={"authorization": GARBAGE[kind]}), 401)


def test_error_shape(refused: list[Exchange]) -> None:
    """A refusal is an OpenAI error object with the code invalid_api_key."""
    for exchange in refused:
        told = [exchange.error_field(name) for name in ("message", "type")]
        expect(all(isinstance(text, str) and text for text in told), "error.message and type", exchange.text, exchange)
        code = exchange.error_field("code")
        expect(code == "invalid_api_key", "code invalid_api_key", code, exchange)


def test_stream_is_refused(guarded: Target) -> None:
    """A streaming request without a key is refused with 401 before any byte of a stream."""
    answer = guarded.chat(fresh(PROMPT), key=None, stream=True)
    expect_status(answer, 401)
    expect(answer.media_type != "text/event-stream", "no stream", answer.media_type, answer)


def test_models_need_a_key(guarded: Target) -> None:
    """The list of models is for callers with a key."""
    expect_status(guarded.ask("GET", MODELS, key=None), 401)


def test_key_is_not_echoed(guarded: Target, wrong_key: str) -> None:
    """No answer repeats the caller's key, be it valid or not, in its body or its headers."""
    valid = guarded.settings.key or ""
    told = [
        (guarded.chat(fresh(PROMPT)), valid),
        (guarded.ask("POST", CHAT, content=b"{"), valid),
        (guarded.ask("GET", "/v1/no-such-path"), valid),
        (guarded.chat(fresh(PROMPT), key=wrong_key), wrong_key),
    ]
    for exchange, key in told:
        everything = exchange.text + "\n".join(exchange.headers.values())
        expect(key not in everything, "an answer without the key", "the whole key in it", exchange)


def test_public_paths(guarded: Target) -> None:
    """Health and the well-known document need no key."""
    guarded.needs_edgewright("a public health path")
    for path in ("/health", "/.well-known/edgewright"):
        expect_status(guarded.ask("GET", path, key=None), 200)


def test_cache_is_guarded(guarded: Target, wrong_key: str) -> None:
    """A cached answer is not given to a caller without a valid key."""
    guarded.needs("cache")
    prompt = fresh(PROMPT)
    cached = until_hit(lambda: ask(guarded, prompt))
    if not is_hit(cached.exchange):
        not_applicable("the target shows no cached answer")
    for key in (None, wrong_key):
        expect_status(guarded.chat(prompt, key=key), 401)
