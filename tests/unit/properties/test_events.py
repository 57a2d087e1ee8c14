"""The harness's reader of server-sent events against the standard's algorithm, over any bytes in any pieces."""

import re
from itertools import accumulate, pairwise

from edgewright_verify.exchange import Read
from edgewright_verify.probes.sse import parse
from hypothesis import given
from hypothesis import strategies as st

TOKENS = [
    b"data",
    b"data:",
    b"data: ",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\xef\xbb\xbf",
    b"event: x\n",
    b"\xf0\x9f",
]
lines = st.tuples(
    st.sampled_from([b"data:", b"data", b"datax:", b":", b"id:"]),
    st.text(" :ax\u20ac", max_size=5).map(str.encode),
    st.sampled_from([b"\n", b"\n\n", b"\r\n\r\n", b"\r"]),
).map(b"".join)
bits = lines | st.sampled_from(TOKENS) | st.binary(max_size=4)
almost_events = st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), st.lists(bits, max_size=16).map(b"".join)).map(
    b"".join
)
sizes = st.lists(st.integers(0, 9), max_size=30)


def cut(body, lengths):
    """The body in pieces of these lengths and a last one; each has come one second after the one before."""
    edges = [0, *(min(end, len(body)) for end in accumulate(lengths)), len(body)]
    return [Read(float(place), body[start:end]) for place, (start, end) in enumerate(pairwise(edges))]


def reference(body):
    """Data of the events, and the bytes after the last empty line, as the standard says."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    found, data, rest = [], [], b""
    pieces = re.split(rb"(\r\n|\n|\r)", body)
    for line, end in zip(pieces[::2], [*pieces[1::2], b""], strict=True):
        rest += line + end
        name, _, value = line.partition(b":")
        if line == b"" and end:
            found += ["\n".join(data)] if data else []
            data, rest = [], b""
        elif name == b"data" and end:
            data.append(value[1:].decode(errors="replace") if value[:1] == b" " else value.decode(errors="replace"))
    return found, rest.strip()


@given(almost_events, sizes)
def test_any_bytes_in_any_pieces_are_read_as_the_standard_says(body, lengths):
    reads = cut(body, lengths)
    seen = parse(reads)
    assert ([event.data for event in seen.events], seen.rest) == reference(body)
    times = [event.at for event in seen.events]
    assert times == sorted(times)
    assert all(0.0 <= at <= reads[-1].at for at in times)
