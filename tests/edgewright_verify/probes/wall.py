"""The rows of the fault wall, and what a caller of each must get. Times are unscaled seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, not_applicable
from edgewright_verify.probes.chat import Answer, ChatStream, ask, fresh, stream
from edgewright_verify.settings import TargetUnusable
from edgewright_verify.target import Target
from edgewright_verify.upstream.script import TEXT

CONNECT_SECONDS = 10.0
FIRST_TOKEN_SECONDS = 10.0
IDLE_SECONDS = 10.0
DEADLINE_SECONDS = 60.0
"""The limits that a proxy on the wall is to be configured with, each times the upstream's scale."""

GRACE_SECONDS = 2.0
"""Added, unscaled, to the deadline: what a busy machine may need on top of what the proxy was told to wait."""

POLL_SECONDS = 0.01

SETTLED_SECONDS = 0.5
"""A model that has sent nothing for so long is held back by its caller, or has ended."""

Mode = Literal["stream", "whole"]
MODES: tuple[Mode, ...] = ("stream", "whole")


@dataclass(frozen=True)
class Row:
    """A model of the wall: its targets in their order, and how far a stream of it can be mended.

    ``whole``: nothing has gone out when the fault shows, so only the whole answer passes. ``safe``: it shows in the
    middle of a stream, where an explicit error is allowed too. ``error``: nothing can answer, so an error it must be.
    ``filter``: the model's refusal is to be told, not hidden. Without streaming everything but the last two is
    ``whole``.
    """

    targets: tuple[str, ...]
    stream: Literal["whole", "safe", "error", "filter"]

    def rule(self, mode: Mode) -> str:
        """The rule for one cell."""
        return "whole" if mode == "whole" and self.stream == "safe" else self.stream


def _before(*faults: str) -> dict[str, Row]:
    return {fault: Row((fault, "good"), "whole") for fault in faults}


def _within(*faults: str) -> dict[str, Row]:
    return {fault: Row((fault, "good"), "safe") for fault in faults}


ROWS: dict[str, Row] = {
    "good": Row(("good",), "whole"),
    **_before("rate-limited", "rate-limited-always", "error-500-once", "unavailable", "flapping", "context-length"),
    **_before("reset", "silence", "slow-first-token", "no-done-finished", "wrong-usage"),
    **_within("cut", "cut-clean", "stall", "malformed", "malformed-word", "error-in-stream", "no-done"),
    "no-prefill": Row(("cut-then-no-prefill", "no-prefill"), "safe"),
    "restarts": Row(("cut-then-restarts", "restarts"), "safe"),
    "content-filter": Row(("content-filter", "good"), "filter"),
    "nothing-left": Row(("unavailable", "silence"), "error"),
}

MODELS: dict[str, tuple[str, ...]] = {
    **{f"wall-{name}": row.targets for name, row in ROWS.items()},
    "wall-flood": ("flood",),
    "wall-slow": ("slow",),
}
"""Public model name -> the scripted models that a proxy is to try for it, in this order."""


LOOKS = 8
"""How often the upstream's clock is read: the first time a connection is made, which takes most of that look."""


def _look(upstream: httpx.Client) -> tuple[float, float, float]:
    """The upstream's clock: seconds that the look took, its clock minus ours half-way, its scale."""
    asked = time.time()
    facts = upstream.get("/wall").raise_for_status().json()
    told = time.time()
    return told - asked, float(facts["now"]) - (asked + told) / 2, float(facts["scale"])


