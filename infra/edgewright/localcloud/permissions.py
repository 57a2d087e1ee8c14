"""What the token may do: permission groups by their names in Cloudflare's API, each for some paths.

A new cloud's token may do everything; ``POST control/token`` takes permissions away.
"""

from __future__ import annotations

import re

from edgewright.localcloud.account import Account
from edgewright.localcloud.envelope import EnvelopeError

# The first that fits a path below /client/v4; other paths need no group.
_PATHS = (
    (re.compile(r"/accounts/[^/]+/workers(/|$)"), "Workers Scripts"),
    (re.compile(r"/accounts/[^/]+/storage/kv/"), "Workers KV Storage"),
    (re.compile(r"/accounts/[^/]+/ai/"), "Workers AI"),
    (re.compile(r"/accounts/[^/]+/analytics_engine/"), "Account Analytics"),
    (re.compile(r"/zones/[^/]+/workers/"), "Workers Routes"),
    (re.compile(r"/zones/[^/]+/dns_records"), "DNS"),
    (re.compile(r"/zones/"), "Zone"),
)
_ONLY_READ = frozenset({"Account Analytics", "Workers AI"})  # a query and a model call change nothing

GROUPS = tuple(f"{group} {access}" for _, group in _PATHS for access in ("Read", "Write"))


def check_permission(method: str, path: str, account: Account) -> None:
    """A read needs a group's Read or Write, anything else its Write.

    Raises:
        EnvelopeError: 10000 (403), the token does not have it.
    """
    group = next((group for pattern, group in _PATHS if pattern.match(path)), None)
    if group is not None and not may(account, group, reads=method == "GET" or group in _ONLY_READ):
        raise EnvelopeError("api", 10000, status=403)


def may(account: Account, group: str, *, reads: bool) -> bool:
    """Whether the token has the group."""
    held = account.permissions
    return held is None or f"{group} Write" in held or (reads and f"{group} Read" in held)
