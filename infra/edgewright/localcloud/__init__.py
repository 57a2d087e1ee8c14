"""A fake of Cloudflare's API v4 that runs what is deployed to it in real workerd."""

from edgewright.localcloud.server import LocalCloud

__all__ = ["LocalCloud"]
