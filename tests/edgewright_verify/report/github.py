"""The report as workflow commands of GitHub: an annotation for each broken promise.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from typing import Any

MOST = 10
"""GitHub shows no more of a step."""

_IN_MESSAGES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_IN_MESSAGES, ":": "%3A", ",": "%2C"}


def render(document: dict[str, Any]) -> list[str]:
    """A command for each broken promise, at most `MOST`; one for a run that came to nothing."""
    if document["verdict"] == "could_not_run":
        return [_error("Could not run", document["problem"] or "")]
    broken = [record for record in document["promises"] if record["outcome"] == "broken"]
    if len(broken) > MOST:
        shown = broken[: MOST - 1]
        more = _error("More promises broken", f"{len(broken) - len(shown)} more are in the report")
        return [*(_broken(record) for record in shown), more]
    return [_broken(record) for record in broken]


def paused(token: str) -> str:
    """From this line on nothing that a target has said is taken for a command, until `resumed`."""
    return f"::stop-commands::{token}"


def resumed(token: str) -> str:
    """Commands count again."""
    return f"::{token}::"


def _broken(record: dict[str, Any]) -> str:
    evidence = record["evidence"]
    said = f"expected {evidence['expected']}\nobserved {evidence['observed']}"
    return _error(f"{record['suite']}: {record['promise']}", said)


def _error(title: str, message: str) -> str:
    return f"::error title={_escaped(title, _IN_PROPERTIES)}::{_escaped(message, _IN_MESSAGES)}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
