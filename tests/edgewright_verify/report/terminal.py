"""The report on a terminal: a line for each promise as it is judged, then the evidence, then one summary line."""

from __future__ import annotations

import sys
from typing import IO, Any

from rich.console import Console
from rich.rule import Rule
from rich.status import Status
from rich.text import Text

from edgewright_verify.report.evidence import lines_of

MARKS = {"kept": ("✓", "+", "green"), "broken": ("✗", "x", "red"), "not_applicable": ("–", "-", "dim")}
TROUBLE = ("!", "!", "yellow")
PLAIN_WIDTH = 120
NOTEWORTHY_SECONDS = 0.001


class TerminalReport:
    """Prints as events come in. ``quiet`` leaves the promises that were kept out."""

    def __init__(self, *, quiet: bool = False, no_color: bool = False, file: IO[str] | None = None) -> None:
        out = file or sys.stdout
        width = None if out.isatty() else PLAIN_WIDTH
        self._console = Console(file=out, highlight=False, no_color=no_color or None, width=width)
        self._unicode = self._console.encoding.lower().startswith("utf")
        self._quiet = quiet
        self._suite: str | None = None
        self._figures: dict[str, Any] = {}
        self._reason: str | None = None
        self._status: Status | None = None

    def event(self, event: dict[str, Any]) -> None:
        """Show one step of the run: ``start`` names the promise being checked, ``end`` brings its record."""
        if event["event"] == "start":
            self._show_progress(f"{event['suite']}: {event['promise']}")
        elif event["event"] == "end":
            self._judged(event["record"])

    def close(self, document: dict[str, Any], detail: str = "") -> None:
        """End the report: what was broken, with its evidence, and the summary; ``detail`` is pytest's own output."""
        self._end_suite()
        self._stop_progress()
        shown: list[dict[str, Any]] = []
        for record in document["promises"]:
            if record["outcome"] == "broken":
                self._evidence(record, again=record["evidence"] in shown)
                shown.append(record["evidence"])
        if detail:
            self._console.print(Text(detail, style="dim"), soft_wrap=True)
        self._summary(document)

    def _show_progress(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        shown = Text(text[: self._console.width - 4], style="dim")  # one line: a spinner stands before it
        if self._status is None:
            self._status = self._console.status(shown, spinner="dots" if self._unicode else "line")
            self._status.start()
        else:
            self._status.update(shown)

    def _stop_progress(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _judged(self, record: dict[str, Any]) -> None:
        if record["outcome"] == "unusable" or (self._quiet and record["outcome"] in {"kept", "not_applicable"}):
            return
        if record["suite"] != self._suite:
            self._end_suite()
            self._suite = record["suite"]
            self._console.print(Text(f"\n{self._suite}", style="bold"))
        self._figures |= record["figures"]
        line = self._marked(record["outcome"], record["promise"])
        if record["seconds"] >= NOTEWORTHY_SECONDS:
            line.append(f"  {_time(record['seconds'])}", style="dim")
        reason = record.get("reason") if record["outcome"] != "broken" else None
        if reason is not None and reason != self._reason:
            line.append(f"\n      {reason}", style="dim")
        self._reason = reason
        self._console.print(line, soft_wrap=True)

    def _end_suite(self) -> None:
        if self._figures and not self._quiet:
            told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self._figures.items())
            self._console.print(Text(f"    {told}", style="dim cyan"), soft_wrap=True)
        self._figures, self._reason = {}, None

    def _marked(self, outcome: str, text: str) -> Text:
        unicode_mark, ascii_mark, style = MARKS.get(outcome, TROUBLE)
        line = Text("  ")
        line.append(unicode_mark if self._unicode else ascii_mark, style=style)
        return line.append(f" {text}", style="red" if outcome == "broken" else "")

    def _evidence(self, record: dict[str, Any], *, again: bool) -> None:
        self._console.print()
        self._console.print(Rule(style="red", characters="─" if self._unicode else "-"))
        self._console.print(self._marked("broken", f"{record['suite']}: {record['promise']}"), soft_wrap=True)
        lines = ["the same exchange as above shows it"] if again else lines_of(record["evidence"])
        for line in lines:
            self._console.print(Text(f"    {line}"), soft_wrap=True)

    def _summary(self, document: dict[str, Any]) -> None:
        self._console.print()
        if document["problem"]:
            self._console.print(Text(f"could not run: {document['problem']}", style="bold yellow"), soft_wrap=True)
        counts = document["counts"]
        words = [(counts["kept"], "kept", "green"), (counts["broken"], "broken", "red")]
        words += [(counts["not_applicable"], "not applicable", "dim"), (counts["error"], "not checked", "yellow")]
        line = Text()
        for count, word, style in words:
            if count:
                line.append(" · " if line and self._unicode else ", " if line else "")
                line.append(f"{count} {word}", style=f"bold {style}")
        if line:
            line.append(f" in {_time(document['seconds'])}  {(document['target'] or {}).get('url', '')}", style="dim")
            self._console.print(line, soft_wrap=True)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
