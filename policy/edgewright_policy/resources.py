"""What a rule sees of a resource: type, inputs, options, and what a version's modules say of the Worker."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONFIG_MODULE = "config.js"
_BEFORE_CONFIG = "export default freeze("


@dataclass(frozen=True)
class Resource:
    """One resource before it is made: ``type`` without package and module, e.g. ``WorkerVersion``.

    ``props`` are its inputs in the provider's names. Reading one that a preview cannot know yet raises
    ``pulumi_policy``'s own error, so rules read only what they judge.
    """

    type: str
    props: Mapping[str, Any]
    stack: str
    protect: bool = False


def bindings(resource: Resource) -> list[Mapping[str, Any]]:
    """The bindings of a version or a script."""
    return list(resource.props.get("bindings") or ())


def modules(resource: Resource) -> Iterator[tuple[str, str]]:
    """Name and text of each module of a version; what is no text is left out."""
    for module in resource.props.get("modules") or ():
        try:
            yield str(module["name"]), base64.b64decode(module.get("contentBase64") or "", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def worker_config(resource: Resource) -> dict[str, Any] | None:
    """The frozen configuration that Edgewright renders into a version; None where there is none.

    Its shape is ARCHITECTURE.md section 3.
    """
    text = dict(modules(resource)).get(CONFIG_MODULE, "")
    start = text.find(_BEFORE_CONFIG)
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start + len(_BEFORE_CONFIG))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
