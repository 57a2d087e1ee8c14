"""What a target's model can do: the stack's own word, else that of the dated table ``capabilities.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from edgewright.config.sections import Capabilities, Target, Upstream

ABILITIES = tuple(name for name, field in Capabilities.model_fields.items() if field.annotation == (bool | None))
"""The names of what a model can or cannot do; the other fields of `Capabilities` are bounds."""
_SHAPES = ("native", "beside", "guided")
_BOUNDS = tuple(name for name in Capabilities.model_fields if name not in ABILITIES)


def capabilities_of(upstream: Upstream, target: Target) -> dict[str, Any] | None:
    """``{<ability>: bool, images, dimensions, batch: bound | None, <shape>: bool}``; None if nothing is known.

    A model that is not in the table can do everything: its upstream decides. Shapes are how a model is spoken to:
    ``native`` ones speak Workers AI's older shape, ``{response}``; ``beside`` ones take an image beside their messages,
    and none in them; ``guided`` ones take a JSON schema as ``guided_json``.
    """
    own = target.capabilities.model_dump(exclude_none=True)
    known = table()["models"].get(target.model) if upstream.type == "workers-ai" else None
    if known is None:
        return _described(dict.fromkeys(ABILITIES, True), {}) | own if own else None
    return _described({name: name in known["can"] for name in ABILITIES}, known) | own


def _described(can: dict[str, bool], known: dict[str, Any]) -> dict[str, Any]:
    shapes = {name: known.get(name, False) for name in _SHAPES}
    return {**can, **{name: known.get(name) for name in _BOUNDS}, **shapes}


def can(upstream: Upstream, target: Target, ability: str) -> bool:
    """Whether a target has one of ``ABILITIES``, as far as is known."""
    known = capabilities_of(upstream, target)
    return known is None or bool(known[ability])


_HEAD = """# What models can do

Made by `make reference` from `infra/edgewright/config/capabilities.json` ({as_of}); do not edit. {source}.
A model that is not here, and every model of another upstream, can do everything: its upstream decides.
`models.<name>.targets[].capabilities` says otherwise, see [how](../howto/capabilities.md).

| model | can | bounds |
| --- | --- | --- |
"""


def reference() -> str:
    """The reference page in Markdown."""
    known = table()
    rows = (_row(name, model) for name, model in known["models"].items())
    return _HEAD.format(as_of=known["as_of"], source=known["source"]) + "".join(rows)


def _row(name: str, model: dict[str, Any]) -> str:
    bounds = {bound: model[bound] for bound in _BOUNDS if bound in model}
    told = ", ".join(
        f"{bound} {' or '.join(map(str, most)) if isinstance(most, list) else most}" for bound, most in bounds.items()
    )
    return f"| `{name}` | {', '.join(model['can'])} | {told} |\n"


@cache
def table() -> dict[str, Any]:
    """The table: ``{as_of, source, models: {name: {can: [ability], <bound>?, <shape>?: true}}}``."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("capabilities.json").read_text("utf8"))
    return found
