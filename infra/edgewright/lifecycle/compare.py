"""One version of a Worker against what the program says of it; the values of secrets are never looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

NONE = "none"
MISSING = "missing"

_SETTINGS = ("compatibility_date", "compatibility_flags", "main_module", "usage_model")
_SECRETS = frozenset({"secret_text", "secret_key", "secrets_store_secret"})
_HASH = "CONTENT_HASH"


class Difference(NamedTuple):
    """What differs, in words: ``what`` it is, what the stack says, and what the account has."""

    what: str
    expected: str
    found: str


def of_version(wanted: Mapping[str, Any], found: Mapping[str, Any], worker: str) -> Iterator[Difference]:
    """Differences of settings, code and bindings. Both in the API's names; ``found`` with its modules."""
    for key in _SETTINGS:
        yield from of_value(key, _unordered(wanted.get(key)), _unordered(found.get(key)))
    before, after = _by_name(wanted), _by_name(found)
    yield from _code(wanted, found, before.pop(_HASH, {}).get("text"), after.pop(_HASH, {}).get("text"))
    for name in sorted(before | after):
        yield from _binding(name, before.get(name), after.get(name), worker)


def of_values(what: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Differences of what is ``wanted``, leaf by leaf; what else is there is the platform's own."""
    for key, value in wanted.items():
        held = found.get(key)
        name = f"{what} {key}"
        if isinstance(value, Mapping):
            yield from of_values(name, value, held if isinstance(held, Mapping) else {})
        else:
            yield from of_value(name, value, held)


def of_value(what: str, wanted: Any, found: Any) -> Iterator[Difference]:
    """The difference of one value, if there is one."""
    if wanted != found:
        yield Difference(what, shown(wanted), shown(found))


def shown(value: Any) -> str:
    """A value in a line."""
    if value is None:
        return NONE
    return value if isinstance(value, str) else json.dumps(value)


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _by_name(version: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in version.get("bindings") or ()}


def _code(
    wanted: Mapping[str, Any], found: Mapping[str, Any], hashed: str | None, told: str | None
) -> Iterator[Difference]:
    """The content hash; and where that fits, the modules themselves, as a hash in a binding can be copied."""
    if hashed != told:
        yield Difference("content hash", shown(hashed), shown(told))
        return
    before, after = _modules(wanted), _modules(found)
    if after and before != after:
        names = sorted(name for name in before | after if before.get(name) != after.get(name))
        yield Difference("code", f"that of content hash {hashed}", f"another {', '.join(names)}")


def _modules(version: Mapping[str, Any]) -> dict[str, str]:
    return {module["name"]: module["content_base64"] for module in version.get("modules") or ()}


def _binding(
    name: str, wanted: Mapping[str, Any] | None, found: Mapping[str, Any] | None, worker: str
) -> Iterator[Difference]:
    kind = str((wanted or found or {}).get("type"))
    what = f"{'secret' if kind in _SECRETS else 'binding'} {name}"
    if wanted is None or found is None:
        yield Difference(what, kind if wanted else NONE, kind if found else MISSING)
    elif wanted["type"] != found["type"]:
        yield Difference(what, str(wanted["type"]), str(found["type"]))
    elif kind not in _SECRETS:
        # An object's namespace of another Worker is told by its name, which the program leaves out.
        home = {"script_name": worker} if "script_name" in found else {}
        yield from of_values(what, {**home, **wanted}, found)
