"""Conversations: turns are kept, told to the model, repeated without harm, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.chat import Answer, ChatStream, fresh
from edgewright_verify.probes.talks import CONVERSATIONS, ID, Talk, run_of, talking
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_sessions

PROMPT = "Name a colour."


@pytest.fixture(scope="module")
def conversing(edge_target: Target) -> Target:
    """The target, if it has conversations."""
    edge_target.needs_edgewright("a conversation by its id")
    edge_target.needs("sessions")
    return edge_target


@pytest.fixture
def talk(conversing: Target) -> Iterator[Talk]:
    """A conversation of the test's own."""
    with talking(conversing) as opened:
        yield opened


@pytest.fixture(scope="module")
def kept(conversing: Target) -> Iterator[tuple[Talk, list[str], Answer, ChatStream]]:
    """A conversation of two turns, the second streamed where the target streams, with its prompts and answers."""
    with talking(conversing) as opened:
        prompts = [fresh(PROMPT), fresh(PROMPT)]
        first = opened.say(prompts[0])
        expect_status(first.exchange, 200)
        second = opened.stream(prompts[1], stream_options={"include_usage": True})
        expect_status(second.exchange, 200)
        yield opened, prompts, first, second


Kept = tuple[Talk, list[str], Answer, ChatStream]


def test_turns_are_kept(kept: Kept) -> None:
    """A conversation holds what was said in each of its turns, streamed or not, in order."""
    talk, prompts, first, second = kept
    wanted = [("user", prompts[0]), ("assistant", first.text), ("user", prompts[1]), ("assistant", second.text)]
    expect(talk.messages() == wanted, str(wanted), talk.messages(), talk.held())


def test_history_is_told(kept: Kept) -> None:
    """The model of a second turn is told of the first: its prompt has more tokens."""
    _, _, first, second = kept
    counts = [_prompt_tokens(first.body.get("usage")), _prompt_tokens(second.usages[-1] if second.usages else None)]
    if None in counts:
        not_applicable("the target tells no usage")
    expect(counts[1] > counts[0], f"more than {counts[0]} prompt tokens", counts[1], second.exchange)


def test_turns_name_their_conversation(kept: Kept) -> None:
    """The answer to a turn names its conversation and its run."""
    talk, _, first, second = kept
    for exchange in (first.exchange, second.exchange):
        expect(exchange.headers.get("x-edge-conversation") == talk.id, talk.id, "another name or none", exchange)
        run_of(exchange)


def test_conversation_is_listed(kept: Kept) -> None:
    """A conversation is in the list of its tenant."""
    answer = kept[0].target.ask("GET", f"{CONVERSATIONS}?limit=100")
    listed = [entry.get("id") for entry in _entries(answer.json)]
    expect(kept[0].id in listed, f"{kept[0].id} among them", listed, answer)


def test_export(kept: Kept) -> None:
    """The export of a conversation is its messages, one JSON a line."""
    answer = kept[0].target.ask("GET", f"{kept[0].path}/export")
    expect_status(answer, 200)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    told = [(line.get("role"), line.get("content")) for line in lines]
    expect(told == kept[0].messages(), str(kept[0].messages()), told, answer)


def test_deleted_is_gone(talk: Talk) -> None:
    """A conversation that was deleted is not found, and a new turn under its id begins anew."""
    expect_status(talk.say(fresh(PROMPT)).exchange, 200)
    expect_status(talk.delete(), 200)
    expect_status(talk.held(), 404)
    prompt = fresh(PROMPT)
    expect_status(talk.say(prompt).exchange, 200)
    expect(talk.messages()[:1] == [("user", prompt)], "the new prompt alone", talk.messages(), talk.held())


def test_unknown_is_not_found(talk: Talk) -> None:
    """A conversation that nobody began is a 404, and so is its deletion."""
    expect_status(talk.held(), 404)
    expect_status(talk.delete(), 404)


def test_bad_id_is_refused(conversing: Target) -> None:
    """A conversation's id with a space is refused with 400, by its name."""
    answer = conversing.chat(fresh(PROMPT), headers={ID: "no good"})
    expect_status(answer, 400)
    expect(answer.error_field("param") == "conversation", "param conversation", answer.error_field("param"), answer)


def test_repeated_turn_adds_nothing(talk: Talk) -> None:
    """A turn that is sent again with its Idempotency-Key adds nothing and gets the answer of the first."""
    prompt, headers = fresh(PROMPT), {"idempotency-key": talk.id}
    first, again = talk.say(prompt, headers=headers), talk.say(prompt, headers=headers)
    expect_status(again.exchange, 200)
    same = (first.text, run_of(first.exchange)) == (again.text, run_of(again.exchange))
    expect(same, f"the text {first.text!r} of the same run", again.text, again.exchange)
    expect(len(talk.messages()) == 2, "2 messages", len(talk.messages()), talk.held())


def test_key_for_another_turn_is_refused(talk: Talk) -> None:
    """An Idempotency-Key that comes with another request is refused with 422."""
    headers = {"idempotency-key": talk.id}
    expect_status(talk.say(fresh(PROMPT), headers=headers).exchange, 200)
    expect_status(talk.say(fresh(PROMPT), headers=headers).exchange, 422)


def test_conversations_need_a_key(kept: Kept) -> None:
    """A conversation is read by nobody without a key."""
    talk = kept[0]
    talk.target.needs("auth")
    for path in (talk.path, CONVERSATIONS, f"{talk.path}/export"):
        expect_status(talk.target.ask("GET", path, key=None), 401)


def test_other_tenant(kept: Kept) -> None:
    """Another tenant finds no conversation under the same id, cannot delete it, and sees it in no list."""
    talk, _, first, _ = kept
    other = talk.target.settings.other_key
    if other is None:
        not_applicable("no key of another tenant was given (EDGE_OTHER_KEY)")
    for answer in (talk.held(other), talk.events(run_of(first.exchange), key=other), talk.delete(other)):
        expect_status(answer, 404)
    listed = talk.target.ask("GET", f"{CONVERSATIONS}?limit=100", key=other)
    ids = [entry.get("id") for entry in _entries(listed.json)]
    expect(talk.id not in ids, "a list without it", ids, listed)
    expect(len(talk.messages()) == 4, "the conversation as it was", talk.messages(), talk.held())


def _entries(body: Any) -> list[dict[str, Any]]:
    data = body.get("data") if isinstance(body, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _prompt_tokens(usage: Any) -> Any:
    return usage.get("prompt_tokens") if isinstance(usage, dict) else None
