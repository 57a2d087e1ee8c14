"""Limits as a target tells them in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""

from __future__ import annotations

import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect
from edgewright_verify.probes.chat import ask, fresh
from edgewright_verify.target import Target

MODEL = "trial"
"""The model that a stack limits for verification alone, so that a crowd starves nobody else."""

PROMPT = "Name a colour."
SIDE_BY_SIDE = 32
LONGEST_WINDOW_SECONDS = 10
MOST_REQUESTS = 100

_ITEM = re.compile(r'"(?P<name>[^"]+)"(?P<parameters>(?:;\w+=(?:\d+|"[^"]*"))*)')
_PARAMETER = re.compile(r';(\w+)=(?:(\d+)|"([^"]*)")')


@dataclass(frozen=True)
class Rule:
    """A rule that counts requests: ``quota`` in ``window`` seconds, of which ``remaining`` are left."""

    name: str
    quota: int
    window: int
    remaining: int
    reset: int

    @property
    def longest(self) -> int:
        """Whole seconds after which nothing counts any more: a sliding window may be a sixtieth longer."""
        return math.ceil(self.window * 61 / 60)


def parameters(header: str) -> dict[str, dict[str, str]]:
    """Items of a structured list by their names, each with its parameters; empty where it is none."""
    items = [item.strip() for item in header.split(",")]
    found = [_ITEM.fullmatch(item) for item in items]
    if not all(found):
        return {}
    return {
        match["name"]: {name: number or text for name, number, text in _PARAMETER.findall(match["parameters"])}
        for match in found
        if match
    }


def rules_of(exchange: Exchange) -> list[Rule]:
    """The rules of requests that an answer tells of."""
    left = parameters(exchange.headers.get("ratelimit", ""))
    policies = parameters(exchange.headers.get("ratelimit-policy", ""))
    return [
        Rule(name, int(policy["q"]), int(policy["w"]), int(left[name]["r"]), int(left[name]["t"]))
        for name, policy in policies.items()
        if name in left and "qu" not in policy and {"q", "w"} <= policy.keys() and {"r", "t"} <= left[name].keys()
    ]


def limited(target: Target) -> Exchange:
    """One request that a rule counts."""
    return ask(target, fresh(PROMPT), model=MODEL).exchange


@dataclass(frozen=True)
class Crowd:
    """The answers to more requests at once than a rule allows, and how many seconds they took."""

    rule: Rule
    answers: list[Exchange]
    seconds: float

    @property
    def answered(self) -> list[Exchange]:
        return [answer for answer in self.answers if answer.status == 200]

    @property
    def refused(self) -> list[Exchange]:
        return [answer for answer in self.answers if answer.status != 200]


def crowd(target: Target, rule: Rule) -> Crowd:
    """Half as many again as the rule allows, at once, after its window has passed."""
    rest(rule)
    began = time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        answers = list(pool.map(lambda _: limited(target), range(rule.quota + max(5, rule.quota // 2))))
    found = Crowd(rule, answers, time.monotonic() - began)
    for answer in answers:
        expect(answer.status in {200, 429}, "status 200 or 429", answer.status, answer)
    return found


def rest(rule: Rule) -> None:
    """Wait until what was used counts no more."""
    time.sleep(rule.longest + 0.1)
