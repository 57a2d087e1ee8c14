"""Streaming: tokens come as they are made, in the shape the OpenAI clients read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgewright_verify.failures import expect, expect_status
from edgewright_verify.probes.chat import COUNTING, DONE, Answer, ChatStream, ask, fresh, stream
from edgewright_verify.probes.timing import pace
from edgewright_verify.target import Target

pytestmark = pytest.mark.edge_streaming

ATTEMPTS = 3
"""A busy machine can bunch one stream's pieces together; a proxy that buffers bunches every stream."""

SPREAD = 0.05
"""Least share of the time between first and last byte; a buffered answer's is near 0, a streamed one's 0.2 and more."""

ARRIVALS = 3


@pytest.fixture(scope="module")
def streaming(edge_target: Target) -> Target:
    """The target, if it streams."""
    edge_target.needs("streaming")
    return edge_target


@pytest.fixture(scope="module")
def plain(streaming: Target) -> ChatStream:
    """One stream as most callers ask for it."""
    answer = stream(streaming, fresh(COUNTING))
    expect_status(answer.exchange, 200)
    return answer


@pytest.fixture(scope="module")
def with_usage(streaming: Target) -> ChatStream:
    """One stream by a caller who counts tokens."""
    answer = stream(streaming, fresh(COUNTING), stream_options={"include_usage": True})
    expect_status(answer.exchange, 200)
    return answer


@pytest.fixture(scope="module")
def in_one_piece(edge_target: Target) -> Answer:
    """An answer to a request that says nothing of streaming."""
    answer = ask(edge_target, fresh("Say hello."))
    expect_status(answer.exchange, 200)
    return answer


def test_first_byte_long_before_last(
    streaming: Target, plain: ChatStream, record_property: Callable[[str, object], None]
) -> None:
    """The first byte of a stream comes well before its last: the proxy does not collect the answer first."""
    streams = [plain]
    while not _is_spread(streams[-1]) and len(streams) < ATTEMPTS:
        streams.append(stream(streaming, fresh(COUNTING)))
    best = max(streams, key=lambda seen: pace(seen.exchange.reads).spread)
    seen = pace(best.exchange.reads)
    record_property("first_byte", f"{seen.first * 1000:.0f} ms")
    record_property("last_byte", f"{seen.last * 1000:.0f} ms")
    record_property("arrivals", seen.arrivals)
    observed = f"{seen.arrivals} arrivals, {seen.spread:.1%} of the time between first and last byte"
    expected = f"{ARRIVALS} arrivals or more, at least {SPREAD:.0%} of the time between first and last byte"
    expect(any(map(_is_spread, streams)), expected, observed, best.exchange)


def test_content_type(plain: ChatStream) -> None:
    """A stream says that it is text/event-stream."""
    expect(
        plain.exchange.media_type == "text/event-stream", "text/event-stream", plain.exchange.media_type, plain.exchange
    )


def test_every_frame_is_json(plain: ChatStream) -> None:
    """Every frame of a stream is one JSON object, and each is ended by an empty line."""
    expect(not plain.strange_frames, "JSON in every frame", plain.strange_frames[:3], plain.exchange)
    expect(not plain.events.rest, "an empty line after the last frame", plain.events.rest[-200:], plain.exchange)


def test_one_id(plain: ChatStream) -> None:
    """All chunks of a stream carry one id and call themselves chat.completion.chunk."""
    ids = plain.values("id")
    expect(len(ids) == 1 and not ids & {"None", ""}, "one id in all chunks", sorted(ids)[:5], plain.exchange)
    kinds = plain.values("object")
    expect(kinds == {"chat.completion.chunk"}, "object chat.completion.chunk", sorted(kinds), plain.exchange)


def test_one_role(plain: ChatStream) -> None:
    """A stream names the role once, before any text."""
    expect(plain.roles == ["assistant"], "the role assistant, once", plain.roles, plain.exchange)
    texts = [bool(delta.get("content")) for delta in plain.deltas]
    role_at = [delta.get("role") is not None for delta in plain.deltas].index(True)
    expect(not any(texts[:role_at]), "the role in or before the first text", "text before the role", plain.exchange)


def test_text(plain: ChatStream) -> None:
    """A stream brings text, in more than one delta."""
    pieces = sum(bool(delta.get("content")) for delta in plain.deltas)
    expect(pieces > 1, "several deltas with text", f"{pieces}", plain.exchange)