@dataclass(frozen=True)
class Wall:
    """A proxy with the scripted upstream behind it. ``offset`` is the upstream's clock minus ours, in seconds."""

    target: Target
    upstream: httpx.Client
    scale: float
    offset: float

    @classmethod
    def open(cls, target: Target) -> Wall:
        """Reach the upstream that ``--edge-wall-upstream`` names; raises ``TargetUnusable`` where it is none."""
        url = target.settings.wall_upstream
        if url is None:
            not_applicable("no scripted upstream was given (--edge-wall-upstream, EDGE_WALL_UPSTREAM)")
        upstream = httpx.Client(base_url=url.rstrip("/").removesuffix("/v1"), timeout=10.0)
        try:
            looks = [_look(upstream) for _ in range(LOOKS)]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as failure:
            upstream.close()
            raise TargetUnusable(
                f"{url} is no scripted upstream ({failure}); fix: run python -m edgewright_verify.upstream"
            ) from failure
        _, offset, scale = min(looks)  # of a quick look, least is unknown
        patience = httpx.Timeout(DEADLINE_SECONDS * scale + 2 * GRACE_SECONDS)
        client = httpx.Client(timeout=patience, limits=httpx.Limits(max_keepalive_connections=0))
        return cls(replace(target, client=client), upstream, scale, offset)

    def close(self) -> None:
        self.upstream.close()
        self.target.client.close()

    @property
    def limit(self) -> float:
        """Seconds within which every caller must have an answer or an error."""
        return DEADLINE_SECONDS * self.scale + GRACE_SECONDS

    def needs(self, model: str) -> None:
        """Leave the promise as not applicable where the proxy does not list this model."""
        if self.target.models and model not in self.target.models:
            not_applicable(f"the target has no model {model}")

    def calls(self, mark: str) -> list[dict[str, Any]]:
        """The upstream's calls for one prompt, in their order."""
        found: list[dict[str, Any]] = self.upstream.get("/wall/calls", params={"containing": mark}).json()
        return found

    def begun_call(self, mark: str) -> None:
        """Wait until the upstream has the first call for this prompt."""
        until = time.monotonic() + self.limit
        while not self.calls(mark):
            expect(time.monotonic() < until, "a call of the model", "none")
            time.sleep(POLL_SECONDS)

    def settled_words(self, mark: str, pause: float) -> int:
        """How many words the upstream has sent after this pause (seconds), and when it has sent no more for a while."""
        began = changed = time.monotonic()
        sent = -1
        while (now := time.monotonic()) < max(began + pause, changed + SETTLED_SECONDS):
            words = sum(call["tokens_sent"] for call in self.calls(mark))
            if words != sent:
                sent, changed = words, now
            time.sleep(POLL_SECONDS)
        return sent

    def ended_calls(self, mark: str) -> list[dict[str, Any]]:
        """The same, as soon as all have ended; with those that still run when the limit is over."""
        until = time.monotonic() + self.limit
        while True:
            calls = self.calls(mark)
            if all(call["ended"] is not None for call in calls) or time.monotonic() > until:
                return calls
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Told:
    """What a caller was told, streamed or not, in the same words."""

    exchange: Exchange
    text: str
    finishes: list[Any]
    errors: list[Any]
    complete: bool
    usage: Any
    edge: dict[str, Any] | None

    @classmethod
    def by_stream(cls, answer: ChatStream) -> Told:
        """A streamed answer."""
        refused = answer.exchange.status != 200
        errors = [answer.exchange.json.get("error")] if refused and isinstance(answer.exchange.json, dict) else []
        edges = [chunk["edge"] for chunk in answer.chunks if isinstance(chunk.get("edge"), dict)]
        return cls(
            answer.exchange,
            answer.text,
            answer.finish_reasons,
            answer.errors or errors,
            answer.whole and not answer.strange_frames,
            answer.usages[-1] if answer.usages else None,
            edges[-1] if edges else None,
        )

    @classmethod
    def by_answer(cls, answer: Answer) -> Told:
        """An answer in one piece."""
        error = answer.body.get("error")
        finishes = [answer.finish_reason] if answer.finish_reason is not None else []
        complete = answer.exchange.error is None and answer.exchange.status == 200 and error is None
        usage = answer.body.get("usage")
        return cls(answer.exchange, answer.text or "", finishes, [error] if error else [], complete, usage, None)

    @property
    def whole(self) -> bool:
        """Every word once, in order, and told as finished."""
        return self.complete and self.text == TEXT and self.finishes == ["stop"]

    @property
    def explicit_error(self) -> bool:
        """An error that a caller cannot take for an answer; what came before it is a true beginning."""
        spoken = any(isinstance(error, dict) and bool(error.get("message")) for error in self.errors)
        return spoken and "stop" not in self.finishes and TEXT.startswith(self.text)

    @property
    def filtered(self) -> bool:
        """A partial text that is said to have been filtered."""
        return self.complete and self.finishes == ["content_filter"] and TEXT.startswith(self.text)

    def seen(self) -> str:
        """For evidence, in a line."""
        words = self.text.split()
        said = f"{len(words)} words" + (f" ({words[0]} ... {words[-1]})" if words else "")
        ended = f"finish {self.finishes or 'none'}, error {self.errors or 'none'}"
        broke = f", {self.exchange.error}" if self.exchange.error else ""
        return f"status {self.exchange.status}, {said}, {ended}{broke}, {self.exchange.seconds:.2f} s"


def request(wall: Wall, name: str, mode: Mode) -> tuple[Told, list[dict[str, Any]]]:
    """Ask the row's model once; returns what was told and the upstream's calls for it."""
    prompt = fresh(f"Say the words. ({name}, {mode})")
    model = f"wall-{name}"
    told = (
        Told.by_stream(stream(wall.target, prompt, model=model, stream_options={"include_usage": True}))
        if mode == "stream"
        else Told.by_answer(ask(wall.target, prompt, model=model))
    )
    return told, wall.ended_calls(prompt)
