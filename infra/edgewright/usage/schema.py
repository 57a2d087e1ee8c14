"""The table of columns and sums, read from the Worker's ``usage/schema.js``, where it is written down once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from edgewright import assets

_TABLE = re.compile(r"^export const (\w+) = Object\.freeze\(\{\n(.*?)^\}\);", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r'^  (\w+): "(.*)",$', re.MULTILINE)
_TEXT = re.compile(r'^export const (\w+) = "(.*)";$', re.MULTILINE)


@dataclass(frozen=True)
class Schema:
    """``blobs`` and ``doubles``: name -> what it holds, in the order of their columns. The rest is SQL over them."""

    blobs: dict[str, str]
    doubles: dict[str, str]
    amounts: dict[str, str]
    latencies: dict[str, str]
    answered: str

    @property
    def columns(self) -> dict[str, str]:
        """Name -> column of the dataset."""
        return {
            "tenant": "index1",
            **{name: f"blob{place}" for place, name in enumerate(self.blobs, 1)},
            **{name: f"double{place}" for place, name in enumerate(self.doubles, 1)},
        }

    def filled(self, expression: str) -> str:
        """An expression with columns in the place of ``{name}``."""
        return re.sub(r"\{(\w+)\}", lambda found: self.columns[found[1]], expression)


@cache
def schema() -> Schema:
    """The table of this version."""
    source = (assets.worker_src() / "usage" / "schema.js").read_text("utf8")
    tables = {name: dict(_ENTRY.findall(body)) for name, body in _TABLE.findall(source)}
    texts = dict(_TEXT.findall(source))
    return Schema(tables["BLOBS"], tables["DOUBLES"], tables["AMOUNTS"], tables["LATENCIES"], texts["ANSWERED"])
