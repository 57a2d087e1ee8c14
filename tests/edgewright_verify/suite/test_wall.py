"""The fault wall: a scripted upstream fails in each known way, and the caller gets a whole answer or is told.

Run by name only, against a proxy whose models ``wall-<fault>`` lead to the scripted upstream (docs/howto/wall.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from edgewright_verify.failures import expect, not_applicable
from edgewright_verify.probes.caller import RawCaller
from edgewright_verify.probes.chat import Answer, ChatStream, fresh
from edgewright_verify.probes.judgement import avoided, judge
from edgewright_verify.probes.wall import IDLE_SECONDS, MODES, ROWS, Mode, Told, Wall, request
from edgewright_verify.recorder import CELL
from edgewright_verify.target import Target
from edgewright_verify.upstream.script import WORDS

pytestmark = pytest.mark.edge_wall

SIDE_BY_SIDE = 6
"""Cells that are asked at once; most of their time is waiting."""

FLAPS = 6
"""Requests of a caller whose model is well and ill by turns."""

SIP_BYTES = 16
SIP_SECONDS = 0.001
"""How much a slow reader takes at once, and how long he rests then."""

CANCEL_SECONDS = 0.1
"""From a caller's leaving to the end of his model call."""

AVOIDED_SECONDS = 0.1
"""Between two tries at a model that the proxy has learnt to avoid."""

LINGER_SECONDS = 0.5
"""How long a proxy is watched for a call that it begins for a caller who has left."""

Property = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def wall(edge_target: Target) -> Iterator[Wall]:
    """The proxy and the upstream behind it."""
    opened = Wall.open(edge_target)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cells(request: pytest.FixtureRequest, wall: Wall) -> Iterator[dict[tuple[str, str], Future[dict[str, Any]]]]:
    """The cells of the selected tests, all under way."""
    users = [item for item in request.session.items if isinstance(item, pytest.Function)]
    places: list[Any] = [item.callspec.params for item in users if "cells" in item.fixturenames]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {(at["row"], at["mode"]): pool.submit(_cell, wall, **at) for at in places}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ROWS)
def test_fault(
    wall: Wall,
    cells: dict[tuple[str, str], Future[dict[str, Any]]],
    record_property: Property,
    row: str,
    mode: Mode,
) -> None:
    """{row}, {mode}: the caller gets all of the answer or an explicit error, in time, and a true account of it."""
    with _noted(record_property, row, mode) as note:
        wall.needs(f"wall-{row}")
        note.update(cells[row, mode].result())


def test_slow_reader(wall: Wall, record_property: Property) -> None:
    """slow reader, stream: a caller who takes a few bytes at a time gets everything."""
    with _noted(record_property, "slow reader", "stream") as note, _call(wall, "good", "stream") as (caller, _):
        caller.read_all(SIP_BYTES, pause=SIP_SECONDS)
        _expect_whole(_told(caller, "stream"))
        note["verdict"] = "pass"


def test_pausing_reader(wall: Wall, record_property: Property) -> None:
    """pausing reader, stream: while a caller does not read, the model's answer is not taken without bound; then it
    comes whole, however long the pause."""
    with _noted(record_property, "pausing reader", "stream") as note, _call(wall, "flood", "stream") as (caller, mark):
        expect(caller.read_until(b"w0"), "a stream that begins", "none", caller.exchange())
        sent = wall.settled_words(mark, pause=1.5 * IDLE_SECONDS * wall.scale)
        most = len(WORDS) * 3 // 4  # buffers of the machines between hold megabytes, but not so many
        expect(sent <= most, f"at most {most} of {len(WORDS)} words taken from the model", sent)
        caller.read_all()
        _expect_whole(_told(caller, "stream"))
        note.update(verdict="pass", words_ahead=sent)


@pytest.mark.parametrize("mode", MODES)
def test_abort_before_first_byte(wall: Wall, record_property: Property, mode: Mode) -> None:
    """abort before the first byte, {mode}: the model call ends within 100 ms of the caller, and no other is made."""
    with (
        _noted(record_property, "abort before first byte", mode) as note,
        _call(wall, "slow", mode) as (caller, mark),
    ):
        wall.begun_call(mark)
        note.update(_leaving(wall, caller, mark), verdict="pass")


def test_abort_mid_stream(wall: Wall, record_property: Property) -> None:
    """abort mid-stream, stream: the model call ends within 100 ms of the caller, and no other is made."""
    with (
        _noted(record_property, "abort mid-stream", "stream") as note,
        _call(wall, "good", "stream") as (caller, mark),
    ):
        expect(caller.read_until(b"w9"), "a stream that begins", "none", caller.exchange())
        note.update(_leaving(wall, caller, mark), verdict="pass")


