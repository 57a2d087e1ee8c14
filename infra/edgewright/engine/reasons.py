"""Why a resource changes, in the words of the stack file, from its inputs before and after."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from edgewright.config.models import UNTOLD
from edgewright.engine.values import differences

CONFIGURATION = "config.js"
"""The rendered module that holds the stack's configuration as one JSON object."""

# What follows from the modules: the hash over them, and labels that hold it.
_FOLLOWING = frozenset({"CONTENT_HASH"})
_LABELS = ("annotations", "modules", "bindings")
_LONGEST = 60  # characters of a value that is shown


def reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """A line a change: ``default_model: "small" → "large"``, ``code: 2 modules changed``, ``binding USAGE added``.

    Of bindings and properties the names alone, as some are secret. Empty where there was nothing before.
    """
    if not old:
        return ()
    if "modules" not in new:
        return tuple(differences(dict(old), dict(new)))
    before, after = _by_name(old.get("modules")), _by_name(new.get("modules"))
    rest = differences(_without(old, _LABELS), _without(new, _LABELS))
    return (*_settings(before, after), *_code(before, after), *_bindings(old, new), *rest)


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    yield from _changes(*(_configuration(modules.get(CONFIGURATION)) for modules in (before, after)))


def _changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """A line for each setting that differs; of a list what was added and taken away, as it may be long."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _changes(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_list(old, new, path)
    elif path.rpartition(".")[2] in UNTOLD:
        yield f"{path}: {'changed' if old and new else 'added' if new else 'gone'}"
    else:
        yield f"{path}: {_shown(old)} → {_shown(new)}"


def _of_list(old: list[Any], new: list[Any], path: str) -> Iterator[str]:
    if len(old) == len(new) and any(isinstance(item, dict) for item in new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(one, other, f"{path}[{index}]")
        return
    came = [f"+ {_shown(item)}" for item in new if item not in old]
    went = [f"- {_shown(item)}" for item in old if item not in new]
    same = "in another order" if len(old) == len(new) else f"{len(old)} entries → {len(new)}"
    yield f"{path}: {', '.join([*came, *went]) or same}"


def _configuration(module: Mapping[str, Any] | None) -> Any:
    """The object that the module exports, empty where there is none to read."""
    try:
        text = base64.b64decode((module or {})["contentBase64"]).decode()
        return json.loads(text[text.index("freeze({") + len("freeze(") : text.rindex(")")])
    except (KeyError, TypeError, ValueError):
        return {}


def _code(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    names = (before.keys() | after.keys()) - {CONFIGURATION}
    differing = sorted(name for name in names if before.get(name) != after.get(name))
    told = {
        "added": [name for name in differing if name not in before],
        "gone": [name for name in differing if name not in after],
        "changed": [name for name in differing if name in before and name in after],
    }
    for word, found in told.items():
        if found:
            yield f"code: {len(found)} {'module' if len(found) == 1 else 'modules'} {word} ({_first(found)})"


def _bindings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = _by_name(old.get("bindings")), _by_name(new.get("bindings"))
    for name in sorted((before.keys() | after.keys()) - _FOLLOWING):
        if before.get(name) != after.get(name):
            yield f"binding {name} {'added' if name not in before else 'gone' if name not in after else 'changed'}"


def _by_name(items: Any) -> dict[str, Any]:
    named = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return {str(item.get("name")): item for item in named}


def _without(inputs: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name not in names}


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = json.dumps(_told(value), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _told(value: Any) -> Any:
    """The value without what is not told, at any depth: an agent comes and goes as a whole."""
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, dict):
        return {name: _told(item) for name, item in value.items() if name not in UNTOLD}
    return value


def _first(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
