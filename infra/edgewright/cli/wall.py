"""``edgewright verify --wall``: the fault wall against a local stack of its own, or against any proxy."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewright.cli.console import err, out, print_json, working
from edgewright.cli.local import deploy, local_cloud

if TYPE_CHECKING:
    from edgewright_verify.runner import Options
    from edgewright_verify.upstream import ScriptedUpstream

    Proxy = tuple[str | None, Options]

SCALE = 0.05
"""Times of the temporary stack: short enough for a minute, long enough for a busy machine."""

UPSTREAM = "wall"

MID_STREAM = ("error", "continue")
"""The settings of ``fallback.mid_stream``, each tried."""


@dataclass(frozen=True)
class Wanted:
    """What to try and where to report."""

    repeat: int
    report: Path | None
    markdown: Path | None
    as_json: bool


def local_wall(root: Path, wanted: Wanted) -> int:
    """The wall against a stack that is made for it and removed with all its state; returns the exit code."""
    from edgewright_verify.upstream import ScriptedUpstream

    with tempfile.TemporaryDirectory(prefix="edgewright-wall-") as folder, ScriptedUpstream(SCALE) as upstream:
        return play(_deployed(root, Path(folder), upstream), wanted)


def url_wall(options: Options, wanted: Wanted) -> int:
    """The wall against a proxy that somebody else has put in front of a scripted upstream."""
    return play(((None, one) for one in [options]), wanted)


def play(proxies: Generator[Proxy, None, None], wanted: Wanted) -> int:
    """Run the suite against each proxy as often as is wanted, print the scorecard, and return the exit code."""
    from edgewright_verify.report import scorecard

    began, runs = time.time(), []
    with closing(proxies):
        for label, options in proxies:
            for number in range(1, wanted.repeat + 1):
                with working(f"the wall, run {number} of {wanted.repeat}" + (f", mid_stream {label}" if label else "")):
                    runs.append((label, _examined(options)))
            if runs[-1][1]["problem"]:
                break  # what could not run once will not do so for the next either, or the user has had enough
    card = scorecard.build(runs, began)
    _hand_out(card, scorecard.render(card), wanted)
    code: int = card["exit_code"]
    return code


def _deployed(root: Path, folder: Path, upstream: ScriptedUpstream) -> Generator[Proxy, None, None]:
    """The local stack with the wall's models, once for each way to handle a stream that breaks."""
    from edgewright_verify.runner import Options

    from edgewright.config import StackFile

    values = StackFile.read(root, "local").values
    with local_cloud(root, folder, 0, 0) as running:
        for mid_stream in MID_STREAM:
            outputs = deploy(root, running, overrides(upstream.base_url, upstream.scale, mid_stream, values))
            yield mid_stream, Options(url=outputs["url"], key=outputs["verify_key"], wall_upstream=upstream.url)


def _examined(options: Options) -> dict[str, Any]:
    from edgewright_verify.runner import examine
    from edgewright_verify.settings import WALL

    document, detail = examine(replace(options, model="wall-good", suites=[WALL]), lambda _: None)
    if detail:
        err.print(detail, style="dim", markup=False)
    return document


def _hand_out(card: dict[str, Any], text: str, wanted: Wanted) -> None:
    if wanted.report is not None:
        wanted.report.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    if wanted.markdown is not None:
        with wanted.markdown.open("a", encoding="utf-8") as summary:
            summary.write(f"## The fault wall\n\n{text}")
    if wanted.as_json:
        print_json(card)
    else:
        out.print(text, markup=False, end="")


def overrides(base_url: str, scale: float, mid_stream: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the stack file ``values`` that put the wall's models, and its scaled limits, into the local stack.

    The file's own models stay, with the wall's good one behind them, for whatever names them.
    """
    from edgewright_verify.probes import wall

    from edgewright.cli.upstream import kept_models

    def scaled(seconds: float) -> int:
        return max(1, round(seconds * scale * 1000))

    models = {
        name: {"targets": [{"upstream": UPSTREAM, "model": model} for model in targets]}
        for name, targets in wall.MODELS.items()
    }
    return {
        "upstreams": {UPSTREAM: {"type": "openai-compatible", "base_url": base_url, "key": "none"}},
        "models": {**kept_models(values, UPSTREAM, lambda _: "good"), **models},
        "default_model": "wall-good",
        "limits": {},
        "alerts": {},
        "cache": {"enabled": True},
        "timeouts": {
            "connect_ms": scaled(wall.CONNECT_SECONDS),
            "first_token_ms": scaled(wall.FIRST_TOKEN_SECONDS),
            "idle_ms": scaled(wall.IDLE_SECONDS),
        },
        "breaker": {"open_ms": scaled(10), "max_open_ms": scaled(120), "probe_ms": scaled(2)},
        "fallback": {
            "deadline_ms": scaled(wall.DEADLINE_SECONDS),
            "base_delay_ms": scaled(0.1),
            "max_delay_ms": scaled(2),
            "mid_stream": mid_stream,
        },
    }