@pytest.mark.parametrize("mode", MODES)
def test_half_close(wall: Wall, record_property: Property, mode: Mode) -> None:
    """half-close, {mode}: a caller who says that he will send no more gets the whole answer, or has left: his model
    call ends within 100 ms. Nothing hangs and nothing runs on unseen."""
    model = "good" if mode == "stream" else "slow"  # whose call is not over before the close is seen
    with _noted(record_property, "half-close", mode) as note, _call(wall, model, mode) as (caller, mark):
        closed = caller.half_close()
        caller.read_all()
        took = time.time() - closed
        expect(took <= wall.limit, f"an end within {wall.limit:.1f} s", f"{took:.1f} s")
        if not _told(caller, mode).whole:
            note.update(_after(wall, closed, mark))
        note["verdict"] = "pass"


@contextmanager
def _call(wall: Wall, name: str, mode: Mode) -> Iterator[tuple[RawCaller, str]]:
    """A caller who has sent his request, and the mark by which the upstream's log knows it."""
    wall.needs(f"wall-{name}")
    mark = fresh("Say the words.")
    body = {"model": f"wall-{name}", "stream": mode == "stream", "messages": [{"role": "user", "content": mark}]}
    with RawCaller(wall.target, wall.limit, **body) as caller:
        yield caller, mark


def _leaving(wall: Wall, caller: RawCaller, mark: str) -> dict[str, Any]:
    """What became of the calls of a caller who leaves now; none may begin from here on."""
    left = caller.leave()
    found = _after(wall, left, mark)
    later = [call["model"] for call in wall.calls(mark) if call["started"] - wall.offset > left]
    expect(not later, "no call begun for a caller who has left", later)
    return found


def _after(wall: Wall, left: float, mark: str) -> dict[str, Any]:
    """What became of the calls of a caller who left at this time: cancelled at once."""
    wall.ended_calls(mark)
    time.sleep(LINGER_SECONDS)
    calls = wall.calls(mark)
    outcomes = [call["outcome"] for call in calls]
    expect(set(outcomes) <= {"cancelled"}, "every call cancelled", outcomes)
    ends = ((call["ended"] - wall.offset, call["started"] - wall.offset) for call in calls)
    late = max((ended - max(left, started) for ended, started in ends), default=0.0)
    expect(late <= CANCEL_SECONDS, f"an end within {CANCEL_SECONDS * 1000:.0f} ms", f"{late * 1000:.0f} ms")
    return {"cancel_ms": max(0.0, round(late * 1000, 1))}


def _told(caller: RawCaller, mode: Mode) -> Told:
    """What a raw caller was told, without the padding of a flood."""
    exchange = caller.exchange()
    told = Told.by_stream(ChatStream(exchange)) if mode == "stream" else Told.by_answer(Answer(exchange))
    return replace(told, text=told.text.replace(".", ""))


def _expect_whole(told: Told) -> None:
    expect(told.whole, "the whole answer", told.seen(), told.exchange)


@contextmanager
def _noted(record_property: Property, row: str, mode: Mode) -> Iterator[dict[str, Any]]:
    """The cell's place on the scorecard; what ends before it has a verdict has failed."""
    note: dict[str, Any] = {"row": row, "mode": mode, "verdict": "fail"}
    try:
        yield note
    finally:
        record_property(CELL, note)


def _cell(wall: Wall, row: str, mode: Mode) -> dict[str, Any]:
    verdicts, seconds = set(), 0.0
    for _ in range(FLAPS if row == "flapping" else 1):
        told, calls = _tried(wall, row, mode)
        verdicts.add(judge(wall, row, mode, told, calls))
        seconds = max(seconds, told.exchange.seconds)
    return {"verdict": "safe" if "safe" in verdicts else "pass", "seconds": round(seconds, 3)}


def _tried(wall: Wall, row: str, mode: Mode) -> tuple[Told, list[dict[str, Any]]]:
    """An answer for which the row's model was asked. A proxy that avoids it (a breaker, a cooldown) must answer whole
    meanwhile, and is asked again until its limit is over."""
    until = time.monotonic() + wall.limit
    while True:
        told, calls = request(wall, row, mode)
        if not avoided(row, mode, calls):
            return told, calls
        _expect_whole(told)
        if time.monotonic() > until:
            not_applicable(f"the proxy avoids {ROWS[row].targets[0]} (a breaker, a cooldown): its fault was not tried")
        time.sleep(AVOIDED_SECONDS)
