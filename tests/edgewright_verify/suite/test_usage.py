"""Usage: what was asked is counted once, with the tokens that answers told, for its tenant only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.cache import is_hit
from edgewright_verify.probes.chat import Answer, ask, fresh, stream
from edgewright_verify.probes.usage import USAGE, cells_of, report, row_of, until_counted
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_usage

PROMPT = "Name a colour."
DIFFERENT = 3


@dataclass(frozen=True)
class Known:
    """A known set of requests of one user, and the report that shows it."""

    user: str
    requests: int
    hits: int
    usages: list[dict[str, Any]]
    report: Exchange

    @property
    def row(self) -> dict[str, Any]:
        return row_of(self.report, self.user)

    def told(self, name: str) -> int:
        """Tokens that the answers told, of those that a model gave."""
        return sum(usage.get(name, 0) for usage in self.usages)


@pytest.fixture(scope="module")
def reporting(edge_target: Target) -> Target:
    """The target, if it reports usage."""
    edge_target.needs_edgewright("a report of usage")
    edge_target.needs("reports")
    return edge_target


@pytest.fixture(scope="module")
def known(reporting: Target) -> Known:
    """Different requests, one of them again, and one streamed; waited for until the report shows them."""
    user = f"verify-{secrets.token_hex(8)}"
    prompts = [fresh(PROMPT) for _ in range(DIFFERENT)]
    answers = [ask(reporting, prompt, user=user) for prompt in [*prompts, prompts[0]]]
    streams = []
    if reporting.offers("streaming"):
        streams.append(stream(reporting, fresh(PROMPT), user=user, stream_options={"include_usage": True}))
    asked = [answer.exchange for answer in answers] + [each.exchange for each in streams]
    for exchange in asked:
        expect_status(exchange, 200)
    given = [answer for answer in answers if not is_hit(answer.exchange)]
    usages = [_usage(answer) for answer in given] + [usage for each in streams for usage in each.usages[-1:]]
    return Known(
        user,
        len(asked),
        len(answers) - len(given),
        [usage for usage in usages if usage],
        until_counted(reporting, user, len(asked)),
    )


def test_requests_are_counted(known: Known) -> None:
    """Each request is counted, once, within two minutes."""
    expect_status(known.report, 200)
    seen = known.row.get("requests", 0)
    expect(seen == known.requests, f"{known.requests} requests", seen, known.report)


def test_tokens_are_those_told(known: Known) -> None:
    """The tokens of the report are those that the answers told; what the cache gave used none."""
    if not known.usages:
        not_applicable("the target tells no usage")
    wanted = {"tokens_in": known.told("prompt_tokens"), "tokens_out": known.told("completion_tokens")}
    seen = {name: known.row.get(name) for name in wanted}
    expect(seen == wanted, str(wanted), seen, known.report)


def test_hits_are_told(reporting: Target, known: Known) -> None:
    """Answers from the cache are told apart."""
    reporting.needs("cache")
    if known.hits == 0:
        not_applicable("an equal request was not answered from the cache")
    expect(known.row.get("hits") == known.hits, f"{known.hits} hits", known.row.get("hits"), known.report)


def test_table(reporting: Target, known: Known) -> None:
    """The report as CSV says the same as the one as JSON."""
    answer = reporting.ask("GET", f"{USAGE}&format=csv")
    expect_status(answer, 200)
    cells = cells_of(answer, known.user)
    seen = {name: float(cells.get(name) or "nan") for name in ("requests", "tokens_in", "tokens_out")}
    wanted = {name: known.row.get(name) for name in seen}
    expect(seen == wanted, str(wanted), seen, answer)


def test_usage_needs_a_key(reporting: Target) -> None:
    """Usage is told to nobody without a key."""
    reporting.needs("auth")
    expect_status(report(reporting, key=None), 401)


def test_only_the_tenants_own(reporting: Target, known: Known) -> None:
    """Another tenant's report does not show what this one used."""
    other = reporting.settings.other_key
    if other is None:
        not_applicable("no key of another tenant was given (EDGE_OTHER_KEY)")
    answer = report(reporting, key=other)
    expect_status(answer, 200)
    expect(row_of(answer, known.user) == {}, "no such user", row_of(answer, known.user), answer)


def test_bad_question(reporting: Target) -> None:
    """A report by something that it does not know is refused with 400, by its name."""
    answer = reporting.ask("GET", "/v1/usage?group_by=colour")
    expect_status(answer, 400)
    expect(answer.error_field("param") == "group_by", "param group_by", answer.error_field("param"), answer)


def _usage(answer: Answer) -> dict[str, Any] | None:
    usage = answer.body.get("usage")
    return usage if isinstance(usage, dict) else None
