"""Conversations of a target: turns in them, what is kept of them, and events that are read again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect
from edgewright_verify.probes.chat import Answer, ChatStream, ask, stream
from edgewright_verify.target import OWN_KEY, Target

CONVERSATIONS = "/v1/conversations"
ID = "x-conversation-id"

_FRAME = re.compile(r"id: ?(\d+)\n")


@dataclass(frozen=True)
class Talk:
    """One conversation, by its id."""

    target: Target
    id: str

    @property
    def path(self) -> str:
        return f"{CONVERSATIONS}/{self.id}"

    def say(self, prompt: str, *, headers: Mapping[str, str] | None = None, **request: Any) -> Answer:
        """A turn in one piece."""
        return ask(self.target, prompt, headers={ID: self.id, **(headers or {})}, **request)

    def stream(self, prompt: str, *, headers: Mapping[str, str] | None = None, **request: Any) -> ChatStream:
        """A streamed turn."""
        return stream(self.target, prompt, headers={ID: self.id, **(headers or {})}, **request)

    def held(self, key: str | None = OWN_KEY) -> Exchange:
        """What is kept of it."""
        return self.target.ask("GET", self.path, key=key)

    def messages(self) -> list[tuple[Any, Any]]:
        """Role and content of its messages."""
        body = self.held().json
        messages = body.get("messages") if isinstance(body, dict) else None
        kept = messages if isinstance(messages, list) else []
        return [(message.get("role"), message.get("content")) for message in kept if isinstance(message, dict)]

    def delete(self, key: str | None = OWN_KEY) -> Exchange:
        """It is gone, with all that it held."""
        return self.target.ask("DELETE", self.path, key=key)

    def run(self, run: str) -> dict[str, Any]:
        """What is told of a run."""
        body = self.target.ask("GET", f"{self.path}/runs/{run}").json
        return body if isinstance(body, dict) else {}

    def events(
        self, run: str, after: int | None = None, *, headers: Mapping[str, str] | None = None, key: str | None = OWN_KEY
    ) -> Exchange:
        """The events of a run behind a number, live to its end."""
        query = "" if after is None else f"?starting_after={after}"
        return self.target.ask("GET", f"{self.path}/runs/{run}/events{query}", headers=headers, key=key)

    def stop(self, run: str) -> Exchange:
        """End a run for all who read it."""
        return self.target.ask("POST", f"{self.path}/runs/{run}/stop")


@contextmanager
def talking(target: Target) -> Iterator[Talk]:
    """A conversation that nobody has, deleted in the end."""
    talk = Talk(target, f"verify-{secrets.token_hex(8)}")
    try:
        yield talk
    finally:
        talk.delete()


def run_of(exchange: Exchange) -> str:
    """The run of a turn, as its answer names it."""
    run = exchange.headers.get("x-edge-run")
    expect(bool(run), "x-edge-run", "no such header", exchange)
    return str(run)


def numbered(text: str) -> dict[int, str]:
    """Frames of a stream by their numbers; a number that came twice is told by its negative."""
    frames: dict[int, str] = {}
    for frame in text.split("\n\n"):
        found = _FRAME.match(frame)
        if found:
            number = int(found[1])
            frames[-number if number in frames else number] = frame
    return frames


def last_whole(text: str) -> str:
    """A stream that was cut, up to its last frame with a number that came whole."""
    ends = [match.start() for match in re.finditer("\n\n", text)]
    for end in reversed(ends):
        if _FRAME.match(text[:end].rpartition("\n\n")[2]):
            return text[: end + 2]
    return ""
