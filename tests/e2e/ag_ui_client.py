"""The real AG-UI clients, which live in Node."""

import json
import shutil
import subprocess
from contextlib import contextmanager

from .conftest import ROOT
from .stage import KEY, fresh

NODE = shutil.which("node")
CLIENTS = ["ag-ui-0.0.42", "ag-ui-0.0.59", "ag-ui-1.0.0"]


@contextmanager
def ag_ui_client(package, base):
    """Plays scenarios with one of the clients; ``base`` is the address that a scenario's ``path`` goes on from."""
    command = [NODE, "ag_ui.mjs", package]
    folder = ROOT / "tests" / "clients"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as process:

        def play(*turns, path="default/run", key=KEY, **more):
            scenario = {"url": f"{base}/{path}", "key": key, "threadId": fresh("thread"), "turns": turns, **more}
            print(json.dumps(scenario), file=process.stdin, flush=True)
            line = process.stdout.readline()
            assert line, "the client has died"
            return json.loads(line)

        play.version = package
        yield play
        process.stdin.close()
    assert process.returncode == 0


def types(run):
    return [event["type"] for event in run["events"]]
