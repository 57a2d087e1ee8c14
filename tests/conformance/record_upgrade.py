"""Records the state that this version leaves, for the versions after it: ``make upgrade-record``.

A record of a released version is never made anew: ``--again`` is for the version that is being worked on.
"""

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

import httpx
from upgrade import ARCHIVE, ASKED, RECORDS, ROOT, checkpoint, stacks, world

FILES = [ROOT / "Pulumi.local.yaml", *sorted((RECORDS / "stacks").glob("Pulumi.*.yaml"))]


def main():
    """Deploy each stack, leave data in it, and keep all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="replace the record of this version")
    again = parser.parse_args().again
    record = RECORDS / version("edgewright")
    if record.exists() and not again:
        sys.exit(
            f"{record.relative_to(ROOT)} is there already; --again replaces it, if the version is not released yet"
        )
    shutil.rmtree(record, ignore_errors=True)
    record.mkdir()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with world(folder, FILES) as made:
            for stack in stacks(folder):
                deploy(made, stack, folder / "state" / "checkpoints")
        pack(folder, record)
    print(f"recorded {record.relative_to(ROOT)}: {(record / ARCHIVE).stat().st_size:,} bytes")


def deploy(made, stack, checkpoints):
    """One stack: up, data, and a preview that finds nothing to do."""
    engine = made.engine(stack)
    engine.up()
    httpx.put(**made.entry(stack), content=b"v", trust_env=False).raise_for_status()
    if engine.config().sessions.enabled:
        made.ask(stack, "POST", "/v1/chat/completions", json=ASKED)
    steps = engine.preview().steps
    changed = [step for step in steps if step.operation != "same"]
    if changed:
        sys.exit(f"{stack}: a preview right after `up` would change {changed}")
    checkpoints.mkdir(exist_ok=True)
    (checkpoints / f"{stack}.json").write_text(json.dumps(checkpoint(engine), indent=1))


def pack(folder, record):
    """The archive, without locks and secrets, and the stack files beside it."""
    for path in FILES:
        shutil.copy(path, record)
    with tarfile.open(record / ARCHIVE, "w:xz") as archive:
        for path in sorted((folder / "state").rglob("*")):
            if path.is_file() and path.name not in ("lock", "secrets.json"):
                archive.add(path, path.relative_to(folder / "state"))


if __name__ == "__main__":
    main()
