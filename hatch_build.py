"""Puts the Worker's source, the templates and the Pulumi program into the wheel, next to the package.

A hook and not a `force-include` table, because an editable install reads them where they lie: copies in
site-packages would be stale, and pytest takes a lone `__main__.py` there for a module to rewrite.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = (
    "worker_src",
    "templates",
    "infra/__main__.py",
    "examples/github",
    "policy/__main__.py",
    "policy/PulumiPolicy.yaml",
    "Pulumi.yaml",
    "Pulumi.local.yaml",
)


class CustomBuildHook(BuildHookInterface):
    """Adds the assets to a standard wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build; ``version`` is ``standard`` or ``editable``."""
        if version == "standard" and self.target_name == "wheel":
            build_data["force_include"].update({path: f"edgewright/_assets/{path}" for path in SHIPPED})
