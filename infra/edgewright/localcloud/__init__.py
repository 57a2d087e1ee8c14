"""The local cloud: Cloudflare's API v4 faked over HTTP, with real workerd behind it.

``LocalCloud`` is loaded on first use: ``runtime.install`` and ``runtime.workerd`` must import without the
packages of the ``local`` extra.
"""

from typing import TYPE_CHECKING, Any

from edgewright.localcloud.account import ACCOUNT_ID, ACCOUNT_SUBDOMAIN, ZONE_ID, ZONE_NAME

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

__all__ = ["ACCOUNT_ID", "ACCOUNT_SUBDOMAIN", "ZONE_ID", "ZONE_NAME", "LocalCloud"]


def __getattr__(name: str) -> Any:
    if name != "LocalCloud":
        raise AttributeError(f"module 'edgewright.localcloud' has no attribute {name!r}")
    from edgewright.localcloud.server import LocalCloud

    return LocalCloud
