"""Edgewright: your own AI proxy on Cloudflare's edge, deployed with Pulumi and proven in CI.

The names below are the public API. They are loaded on first use, because importing Pulumi's Cloudflare SDK
takes seconds that ``render``, ``verify`` and the local cloud need not pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgewright.components import EdgeProxy, EdgeProxyArgs, EdgeProxyNodes, stack_config
    from edgewright.config import StackConfig
    from edgewright.errors import EdgewrightError
    from edgewright.localcloud import LocalCloud

_HOMES = {
    "EdgeProxy": "components",
    "EdgeProxyArgs": "components",
    "EdgeProxyNodes": "components",
    "EdgewrightError": "errors",
    "LocalCloud": "localcloud",
    "StackConfig": "config",
    "stack_config": "components",
}

__all__ = [
    "EdgeProxy",
    "EdgeProxyArgs",
    "EdgeProxyNodes",
    "EdgewrightError",
    "LocalCloud",
    "StackConfig",
    "stack_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgewright' has no attribute {name!r}")
    return getattr(import_module(f"edgewright.{_HOMES[name]}"), name)
