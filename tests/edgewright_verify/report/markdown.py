"""The report as Markdown, for the step summary of GitHub (at most 1 MiB a step)."""

from __future__ import annotations

from typing import Any

from edgewright_verify.report.evidence import lines_of

SHOWN_FAILURES = 20
HEADLINES = {"kept": "All promises kept", "broken": "Promises broken", "could_not_run": "Could not run"}


def render(document: dict[str, Any]) -> str:
    """A headline, a table of the suites, the evidence of what is broken and the reasons of what does not apply."""
    target = document["target"] or {}
    lines = [f"## {HEADLINES[document['verdict']]}: {target.get('url', 'no target')}", ""]
    if document["problem"]:
        lines += [document["problem"], ""]
    lines += ["| suite | kept | broken | not applicable |", "| --- | ---: | ---: | ---: |"]
    for suite, counts in _by_suite(document["promises"]).items():
        lines.append(f"| {suite} | {counts['kept']} | {counts['broken']} | {counts['not_applicable']} |")
    broken = [record for record in document["promises"] if record["outcome"] == "broken"]
    for record in broken[:SHOWN_FAILURES]:
        lines += ["", f"### {record['suite']}: {record['promise']}", "", *_fenced(lines_of(record["evidence"]))]
    if len(broken) > SHOWN_FAILURES:
        lines += ["", f"{len(broken) - SHOWN_FAILURES} more broken promises are in the JSON report."]
    skipped = [record for record in document["promises"] if record["outcome"] == "not_applicable"]
    if skipped:
        lines += ["", "<details><summary>Not applicable</summary>", ""]
        lines += [f"- {record['suite']}: {record['promise']} ({record['reason']})" for record in skipped]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _by_suite(records: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    suites: dict[str, dict[str, int]] = {}
    for record in records:
        counts = suites.setdefault(record["suite"], {"kept": 0, "broken": 0, "not_applicable": 0})
        if record["outcome"] in counts:
            counts[record["outcome"]] += 1
    return suites


def _fenced(lines: list[str]) -> list[str]:
    """A code block whose fence is longer than any in the text: the text comes from the target."""
    longest = max((len(run) for line in lines for run in _backtick_runs(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _backtick_runs(line: str) -> list[str]:
    return "".join(char if char == "`" else " " for char in line).split()
