"""Who may import whom: ARCHITECTURE.md section 2, kept by reading the imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "infra" / "edgewright"
HARNESS = ROOT / "tests" / "edgewright_verify"

BASE = {"errors", "config", "assets", "keys", "paths"}
MAY_IMPORT = {
    "errors": set(),
    "assets": set(),
    "paths": set(),
    "keys": {"errors"},
    "config": {"errors", "keys"},
    "openapi": {"config"},
    "rendering": {"errors", "config", "assets", "openapi"},
    "components": BASE | {"rendering"},
    "provider": BASE | {"components"},
    "engine": BASE,
    "scaffold": {"errors", "assets", "config"},
    "localcloud": {"errors"},
    "usage": {"errors", "assets"},
    "lifecycle": BASE | {"rendering", "engine", "usage"},
    "cli": BASE | {"rendering", "engine", "scaffold", "localcloud", "usage", "lifecycle", "openapi", "provider"},
}


def imported(path):
    """Names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms():
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        room = relative.parts[0].removesuffix(".py")
        if room != "__init__":
            yield pytest.param(room, path, id=str(relative))


@pytest.mark.parametrize(("room", "path"), list(rooms()))
def test_a_room_imports_only_what_lies_below_it(room, path):
    for name in imported(path):
        match = re.match(r"edgewright\.(\w+)", name)
        if match and (PACKAGE / match[1]).exists() | (PACKAGE / f"{match[1]}.py").exists():
            assert match[1] in MAY_IMPORT[room] | {room}, f"{path} imports {name}"


@pytest.mark.parametrize(("room", "path"), [p for p in rooms() if p.values[0] != "components"])
def test_only_the_components_import_the_cloudflare_sdk(room, path):
    del room
    assert not any(name.startswith("pulumi_cloudflare") for name in imported(path))


@pytest.mark.parametrize("path", sorted(HARNESS.rglob("*.py")), ids=str)
def test_the_harness_stands_alone(path):
    for name in imported(path):
        assert name.split(".")[0] not in ("edgewright", "pulumi", "pulumi_cloudflare"), name


@pytest.mark.parametrize("path", sorted((ROOT / "policy").rglob("*.py")), ids=str)
def test_the_policy_pack_stands_alone(path):
    for name in imported(path):
        assert name.split(".")[0] not in ("edgewright", "edgewright_verify", "pulumi_cloudflare"), name


def test_a_concern_of_the_worker_imports_no_other_concern():
    shared = {"capabilities", "cost", "crypto", "streaming", "protocols", "upstream"}
    folder = ROOT / "worker_src"
    for path in folder.rglob("*.js"):
        concern = path.relative_to(folder).parts[0]
        if concern.endswith(".js"):
            continue
        for module in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            target = (path.parent / module).resolve().relative_to(folder).parts
            assert len(target) == 1 or target[0] in shared | {concern}, f"{path.name} of {concern} imports {module}"


def test_light_commands_do_not_load_pulumi():
    heavy = ("pulumi", "pulumi_cloudflare", "pydantic", "aiohttp")
    script = f"import sys, edgewright.cli; print([m for m in sys.modules if m.split('.')[0] in {heavy}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
