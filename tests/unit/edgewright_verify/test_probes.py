"""The observing parts by themselves: event streams, pace, redaction, verdicts, progress."""

import io
import itertools
import json

import pytest
from edgewright_verify.exchange import Read
from edgewright_verify.probes.cache import cache_state
from edgewright_verify.probes.sse import parse
from edgewright_verify.probes.timing import pace
from edgewright_verify.redact import Redactor
from edgewright_verify.report.document import build
from edgewright_verify.report.terminal import TerminalReport
from edgewright_verify.settings import Settings, TargetUnusable, root_of
from hypothesis import given
from hypothesis import strategies as st

STREAM = "\ufeff: hello\r\ndata: größe 🚀\n\ndata:a\rdata: b\r\revent: x\ndata: [DONE]\r\n\r\ndata: left".encode()


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_events_do_not_depend_on_how_they_came(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    reads = [Read(float(end), STREAM[start:end]) for start, end in itertools.pairwise(edges)]
    seen = parse(reads)
    assert [event.data for event in seen.events] == ["größe 🚀", "a\nb", "[DONE]"]
    assert seen.rest == b"data: left"
    assert seen.valid_utf8


def test_an_event_has_come_when_its_last_byte_has():
    seen = parse([Read(1.0, b"data: a\n"), Read(2.0, b"\ndata: b"), Read(3.0, b"\n\n")])
    assert [event.at for event in seen.events] == [2.0, 3.0]


def test_broken_utf8_is_noticed():
    assert not parse([Read(0.1, b"data: \xf0\x9f\n\n")]).valid_utf8


def test_a_burst_of_many_reads_is_one_arrival():
    seen = pace([Read(1.0 + position * 0.0001, b"x") for position in range(30)])
    assert seen.arrivals == 1
    assert seen.spread < 0.05


def test_two_bursts_are_two_arrivals():
    seen = pace([Read(start + position * 0.0001, b"x") for start in (0.5, 1.0) for position in range(30)])
    assert seen.arrivals == 2


def test_evenly_spaced_reads_are_many_arrivals_however_many_there_are():
    seen = pace([Read(0.1 + position * 0.001, b"x") for position in range(900)])
    assert seen.arrivals > 50
    assert seen.spread > 0.5


@pytest.mark.parametrize(
    ("headers", "state"),
    [({"x-edge-cache": "HIT"}, "HIT"), ({"cf-aig-cache-status": "miss"}, "MISS"), ({"age": "3"}, None)],
)
def test_cache_state(headers, state):
    assert cache_state(headers) == state


SECRET = 'se"cret/ä+key'


@pytest.mark.parametrize("form", [SECRET, json.dumps(SECRET), "se%22cret%2F%C3%A4%2Bkey", "c2UiY3JldC/DpCtrZXk="])
def test_a_secret_is_found_in_every_form_it_travels_in(form):
    redacted = Redactor(Settings("http://x", key=SECRET)).tree({"a": [f"<{form}>"], form: 1})
    assert form.strip('"') not in json.dumps(redacted, ensure_ascii=False)
    assert "$EDGE_API_KEY" in redacted["a"][0]


def test_headers_that_hold_secrets_of_others_are_hidden():
    assert Redactor(Settings("http://x")).headers({"Set-Cookie": "s=1", "age": "1"}) == {
        "Set-Cookie": "<hidden>",
        "age": "1",
    }


@pytest.mark.parametrize("given_url", ["https://e.example", "https://e.example/", "https://e.example/v1/"])
def test_the_root_of_either_address(given_url):
    assert root_of(given_url) == "https://e.example"


def test_a_path_before_v1_is_kept():
    assert root_of("https://e.example/openai/v1") == "https://e.example/openai"


@pytest.mark.parametrize("bad", ["", "ftp://e.example", "https://", "https://e.example?key=1"])
def test_what_is_no_address_is_refused(bad):
    with pytest.raises(TargetUnusable, match=r"fix: give"):
        root_of(bad)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "code"),
    [
        (["kept", "not_applicable"], "kept", 0),
        (["kept", "broken", "error"], "broken", 1),
        (["kept", "error"], "could_not_run", 2),
        (["broken", "unusable"], "could_not_run", 2),
        (["not_applicable"], "could_not_run", 2),
        ([], "could_not_run", 2),
    ],
)
def test_verdict(outcomes, verdict, code):
    document = build([{"outcome": outcome, "reason": "why"} for outcome in outcomes], None, 0.0)
    assert (document["verdict"], document["exit_code"]) == (verdict, code)
    assert (document["problem"] is None) == (code != 2)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_a_terminal_shows_what_is_being_checked(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    report = TerminalReport(file=terminal)
    report.event({"event": "start", "suite": "cache", "promise": "An equal request"})
    report.close(build([], None, 0.0, problem="stopped"))
    shown = terminal.getvalue()
    assert "cache: An equal request" in shown
    assert "\x1b[" in shown
    assert shown.rstrip().endswith("could not run: stopped\x1b[0m")


def test_letters_that_cannot_be_shown_are_replaced():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    report = TerminalReport(file=out)
    record = {"suite": "cache", "promise": "Kept", "outcome": "kept", "seconds": 0.0, "figures": {}}
    report.event({"event": "end", "record": record})
    out.flush()
    assert out.buffer.getvalue() == b"\ncache\n  + Kept\n"
