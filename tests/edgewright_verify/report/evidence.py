"""Evidence of a broken promise as lines of text."""

from __future__ import annotations

from typing import Any

LABEL_WIDTH = 10


def lines_of(evidence: dict[str, Any]) -> list[str]:
    """Expected, observed, request, response, timing and a curl line; what is unknown is left out."""
    lines = [*_labelled("expected", evidence["expected"]), *_labelled("observed", evidence["observed"])]
    if "request" not in evidence:
        return lines
    request, response, timing = evidence["request"], evidence["response"], evidence["timing"]
    lines += _labelled("request", f"{request['method']} {request['url']}")
    if request["body"]:
        lines += _labelled("", request["body"])
    lines += _labelled("response", f"{response['status'] or 'none'}{_because(response['error'])}")
    lines += _labelled("", "\n".join(f"{name}: {value}" for name, value in response["headers"].items()))
    if response["body"].strip():
        lines += _labelled("", "\n".join(line for line in response["body"].splitlines() if line.strip()))
    figures = [f"{name[:-3].replace('_', ' ')} {value:g} ms" for name, value in timing.items() if _is_time(name, value)]
    lines += _labelled("timing", ", ".join(figures) + f", {timing['reads']} reads")
    return [*lines, *_labelled("reproduce", evidence["curl"])]


def as_text(promise: str, evidence: dict[str, Any]) -> str:
    """The same as one text, for pytest's own report and for JUnit."""
    return "\n".join([f"promise broken: {promise}", *lines_of(evidence)])


def _labelled(label: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [f"{label:<{LABEL_WIDTH}}{first}", *(" " * LABEL_WIDTH + line for line in rest)]


def _because(error: str | None) -> str:
    return f" ({error})" if error else ""


def _is_time(name: str, value: object) -> bool:
    return name.endswith("_ms") and value is not None
