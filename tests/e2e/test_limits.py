"""Limits on the deployed Worker: a crowd that asks at once, in real objects, counted by the model's own log."""

import asyncio
import json
import math
from collections import Counter

import aiohttp
import httpx
import pytest
from edgewright.keys import new_client_key
from edgewright_verify.upstream import ScriptedUpstream

from .stage import KEY, Stage, fresh

CROWD = 1_000
PRICE = {"input": 1_000, "output": 2_000}
ANSWER_TOKENS = 60


def rule(name, of, at_most, **more):
    return {"name": name, "per": "key", "of": of, "at_most": at_most, "window_seconds": 86_400, "keys": [name], **more}


RULES = [
    rule("crowd", "requests", 100),
    rule("words", "tokens", 5_000),
    rule("money", "usd", 5.0),
    rule("few", "requests", 2),
    rule("lasting", "requests", 1, kind="fixed", window_seconds=31_536_000),
    rule("turns", "requests", 1),
    rule("settled", "tokens", 10_000),
]
KEYS = {each["name"]: new_client_key() for each in RULES}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    changes = {
        "cache": {"enabled": True, "kv": False},
        "limits": {"rules": RULES, "max_output_tokens": 100},
        "auth": {"keys": {"demo": {"tenant": "demo"}, **{name: {"tenant": "demo"} for name in KEYS}}},
        "client_keys": {"demo": KEY, **KEYS},
    }
    with ScriptedUpstream(0) as upstream:
        models = {name: {"targets": [{"upstream": "wall", "model": name, "price": PRICE}]} for name in ("good", "slow")}
        with Stage(folder, upstream, models=models, **changes) as made:
            yield made


def ask(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def said(stage, name, text, **more):
    headers = {"authorization": f"Bearer {KEYS[name]}"}
    return stage.http.post("/chat/completions", json=ask(text, **more), headers=headers)


def crowd(stage, name, tag, **more):
    """Statuses, and the codes of refusals, of a thousand requests at once, no two of them the same."""

    async def one(session, number):
        body = ask(f"{tag} {number}", stream=number % 2 == 0, **more)
        async with session.post(f"{stage.url}/v1/chat/completions", json=body) as response:
            text = await response.text()
            return response.status, "insufficient_quota" in text, "retry-after" in response.headers

    async def all_of_them():
        headers = {"authorization": f"Bearer {KEYS[name]}"}
        connector = aiohttp.TCPConnector(limit=CROWD)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            return await asyncio.gather(*(one(session, number) for number in range(CROWD)))

    return asyncio.run(all_of_them())


def test_of_a_thousand_at_once_exactly_as_many_are_answered_as_the_limit_allows(stage):
    tag = fresh("crowd")
    statuses = Counter(status for status, _, _ in crowd(stage, "crowd", tag))
    assert statuses == {200: 100, 429: 900}
    assert len(stage.calls(tag)) == 100


def test_tokens_are_never_over_their_limit(stage):
    tag = fresh("words")
    statuses = Counter(
        status for status, _, waits in crowd(stage, "words", tag, max_tokens=ANSWER_TOKENS) if waits or status == 200
    )
    while (last := said(stage, "words", f"{tag} again {sum(statuses.values())}", max_tokens=ANSWER_TOKENS)).is_success:
        statuses[200] += 1
    assert last.status_code == 429
    calls = stage.calls(tag)
    used = sum(call["usage"]["total_tokens"] for call in calls)
    assert len(calls) == statuses[200]
    assert 5_000 - 2 * ANSWER_TOKENS < used <= 5_000


def test_money_is_never_over_its_limit(stage):
    tag = fresh("money")
    answers = crowd(stage, "money", tag, max_tokens=ANSWER_TOKENS)
    assert {status for status, _, _ in answers} == {200, 429}
    assert all(quota for status, quota, _ in answers if status == 429)
    usages = [call["usage"] for call in stage.calls(tag)]
    spent = sum(u["prompt_tokens"] * PRICE["input"] + u["completion_tokens"] * PRICE["output"] for u in usages) / 1e6
    assert 3.0 < spent <= 5.0


def test_what_is_counted_outlives_the_runtime(stage):
    assert said(stage, "lasting", fresh()).status_code == 200
    stage.kill()
    refused = said(stage, "lasting", fresh())
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    stage.deploy(models={"good": {"targets": [{"upstream": "wall", "model": "good", "price": PRICE}]}})
    assert said(stage, "lasting", fresh()).status_code == 429


def test_what_the_cache_answers_is_free(stage):
    text = fresh("cached")
    answers = [said(stage, "few", text) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert len(stage.calls(text)) == 1
    assert said(stage, "few", fresh()).headers["x-ratelimit-remaining-requests"] == "0"


def test_a_turn_of_a_conversation_is_limited(stage):
    talk = fresh()
    assert said(stage, "turns", f"one {talk}", conversation=talk).status_code == 200
    refused = said(stage, "turns", f"two {talk}", conversation=talk)
    assert refused.status_code == 429
    assert "'turns'" in refused.json()["error"]["message"]
    assert len(stage.calls(talk)) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_reserved_is_settled_by_what_was_used(stage, stream):
    tag = "settled"
    said(stage, tag, f"{tag} {fresh()}", max_tokens=100, stream=stream).raise_for_status()
    for _ in range(20):  # an answer is settled when it has been given
        used = sum(call["usage"]["total_tokens"] for call in stage.calls(tag))
        text = f"{tag} {fresh()}"
        reserved = math.ceil(len(json.dumps(ask(text)["messages"], separators=(",", ":"))) / 4) + 60
        left = int(said(stage, tag, text, max_tokens=60).headers["x-ratelimit-remaining-tokens"])
        if left == 10_000 - used - reserved:
            return
    pytest.fail(f"{left} left, where {used} were used and {reserved} reserved")


def test_limits_are_told_in_the_headers_of_the_standard(stage):
    answer = said(stage, "settled", f"settled {fresh()}", max_tokens=60)
    assert answer.headers["ratelimit-policy"] == '"settled";q=10000;w=86400;qu="tokens"'
    assert answer.headers["ratelimit"].startswith('"settled";r=')
    assert "ratelimit" not in httpx.get(f"{stage.url}/health").headers
