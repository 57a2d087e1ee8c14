"""WebSockets of conversations: turns stream, lost connections cost nothing, tickets open once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgewright_verify.failures import expect, expect_status
from edgewright_verify.probes.chat import COUNTING, fresh
from edgewright_verify.probes.sockets import Socket, status_of, ticket_of
from edgewright_verify.probes.talks import Talk, talking
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_socket

CUTS = (1, 5)
"""Events after which a client loses his connection."""


@pytest.fixture(scope="module")
def speaking(edge_target: Target) -> Target:
    """The target, if its conversations have sockets."""
    edge_target.needs_edgewright("sockets of conversations")
    edge_target.needs("sockets")
    return edge_target


@pytest.fixture
def talk(speaking: Target) -> Iterator[Talk]:
    """A conversation of the test's own."""
    with talking(speaking) as opened:
        yield opened


def test_turn_streams(talk: Talk) -> None:
    """A turn over a socket streams its text in numbered events, says when it is done, and is kept."""
    with Socket(talk) as client:
        client.start(fresh(COUNTING), model=talk.target.model)
        done = client.until("done")
    expect(done.get("status") == "completed", "status completed", done)
    expect(len(client.events) > 1, "several events", len(client.events))
    first = client.numbers[0]
    wanted = list(range(first, first + len(client.events)))
    expect(client.numbers == wanted, "each number the next of the one before", client.numbers)
    expect(talk.messages()[-1:] == [("assistant", client.said)], "the text among the messages", talk.messages())


def test_id_comes_back(talk: Talk) -> None:
    """The id that a client gives a frame comes back in what answers it."""
    with Socket(talk) as client:
        client.start(fresh(COUNTING), model=talk.target.model, id="mine")
        started = client.frame()
        expect((started["type"], started.get("id")) == ("start", "mine"), "start with the id mine", started)
        client.until("done")


def test_ticket_opens_once(talk: Talk) -> None:
    """A ticket opens a socket without a key, and only once."""
    ticket = ticket_of(talk)
    with Socket(talk, ticket=ticket) as client:
        client.start(fresh(COUNTING), model=talk.target.model)
        expect(client.until("done").get("status") == "completed", "status completed", client.frames[-1])
    again = status_of(Socket(talk, ticket=ticket))
    expect(again == 401, "status 401 for a used ticket", again)


def test_ticket_is_for_its_conversation(talk: Talk) -> None:
    """A ticket of one conversation opens no other."""
    ticket = ticket_of(talk)
    with talking(talk.target) as other:
        status = status_of(Socket(other, ticket=ticket))
    expect(status == 401, "status 401", status)


def test_needs_a_key(talk: Talk) -> None:
    """Nobody opens a socket without a key or a ticket."""
    talk.target.needs("auth")
    status = status_of(Socket(talk, key=None))
    expect(status == 401, "status 401", status)


def test_ping(talk: Talk) -> None:
    """The text ping is answered with pong."""
    with Socket(talk) as client:
        client.send_text("ping")
        answer = client.text()
    expect(answer == "pong", "pong", answer)


@pytest.mark.parametrize("events", CUTS)
def test_lost_connection(talk: Talk, events: int) -> None:
    """A connection lost after {events} events costs nothing: a new socket reads on, nothing lost and nothing twice."""
    with Socket(talk) as lost:
        lost.start(fresh(COUNTING), model=talk.target.model)
        lost.until("done", events)
        lost.cut()
    with Socket(talk) as client:
        client.send(type="resume", starting_after=lost.numbers[-1])
        done = client.until("done")
    expect(done.get("status") == "completed", "status completed", done)
    both = lost.numbers + client.numbers
    expect(both == list(range(both[0], both[0] + len(both))), "each event once", both)
    said = lost.said + client.said
    expect(talk.messages()[-1:] == [("assistant", said)], "the whole text", said)


def test_two_sockets(talk: Talk) -> None:
    """Two sockets of one conversation get the same events."""
    with Socket(talk) as one, Socket(talk) as other:
        one.start(fresh(COUNTING), model=talk.target.model)
        run = one.frame().get("run")
        other.send(type="resume", run=run)
        one.until("done")
        other.until("done")
    expect(one.events == other.events, "the same events", f"{one.numbers} and {other.numbers}")


def test_stop(talk: Talk) -> None:
    """`stop` ends a run for its socket."""
    with Socket(talk) as client:
        client.start(fresh(f"Tell a slow story. {COUNTING}"), model=talk.target.model)
        run = client.frame().get("run")
        client.until("done", events=1)
        client.send(type="stop", run=run)
        done = client.until("done")
    expect(done.get("status") == "stopped", "status stopped", done)


def test_wrong_frame(talk: Talk) -> None:
    """What is no frame gets an error with a code, and the socket lives on."""
    for wrong in ("{half", '"text"', '{"type": "dance"}'):
        with Socket(talk) as client:
            client.send_text(wrong)
            error = client.frame()
            expect((error["type"], bool(error.get("code"))) == ("error", True), "an error with a code", error)
            client.send_text("ping")
            expect(client.text() == "pong", "a socket that lives", "none")


def test_plain_request(talk: Talk) -> None:
    """A request that is no upgrade is refused with 426."""
    expect_status(talk.target.ask("GET", f"{talk.path}/socket"), 426)