def test_one_finish_reason(plain: ChatStream) -> None:
    """A stream gives exactly one finish reason, and no text follows it."""
    reasons = plain.finish_reasons
    expect(len(reasons) == 1 and isinstance(reasons[0], str), "one finish reason", reasons, plain.exchange)
    after = [delta.get("content") for delta in _deltas_after_finish(plain)]
    expect(not any(after), "no text after the finish reason", after, plain.exchange)


def test_done_is_last(plain: ChatStream) -> None:
    """A stream ends with `data: [DONE]`, once, and nothing follows."""
    ended = plain.frames[-1:] == [DONE] and plain.frames.count(DONE) == 1
    expect(ended, "[DONE] once, as the last frame", plain.tail, plain.exchange)


def test_usage_when_asked(with_usage: ChatStream) -> None:
    """A caller who asks for usage gets it once, in a last chunk without choices."""
    usages = with_usage.usages
    expect(len(usages) == 1, "one chunk with usage", usages or with_usage.tail, with_usage.exchange)
    last = with_usage.chunks[-1]
    expect(
        last.get("usage") is not None and last.get("choices") == [],
        "it last, with choices []",
        last,
        with_usage.exchange,
    )
    counts = [usages[0].get(f"{name}_tokens") for name in ("prompt", "completion", "total")]
    whole = all(isinstance(count, int) for count in counts) and counts[2] >= counts[0] + counts[1]
    expect(whole, "whole numbers, the total no less than its parts", usages[0], with_usage.exchange)


def test_no_usage_unasked(plain: ChatStream) -> None:
    """A caller who does not ask for usage gets no usage chunk."""
    expect(not plain.usages, "no usage", plain.usages, plain.exchange)


def test_utf8(streaming: Target) -> None:
    """Letters outside ASCII arrive whole: a stream is valid UTF-8 and holds no replacement character."""
    answer = stream(streaming, fresh("Say these words back to me: größe, Привет, 漢字, 🙂🚀."))
    expect_status(answer.exchange, 200)
    expect(answer.events.valid_utf8, "valid UTF-8", "bytes that are none", answer.exchange)
    expect("\ufffd" not in answer.text, "no replacement character", answer.text, answer.exchange)


def test_one_piece_by_default(in_one_piece: Answer) -> None:
    """A request that does not say `stream` is answered in one piece, with text, finish reason and usage."""
    exchange = in_one_piece.exchange
    expect(exchange.media_type == "application/json", "application/json", exchange.media_type, exchange)
    expect(in_one_piece.body.get("object") == "chat.completion", "object chat.completion", in_one_piece.body, exchange)
    expect(bool(in_one_piece.text), "a message with text", in_one_piece.message, exchange)
    expect(isinstance(in_one_piece.finish_reason, str), "a finish reason", in_one_piece.choice, exchange)
    usage = in_one_piece.body.get("usage")
    expect(isinstance(usage, dict) and "total_tokens" in usage, "usage", usage, exchange)


def test_body_decides(edge_target: Target) -> None:
    """`stream` in the body decides, not the Accept header: the OpenAI clients always accept JSON."""
    answer = ask(edge_target, fresh("Say hello."), stream=False, headers={"accept": "text/event-stream"})
    expect_status(answer.exchange, 200)
    expect(answer.text is not None, "a completion in one piece", answer.exchange.media_type, answer.exchange)


def test_leaving_early(streaming: Target) -> None:
    """A caller who leaves in the middle of a stream harms nobody: the next request is answered."""
    left = streaming.chat(fresh(COUNTING), stream=True, leave_after_first=True)
    expect(left.status == 200 and bool(left.reads), "a stream to leave", f"status {left.status}", left)
    after = stream(streaming, fresh(COUNTING))
    expect_status(after.exchange, 200)
    expect(after.whole, "a whole stream after it", after.tail, after.exchange)


def test_error_before_the_stream(edge_target: Target) -> None:
    """A refused streaming request says so by its status before any byte, as JSON."""
    refused = stream(edge_target, "", messages=[])
    status = refused.exchange.status
    expect(status is not None and 400 <= status < 500, "a status of 400 to 499", f"status {status}", refused.exchange)
    expect(refused.exchange.media_type == "application/json", "JSON", refused.exchange.media_type, refused.exchange)


def _is_spread(seen: ChatStream) -> bool:
    measured = pace(seen.exchange.reads)
    return measured.spread >= SPREAD and measured.arrivals >= ARRIVALS


def _deltas_after_finish(seen: ChatStream) -> list[dict[str, object]]:
    choices = [choice for chunk in seen.chunks for choice in chunk.get("choices") or []]
    ends = [position for position, choice in enumerate(choices) if choice.get("finish_reason") is not None]
    return [choice.get("delta") or {} for choice in choices[ends[-1] + 1 :]]
