"""The one place that knows where the Worker's source, templates and the Pulumi program lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_assets"


def root() -> Path:
    """Folder that holds ``worker_src``, ``templates``, ``Pulumi.yaml`` and ``infra``: checkout or wheel."""
    return _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parents[1]


def worker_src() -> Path:
    """The Worker's ES modules."""
    return root() / "worker_src"


def templates() -> Path:
    """The Jinja2 templates."""
    return root() / "templates"
