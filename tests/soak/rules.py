"""What a caller may get, by what the model's two targets do: the table that the soak holds every outcome against.

A target that fails before its first text is followed by the next one; the last one's failure is told with its code.
A stream that fails after its first text ends with an error event.
"""

from __future__ import annotations

# What a target does -> what follows if it is the last: (status, code) of a refusal.
REFUSALS = {
    "error_500": (503, "upstream_unavailable"),
    "rate_limited": (429, "rate_limit_exceeded"),
    "silent": (504, "upstream_timeout"),
    "reset": (503, "upstream_unavailable"),
    "garbage": (502, "upstream_error"),
}
# What a target does after its first text -> (codes of the error event in a stream, refusal where nothing is streamed).
BREAKS = {
    "cut": ({"stream_truncated"}, {(502, "upstream_error"), (503, "upstream_unavailable")}),
    "stall": ({"upstream_timeout"}, {(504, "upstream_timeout")}),
    "reset_midway": ({"stream_truncated", "upstream_unavailable"}, {(503, "upstream_unavailable")}),
}
GOOD = ("fine", "slow")
DEEDS = (*GOOD, *REFUSALS, *BREAKS)

Outcome = tuple[str, ...]


def allowed(deeds: tuple[str, str], *, stream: bool) -> set[Outcome]:
    """The outcomes that a chat request may have when its targets do ``deeds``."""
    outcomes: set[Outcome] = set()
    for deed in deeds:
        if deed in GOOD:
            return {("200", "whole")}
        if deed in BREAKS:
            events, refusals = BREAKS[deed]
            if stream:
                return {("200", "error event", code) for code in events}
            outcomes = {(str(status), code) for status, code in refusals}
        else:
            status, code = REFUSALS[deed]
            outcomes = {(str(status), code)}
    return outcomes


# Bad requests -> the only refusal each may have.
BAD_REQUESTS: list[tuple[bytes, Outcome]] = [
    (b"{", ("400", "invalid_json")),
    (b"[]", ("400", "invalid_request")),
    (b'{"messages":[]}', ("400", "invalid_request")),
    (b'{"messages":[{"role":"king","content":"x"}]}', ("400", "invalid_request")),
    (b'{"model":"nope","messages":[{"role":"user","content":"x"}]}', ("404", "model_not_found")),
    (b"x" * 300_000, ("413", "request_too_large")),
]
WRONG_KEY: Outcome = ("401", "invalid_api_key")
