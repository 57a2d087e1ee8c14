"""When two stacks have the same content: the same code, and values that differ only where environments do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgewright.config import StackConfig
from edgewright.config.models import UNTOLD
from edgewright.config.sections import Verification
from edgewright.rendering import render
from edgewright.rendering.context import config_values

ENVIRONMENTS_OWN = frozenset(
    (
        "alerts",
        "auth",
        "cache",
        "cors",
        "environment",
        "features",
        "limits",
        "telemetry",
        "upstreams",
        "usage",
        "worker",
    )
)
"""Parts of ``config.js`` that are expected to differ. ``features`` too: the code that they ship is compared itself."""


@dataclass(frozen=True)
class Difference:
    """One value of ``config.js`` that two stacks do not share; None: one of them has none there."""

    key: str
    source: Any
    target: Any

    @property
    def section(self) -> str:
        """The first part of the key."""
        return self.key.partition(".")[0]

    @property
    def expected(self) -> bool:
        """Whether environments are meant to differ there."""
        return self.section in ENVIRONMENTS_OWN


def code_hash(config: StackConfig) -> str:
    """Hex SHA-256 of the code that a stack runs, its values and its drills left out.

    Drills exist for verification alone: staging ships them so that fallback can be shown, production need not.
    """
    return render(config.model_copy(update={"verification": Verification(drills=False)})).code_hash


def code_differences(source: StackConfig, target: StackConfig) -> list[str]:
    """Which modules only one of two stacks ships, or both and not alike; with the sign that diff uses."""
    one, two = (_modules(config) for config in (source, target))
    differing = sorted(name for name in {*one, *two} if one.get(name) != two.get(name))
    return [f"{'-' if name not in two else '+' if name not in one else '~'}{name}" for name in differing]


def differences(source: StackConfig, target: StackConfig) -> list[Difference]:
    """The values that differ, by key; no secret is among them, and of what is shown to nobody the length alone."""
    one, two = (dict(_flat(_values(config))) for config in (source, target))
    return [
        Difference(key, *(_shown(key, held.get(key)) for held in (one, two)))
        for key in sorted({*one, *two})
        if one.get(key) != two.get(key)
    ]


def _shown(key: str, value: Any) -> Any:
    untold = isinstance(value, str) and key.rpartition(".")[2] in UNTOLD
    return f"({len(value)} characters)" if untold else value


def _modules(config: StackConfig) -> dict[str, str]:
    bundle = render(config.model_copy(update={"verification": Verification(drills=False)}))
    return {module.name: module.sha256 for module in bundle.modules if module.name != "config.js"}


def _values(config: StackConfig) -> dict[str, Any]:
    # The date is no part of config.js, but it decides how the runtime behaves.
    return {**config_values(config), "compatibility_date": config.compatibility_date}


def _flat(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value:
            yield from _flat(value, where)
        else:
            yield where, value
