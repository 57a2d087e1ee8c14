"""What an answer of the wall is worth, seen beside the upstream's own log of the calls that were made for it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect
from edgewright_verify.probes.wall import ROWS, Mode, Told, Wall
from edgewright_verify.upstream.faults import RETRY_AFTER_SECONDS

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")

Verdict = Literal["pass", "safe"]


def judge(wall: Wall, name: str, mode: Mode, told: Told, calls: list[dict[str, Any]]) -> Verdict:
    """``pass`` for a whole answer, ``safe`` for an explicit error where one is allowed; else ``PromiseBroken``."""
    rule = ROWS[name].rule(mode)
    seconds = told.exchange.seconds
    expect(seconds <= wall.limit, f"an end within {wall.limit:.1f} s", told.seen(), told.exchange)
    verdict = _verdict(rule, told)
    running = [call["id"] for call in calls if call["ended"] is None]
    expect(not running, "no call left running", f"calls {running} of {_listed(calls)}", told.exchange)
    _check_attempts(told, calls)
    if verdict == "pass" and rule != "error":
        if name == "wrong-usage":
            _check_estimate(told, calls)
        else:
            _check_usage(told, calls)
    _check_patience(wall, calls, told.exchange)
    return verdict


def avoided(name: str, mode: Mode, calls: list[dict[str, Any]]) -> bool:
    """The proxy did not ask the model that fails: it has learnt to avoid it, so the fault was not tried."""
    row = ROWS[name]
    return row.rule(mode) != "error" and bool(calls) and calls[0]["model"] != row.targets[0]


def _verdict(rule: str, told: Told) -> Verdict:
    if rule == "error":
        expect(told.explicit_error, "an explicit error", told.seen(), told.exchange)
        return "pass"
    if told.whole or (rule == "filter" and told.filtered):
        return "pass"
    wanted = {
        "whole": "the whole answer, each word once",
        "safe": "the whole answer, each word once, or an explicit error and no finish reason stop",
        "filter": "finish reason content_filter, the whole answer, or an explicit error",
    }
    expect(rule != "whole" and told.explicit_error, wanted[rule], told.seen(), told.exchange)
    return "safe"


def _check_attempts(told: Told, calls: list[dict[str, Any]]) -> None:
    """The number of calls, where the proxy tells one: in the stream if it switched there, else in the header."""
    header = told.exchange.headers.get("x-edge-attempts")
    attempts = told.edge.get("attempts") if told.edge else int(header) if header and header.isdecimal() else header
    if attempts is not None:
        where = "edge.attempts" if told.edge else "x-edge-attempts"
        expect(attempts == len(calls), f"{where} {len(calls)}: {_listed(calls)}", attempts, told.exchange)


def _check_estimate(told: Told, calls: list[dict[str, Any]]) -> None:
    """Where the model's own account is false, the proxy tells none or one that can be true."""
    if told.usage is None:
        return
    prompt, completion, total = _counts(told.usage).values()
    sane = all(isinstance(count, int) and count >= 0 for count in (prompt, completion, total))
    kept = sane and prompt + completion == total and _near(completion, calls[-1]["tokens_sent"])
    expect(kept, "no usage, or one that adds up and is near the truth", told.usage, told.exchange)


def _check_usage(told: Told, calls: list[dict[str, Any]]) -> None:
    """Usage, where it is told, is what was sent: by the call that answered, or by all legs of a switched stream."""
    if told.usage is None:
        return
    spoken = [call["usage"] for call in calls if call["tokens_sent"]]
    if told.edge is None and len(spoken) > 1 and told.exchange.media_type == "text/event-stream":
        sent = sum(usage["completion_tokens"] for usage in spoken)
        expect(_near(_counts(told.usage)["completion_tokens"], sent), f"about {sent} tokens", told.usage, told.exchange)
        return
    legs = _legs(told.edge)
    talking = [leg for leg in legs if leg["usage"]["completion_tokens"]]
    expect(not legs or len(talking) == len(spoken), f"{len(spoken)} legs with text", legs, told.exchange)
    for leg, usage in zip(talking, spoken, strict=False):
        near = _near(leg["usage"]["completion_tokens"], usage["completion_tokens"])
        kept = near if leg["estimated"] else leg["usage"] == _counts(usage)
        expect(kept, f"a leg of {usage}", leg, told.exchange)
    wanted = {name: sum(leg["usage"][name] for leg in legs) for name in COUNTS} if legs else _counts(spoken[-1])
    expect(_counts(told.usage) == wanted, f"usage {wanted}", told.usage, told.exchange)


def _legs(edge: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What is told of each call that was a part of the answer, with a nought for every count that is not told."""
    told = edge.get("legs") if edge else None
    legs = [leg for leg in told if isinstance(leg, dict)] if isinstance(told, list) else []
    counted = [{name: count or 0 for name, count in _counts(leg.get("usage") or {}).items()} for leg in legs]
    return [
        {"target": leg.get("target"), "usage": counts, "estimated": leg.get("estimated") is True}
        for leg, counts in zip(legs, counted, strict=True)
    ]


def _check_patience(wall: Wall, calls: list[dict[str, Any]], exchange: Exchange) -> None:
    """A target that said Retry-After is not asked again before that time."""
    asked = [call for call in calls if call["model"].startswith("rate-limited")]
    for before, after in pairwise(asked):
        waited = after["started"] - before["ended"]
        wanted = RETRY_AFTER_SECONDS * wall.scale
        expect(waited > wanted * 0.9, f"a wait of {wanted:.2f} s as Retry-After asked", f"{waited:.2f} s", exchange)


def _counts(usage: Any) -> dict[str, Any]:
    return {name: usage.get(name) for name in COUNTS} if isinstance(usage, dict) else dict.fromkeys(COUNTS)


def _near(estimate: Any, sent: int) -> bool:
    """An estimate may be wrong by half of the truth."""
    return isinstance(estimate, int | float) and 0.5 * sent <= estimate <= 1.5 * sent


def _listed(calls: list[dict[str, Any]]) -> str:
    return ", ".join(f"{call['model']} {call['outcome'] or 'running'}" for call in calls) or "no call"
