"""The state file of the embedded engine: what it has made, saved after every call."""

from __future__ import annotations

import fcntl
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from edgewright.errors import EngineError
from edgewright.keys import write_private

SCHEMA = 1
LOCK_SECONDS = 60


@dataclass
class Resource:
    """One resource: ``inputs`` with secrets as digests. Its outputs are read afresh in every run, and not kept."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    dependencies: list[str] = field(default_factory=list)
    retain: bool = False
    protect: bool = False


@dataclass
class State:
    """Everything known of one stack. ``replaced`` are old resources still to delete, ``pending`` the urns whose
    creation was begun: after a crash the next run looks for what it left.
    """

    path: Path
    salt: str
    resources: dict[str, Resource] = field(default_factory=dict)
    replaced: list[Resource] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> State:
        """The state in ``folder``, empty if there is none.

        Raises:
            EngineError: the file cannot be read, or another version wrote it.
        """
        path = folder / "state.json"
        try:
            held = json.loads(path.read_text("utf8"))
        except FileNotFoundError:
            return cls(path, secrets.token_hex(16))
        except (OSError, ValueError) as error:
            raise EngineError(f"{path}: cannot be read: {error}", fix="restore it, or delete it and run `up`") from None
        if not isinstance(held, dict) or held.get("schema") != SCHEMA:
            raise EngineError(f"{path}: is not of schema {SCHEMA}.", fix="delete it and run `up` again")
        try:
            return cls._from(path, held)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise EngineError(f"{path}: parts of it are missing or wrong.", fix="restore it, or delete it") from None

    @classmethod
    def _from(cls, path: Path, held: dict[str, Any]) -> State:
        bytes.fromhex(held["salt"])
        outputs = held["outputs"]
        if not isinstance(outputs, dict) or (outputs and not {"account_id", "worker", "url"} <= outputs.keys()):
            raise ValueError("outputs")
        return cls(
            path,
            held["salt"],
            {urn: Resource(**resource) for urn, resource in held["resources"].items()},
            [Resource(**resource) for resource in held["replaced"]],
            held["pending"],
            outputs,
            [str(name) for name in held["secret_outputs"]],
        )

    def save(self) -> None:
        """Write the file so that a crash leaves the old one or the new one."""
        held = {
            "schema": SCHEMA,
            "salt": self.salt,
            "resources": {urn: asdict(resource) for urn, resource in self.resources.items()},
            "replaced": [asdict(resource) for resource in self.replaced],
            "pending": self.pending,
            "outputs": self.outputs,
            "secret_outputs": self.secret_outputs,
        }
        write_private(self.path, json.dumps(held, indent=1))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the stack for one run; the operating system frees it however the run ends.

    Raises:
        EngineError: another run has held it for ``LOCK_SECONDS``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locks(file):
            if time.monotonic() > deadline:
                raise EngineError(f"another run holds the stack in {folder}.", fix="wait until it has ended")
            time.sleep(0.1)
        yield


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
