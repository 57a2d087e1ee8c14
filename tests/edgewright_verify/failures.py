"""A broken promise with its evidence, and a promise that does not apply."""

from __future__ import annotations

import shlex
from typing import Any, NoReturn

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.redact import Redactor

NOT_APPLICABLE = "not applicable: "
"""How the reason of a skip begins when the target does not offer what would be checked."""

SHOWN = 1500
"""Characters of a body that evidence keeps at its beginning, and half of it at its end."""


class PromiseBroken(AssertionError):
    """What was expected, what was seen, and the exchange that shows it (none: the fault is between several)."""

    def __init__(self, expected: str, observed: object, exchange: Exchange | None = None) -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = str(observed)
        self.exchange = exchange

    def evidence(self, redactor: Redactor) -> dict[str, Any]:
        """The proof as plain values without secrets: expected, observed, request, response, timing (ms), curl."""
        proof: dict[str, Any] = {"expected": self.expected, "observed": shorten(redactor.text(self.observed))}
        if self.exchange is not None:
            proof |= _exchange_evidence(self.exchange, redactor)
        return redactor.tree(proof)


def expect(kept: bool, expected: str, observed: object, exchange: Exchange | None = None) -> None:
    """Raise ``PromiseBroken`` unless ``kept``; ``expected`` completes the sentence "expected ..."."""
    if not kept:
        raise PromiseBroken(expected, observed, exchange)


def expect_status(exchange: Exchange, *statuses: int) -> None:
    """The exchange came to its end with one of these statuses."""
    wanted = " or ".join(map(str, statuses))
    expect(exchange.status in statuses, f"status {wanted}", _outcome(exchange), exchange)
    expect(exchange.error is None, "an answer that arrives whole", exchange.error, exchange)


def not_applicable(reason: str) -> NoReturn:
    """Leave the promise unjudged: the target does not offer it."""
    pytest.skip(NOT_APPLICABLE + reason)


def shorten(text: str, limit: int = SHOWN) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= limit + limit // 2:
        return text
    left_out = len(text) - limit - limit // 2
    return f"{text[:limit]}\n... {left_out} characters left out ...\n{text[-(limit // 2) :]}"


def curl(exchange: Exchange, redactor: Redactor) -> str:
    """A command line that sends the same request; secrets are read from their environment variables."""
    words = ["curl", "-sS", "-N", "-i", "-X", exchange.method, shlex.quote(redactor.text(exchange.url))]
    shown = redactor.headers(exchange.request_headers, keep=frozenset({"authorization"}))
    for name, value in shown.items():
        if name.lower() != "accept-encoding":
            words += ["-H", _double_quoted(f"{name}: {value}")]
    if exchange.sent is not None:
        words += ["--data-binary", shlex.quote(redactor.text(exchange.sent))]
    return " ".join(words)


def _double_quoted(text: str) -> str:
    """Quoted so that the shell still fills in the variables that stand for secrets."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"'


def _outcome(exchange: Exchange) -> str:
    if exchange.status is None:
        return f"no answer ({exchange.error})"
    return f"status {exchange.status}"


def _exchange_evidence(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    reads = exchange.reads
    return {
        "request": {
            "method": exchange.method,
            "url": exchange.url,
            "headers": redactor.headers(exchange.request_headers, keep=frozenset({"authorization"})),
            "body": None if exchange.sent is None else shorten(redactor.text(exchange.sent)),
        },
        "response": {
            "status": exchange.status,
            "headers": redactor.headers(dict(exchange.headers)),
            "body": shorten(redactor.text(exchange.text)),
            "error": exchange.error,
        },
        "timing": {
            "headers_ms": _ms(exchange.headers_at),
            "first_byte_ms": _ms(reads[0].at if reads else None),
            "last_byte_ms": _ms(reads[-1].at if reads else None),
            "total_ms": _ms(exchange.seconds),
            "reads": len(reads),
        },
        "curl": curl(exchange, redactor),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
