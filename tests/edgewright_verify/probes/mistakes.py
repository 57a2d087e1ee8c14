"""Requests that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgewright_verify.exchange import Exchange
from edgewright_verify.target import CHAT, MODELS, Target

HUGE_BYTES = 20 * 1024 * 1024
PIECE = b" " * 65_536

HELLO = [{"role": "user", "content": "Say hello."}]
UNKNOWN_MODEL = "no-such-model-9f3a"

BODIES: dict[str, bytes] = {
    "half a JSON object": b'{"model": "x", "messages": [',
    "no JSON at all": b"hello",
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"hello"',
    "a number": b"7",
}

FIELDS: dict[str, dict[str, object]] = {
    "no messages": {"messages": ...},
    "empty messages": {"messages": []},
    "messages as text": {"messages": "hello"},
    "messages as an object": {"messages": {"role": "user", "content": "hello"}},
    "a message that is a number": {"messages": [1]},
    "a message that is null": {"messages": [None]},
    "a message without a role": {"messages": [{"content": "hello"}]},
    "an unknown role": {"messages": [{"role": "wizard", "content": "hello"}]},
    "content as a number": {"messages": [{"role": "user", "content": 7}]},
    "a model that is a number": {"model": 7},
    "stream as text": {"stream": "yes"},
}


@dataclass(frozen=True)
class Mistakes:
    """Makes each mistake once and keeps the answers by the mistake's name."""

    answers: dict[str, Exchange]

    @classmethod
    def make(cls, target: Target) -> Mistakes:
        """Send every mistake but the huge body."""
        answers = {name: target.ask("POST", CHAT, content=content) for name, content in BODIES.items()}
        for name, changed in FIELDS.items():
            body = {"model": target.model, "messages": HELLO} | changed
            answers[name] = target.ask("POST", CHAT, body={key: body[key] for key in body if body[key] is not ...})
        answers["an unknown model"] = target.ask("POST", CHAT, body={"model": UNKNOWN_MODEL, "messages": HELLO})
        answers["an unknown path"] = target.ask("GET", "/v1/no-such-path")
        answers["a method that is not offered"] = target.ask("GET", CHAT)
        answers["a model that is not listed"] = target.ask("GET", f"{MODELS}/{UNKNOWN_MODEL}")
        return cls(answers)


def huge_body(target: Target, size: int) -> Exchange:
    """Send a good request padded with ``size`` spaces, in chunks of no announced length.

    Padding is harmless where it is let through: the model sees a short prompt.
    """

    def pieces() -> Iterator[bytes]:
        yield b"{"
        for sent in range(0, size, len(PIECE)):
            yield PIECE[: size - sent]
        yield f'"model":"{target.model}","messages":[{{"role":"user","content":"Say hello."}}]}}'.encode()

    return target.ask("POST", CHAT, content=pieces(), note=f"<a request padded with {size} spaces, sent in chunks>")
