"""A real JavaScript client in Node: `tests/clients/<name>.mjs`, which plays a scenario a line."""

import json
import shutil
import subprocess
from contextlib import contextmanager

from .conftest import ROOT


@contextmanager
def node_client(name, **always):
    """A function that plays a scenario and gives what the client saw; `always` is in each scenario."""
    process = subprocess.Popen(
        [shutil.which("node") or "node", ROOT / "tests" / "clients" / f"{name}.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def play(how, **scenario):
        print(json.dumps({**always, "how": how, **scenario}), file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())

    try:
        yield play
    finally:
        process.stdin.close()
        assert process.wait(20) == 0
        process.stdout.close()
