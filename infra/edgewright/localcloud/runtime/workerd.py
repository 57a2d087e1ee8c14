"""Where the workerd binary lies."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from edgewright.errors import LocalCloudError

VARIABLE = "EDGEWRIGHT_WORKERD"
_MACHINES = {"x86_64": "64", "amd64": "64", "aarch64": "arm64", "arm64": "arm64"}


def platform_package() -> str:
    """The npm package that holds workerd for this machine.

    Raises:
        LocalCloudError: workerd is not built for it.
    """
    machine = _MACHINES.get(platform.machine().lower())
    if sys.platform not in ("linux", "darwin") or machine is None:
        raise LocalCloudError(
            f"workerd is not built for {sys.platform} on {platform.machine()}.",
            fix=f"use Linux or macOS on x86-64 or arm64, or point {VARIABLE} at a binary",
        )
    return f"workerd-{sys.platform}-{machine}"


def install_folders() -> tuple[Path, Path]:
    """Where ``edgewright local install`` puts it: this environment, or the user's cache if that is read-only."""
    return Path(sys.prefix) / "share" / "edgewright" / "workerd", Path.home() / ".cache" / "edgewright" / "workerd"


def binary_in(folder: Path) -> Path:
    """The binary below an install folder."""
    return folder / "node_modules" / "@cloudflare" / platform_package() / "bin" / "workerd"


def find_workerd() -> Path:
    """The binary: ``EDGEWRIGHT_WORKERD``, this Python environment, the user's cache.

    Raises:
        LocalCloudError: it is nowhere.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if os.access(named, os.X_OK) and Path(named).is_file():
            return Path(named).resolve()
        raise LocalCloudError(f"{VARIABLE}={named} is not an executable file.", fix=f"correct or unset {VARIABLE}")
    for folder in install_folders():
        if os.access(binary_in(folder), os.X_OK):
            return binary_in(folder)
    raise LocalCloudError("workerd, the runtime of Workers, is not installed.", fix="edgewright local install")
