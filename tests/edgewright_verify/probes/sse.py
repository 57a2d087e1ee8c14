"""Server-sent events as they arrived, by the WHATWG rules for parsing an event stream."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from edgewright_verify.exchange import Read

BOM = b"\xef\xbb\xbf"
LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|$)")


@dataclass(frozen=True)
class Event:
    """The data of one event and the time (seconds since the request began) at which its last byte came."""

    at: float
    data: str


@dataclass(frozen=True)
class EventStream:
    """``rest`` holds bytes after the last empty line: an event that never ended. ``valid_utf8`` covers all bytes."""

    events: tuple[Event, ...]
    rest: bytes
    valid_utf8: bool


def parse(reads: Sequence[Read]) -> EventStream:
    """Split what was read into events, whatever the pieces it came in."""
    body = b"".join(read.data for read in reads)
    ends = list(accumulate(len(read.data) for read in reads))
    events: list[Event] = []
    data: list[str] = []
    done = len(BOM) if body.startswith(BOM) else 0
    for match in LINE.finditer(body, done):
        line, ended = match.group(1), bool(match.group(2))
        if not ended:
            break
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            continue
        if data:
            at = reads[bisect_left(ends, match.end())].at
            events.append(Event(at, "\n".join(data)))
        data, done = [], match.end()
    return EventStream(tuple(events), body[done:].strip(), _is_utf8(body))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
