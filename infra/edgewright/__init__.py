"""Edgewright: your own AI proxy on Cloudflare's edge, deployed with Pulumi and proven in CI.

The names below are the public API. ``EdgeProxy`` is loaded on first use, because importing Pulumi's
Cloudflare SDK takes seconds that ``render``, ``verify`` and the local cloud need not pay.
"""

from typing import TYPE_CHECKING, Any

from edgewright.config import StackConfig
from edgewright.errors import EdgewrightError

if TYPE_CHECKING:
    from edgewright.components import EdgeProxy, EdgeProxyArgs, EdgeProxyNodes, stack_config

__all__ = ["EdgeProxy", "EdgeProxyArgs", "EdgeProxyNodes", "EdgewrightError", "StackConfig", "stack_config"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from edgewright import components

        return getattr(components, name)
    raise AttributeError(f"module 'edgewright' has no attribute {name!r}")
