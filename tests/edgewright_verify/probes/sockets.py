"""WebSockets of conversations: a client that counts what it gets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, cast

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from edgewright_verify.failures import expect
from edgewright_verify.probes.talks import Talk
from edgewright_verify.target import OWN_KEY

PATIENCE_SECONDS = 60.0
PROTOCOL = "edgewright"
COUNTED = ("delta", "reasoning", "refusal", "tool_call", "finish", "usage")
"""Frames that are events, and so have a number."""


class Refused(Exception):
    """The socket was not opened; ``status`` is the answer's, None where there was none."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Socket:
    """One socket of a conversation; a context manager. ``frames`` is all that came."""

    def __init__(self, talk: Talk, *, key: str | None = OWN_KEY, ticket: str | None = None) -> None:
        settings = talk.target.settings
        key = settings.key if key == OWN_KEY else key
        self._url = f"{settings.url.replace('http', 'ws', 1)}{talk.path}/socket"
        named = {} if key is None or ticket is not None else {"authorization": f"Bearer {key}"}
        self._headers = settings.headers | named
        self._protocols: Sequence[Subprotocol] | None = None
        if ticket is not None:
            self._protocols = cast(list[Subprotocol], [PROTOCOL, f"ticket.{ticket}"])
        self.frames: list[dict[str, Any]] = []

    def __enter__(self) -> Socket:
        """Raises ``Refused``."""
        with ExitStack() as stack:
            try:
                opening = connect(
                    self._url,
                    additional_headers=self._headers,
                    subprotocols=self._protocols,
                    open_timeout=PATIENCE_SECONDS,
                    close_timeout=1.0,
                    proxy=None,
                    compression=None,
                    max_size=None,
                )
                self._connection: ClientConnection = stack.enter_context(opening)
            except InvalidStatus as refusal:
                raise Refused(refusal.response.status_code) from None
            except (InvalidHandshake, OSError) as failure:
                raise Refused(None) from failure
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def send(self, **frame: Any) -> None:
        """One frame."""
        self.send_text(json.dumps(frame))

    def send_text(self, text: str) -> None:
        """Any text."""
        self._connection.send(text)

    def start(self, prompt: str, **more: Any) -> None:
        """A turn."""
        self.send(type="start", messages=[{"role": "user", "content": prompt}], **more)

    def cut(self) -> None:
        """The connection is gone, without a word."""
        self._connection.socket.shutdown(socket.SHUT_RDWR)

    def text(self) -> str | None:
        """The next message as text, None if none comes."""
        try:
            return str(self._connection.recv(timeout=PATIENCE_SECONDS))
        except (TimeoutError, ConnectionClosed):
            return None

    def frame(self) -> dict[str, Any]:
        """The next frame; a broken promise where there is none."""
        text = self.text()
        expect(text is not None, "another frame", f"none after {self._shown()}")
        found = json.loads(str(text))
        expect(isinstance(found, dict) and "type" in found, "a frame with a type", text)
        self.frames.append(found)
        return cast(dict[str, Any], found)

    def until(self, kind: str, events: int | None = None) -> dict[str, Any]:
        """Read to the next frame of a type, or until so many events have come."""
        stop = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.frame()
            if found["type"] == kind or (events is not None and len(self.events) >= events):
                return found
            expect(time.monotonic() < stop, f"a frame of type {kind}", self._shown())

    @property
    def events(self) -> list[dict[str, Any]]:
        """The frames that have a number."""
        return [frame for frame in self.frames if frame["type"] in COUNTED]

    @property
    def numbers(self) -> list[Any]:
        return [event.get("seq") for event in self.events]

    @property
    def said(self) -> str:
        """The text of all deltas."""
        return "".join(str(event.get("text", "")) for event in self.events if event["type"] == "delta")

    def _shown(self) -> str:
        return ", ".join(str(frame["type"]) for frame in self.frames[-5:]) or "no frame"


def ticket_of(talk: Talk) -> str:
    """A one-time ticket for a conversation."""
    answer = talk.target.ask("POST", f"{talk.path}/tickets")
    expect(answer.status == 201, "status 201", answer.status, answer)
    ticket = answer.json.get("ticket") if isinstance(answer.json, dict) else None
    expect(isinstance(ticket, str), "a ticket", ticket, answer)
    return str(ticket)


def status_of(opening: Socket) -> int | None:
    """The status with which a socket is refused; 101 if it is opened."""
    try:
        with opening:
            return 101
    except Refused as refused:
        return refused.status
