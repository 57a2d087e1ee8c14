"""Resume: a streamed turn goes on without its caller, and its events are read again to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status
from edgewright_verify.probes.caller import RawCaller
from edgewright_verify.probes.chat import COUNTING, ChatStream, fresh
from edgewright_verify.probes.talks import Talk, last_whole, numbered, run_of, talking
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_resume

READERS = 4
PATIENCE_SECONDS = 60.0
CUTS = (1, 3, 8)
"""Events after which a caller loses his connection."""


@pytest.fixture(scope="module")
def resuming(edge_target: Target) -> Target:
    """The target, if its conversations stream."""
    edge_target.needs_edgewright("events with numbers")
    for feature in ("sessions", "streaming"):
        edge_target.needs(feature)
    return edge_target


@pytest.fixture
def talk(resuming: Target) -> Iterator[Talk]:
    """A conversation of the test's own."""
    with talking(resuming) as opened:
        yield opened


Told = tuple[Talk, str, str]


@pytest.fixture(scope="module")
def told(resuming: Target) -> Iterator[Told]:
    """A streamed turn that came whole: its conversation, its run, its bytes as text."""
    with talking(resuming) as opened:
        answer = opened.stream(fresh(COUNTING))
        expect_status(answer.exchange, 200)
        expect(answer.whole, "a whole stream", answer.tail, answer.exchange)
        yield opened, run_of(answer.exchange), answer.exchange.text


def test_events_are_numbered(told: Told) -> None:
    """Every event of a streamed turn has a number, each the next of the one before."""
    numbers = list(numbered(told[2]))
    first = numbers[0] if numbers else 1
    wanted = list(range(first, first + max(1, len(numbers))))
    expect(numbers == wanted, f"numbers from {first} without a gap", numbers)


def test_same_bytes_from_any_event(told: Told) -> None:
    """From any of its events on, a stream is read again with the same bytes."""
    talk, run, text = told
    numbers = _numbers(text)
    for after in (numbers[0] - 1, numbers[0], numbers[len(numbers) // 2], numbers[-1]):
        again = talk.events(run, after)
        expect_status(again, 200)
        rest = [number for number in numbers if number > after]
        expect(list(numbered(again.text)) == rest, f"the events {rest}", list(numbered(again.text)), again)
        expect(text.endswith(again.text), "the same bytes", again.text[:300], again)


def test_last_event_id(told: Told) -> None:
    """`Last-Event-ID` reads on as `starting_after` does."""
    talk, run, text = told
    numbers = _numbers(text)
    middle = numbers[len(numbers) // 2]
    again = talk.events(run, headers={"last-event-id": str(middle)})
    expect_status(again, 200)
    rest = [number for number in numbers if number > middle]
    expect(list(numbered(again.text)) == rest, f"the events {rest}", list(numbered(again.text)), again)


@pytest.mark.parametrize("events", CUTS)
def test_cut_connection(talk: Talk, events: int) -> None:
    """A connection lost after {events} events costs nothing: what was seen and the rest are the whole answer."""
    body = {"model": talk.target.model, "stream": True, "messages": [{"role": "user", "content": fresh(COUNTING)}]}
    with RawCaller(talk.target, PATIENCE_SECONDS, conversation=talk.id, **body) as caller:
        caller.read_until(f"id: {events + 1}\n".encode())
        cut = caller.exchange()
    run = run_of(cut)
    seen = last_whole(cut.text)
    expect(bool(seen), "an event with a number", cut.text[:300], cut)
    rest = talk.events(run, max(numbered(seen)))
    expect_status(rest, 200)
    whole = ChatStream(talk.events(run, 0))
    expect(whole.whole, "a run that goes on to its end", whole.tail, whole.exchange)
    both = list(numbered(seen)) + list(numbered(rest.text))
    expect(both == list(numbered(whole.exchange.text)), "each event once", both, rest)
    expect(whole.exchange.text.endswith(rest.text), "the same bytes", rest.text[:300], rest)
    expect(talk.messages()[-1:] == [("assistant", whole.text)], "the answer among the messages", talk.messages())


def test_many_readers(talk: Talk) -> None:
    """Several readers of one run get the same bytes while it goes on."""
    answer = talk.stream(fresh(COUNTING), leave_after_first=True)
    run = run_of(answer.exchange)
    with ThreadPoolExecutor(READERS) as pool:
        read = list(pool.map(lambda _: talk.events(run), range(READERS)))
    for exchange in read:
        expect_status(exchange, 200)
        expect(ChatStream(exchange).whole, "a whole stream", ChatStream(exchange).tail, exchange)
        expect(exchange.text == read[0].text, "the bytes of the first reader", exchange.text[:300], exchange)


def test_stop(talk: Talk) -> None:
    """`stop` ends a run: its readers get an error, and the conversation keeps what was said so far."""
    answer = talk.stream(fresh(f"Tell a slow story. {COUNTING}"), leave_after_first=True)
    run = run_of(answer.exchange)
    stopped = talk.stop(run)
    expect_status(stopped, 200)
    rest = talk.events(run)
    if isinstance(stopped.json, dict) and stopped.json.get("status") == "completed":
        expect(ChatStream(rest).whole, "a whole stream of a run that was over already", ChatStream(rest).tail, rest)
        return
    expect(_status(talk, run) == "stopped", "status stopped", _status(talk, run), stopped)
    expect(bool(ChatStream(rest).errors), "an error at its end", ChatStream(rest).tail, rest)


def test_unknown_run(told: Told) -> None:
    """Events of a run that never was are a 404."""
    expect_status(told[0].events("run_00000000000000000000000000000000"), 404)


def test_bad_number(told: Told) -> None:
    """A number that is none is refused with 400, by its name."""
    answer: Exchange = told[0].target.ask("GET", f"{told[0].path}/runs/{told[1]}/events?starting_after=x")
    expect_status(answer, 400)
    expect(answer.error_field("param") == "starting_after", "param starting_after", answer.error_field("param"), answer)


def _numbers(text: str) -> list[int]:
    numbers = list(numbered(text))
    expect(bool(numbers), "events with numbers", text[:300])
    return numbers


def _status(talk: Talk, run: str) -> str:
    return str(talk.run(run).get("status"))
