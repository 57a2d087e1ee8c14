"""Routes and custom domains (cloudflare-api facts 4.8 and 4.9)."""

from __future__ import annotations

import re
from typing import Any

from edgewright.localcloud.account import ZONE_ID, ZONE_NAME, Account, new_id, new_uuid
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.services.workers.models import find_worker
from edgewright.localcloud.storage import Doc

_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]+")


def put_route(account: Account, body: dict[str, Any], old: Doc | None = None) -> Doc:
    """Make a route, or change ``old``. Without ``script`` it leads to no Worker.

    Raises:
        EnvelopeError: 10022 the pattern is wrong, 10020 it is taken, 10019 there is no such Worker.
    """
    pattern = _pattern(body.get("pattern"))
    script = body.get("script") or None
    if any(other["id"] != (old or {}).get("id") for other in account.routes.all(pattern=pattern)):
        raise EnvelopeError("routes", 10020)
    if script is not None and find_worker(account, str(script)) is None:
        raise EnvelopeError("routes", 10019)
    doc: Doc = {"id": old["id"] if old else new_id(), "pattern": pattern, "script": script}
    return account.routes.put(doc["id"], doc)


def put_domain(account: Account, body: dict[str, Any]) -> Doc:
    """Bind a host name; one that is bound already is bound anew.

    Raises:
        EnvelopeError: 100117 the host is none or not in the zone, 10007 there is no such Worker.
    """
    hostname = str(body.get("hostname", "")).lower()
    if not _HOST.fullmatch(hostname) or not _in_zone(hostname):
        raise EnvelopeError("routes", 100117, detail=f"hostname {hostname!r} is not in the zone {ZONE_NAME}")
    if body.get("zone_id", ZONE_ID) != ZONE_ID:
        raise EnvelopeError("routes", 100117, detail=f"zone_id {body['zone_id']!r} is not in this account")
    if find_worker(account, str(body.get("service"))) is None:
        raise EnvelopeError("routes", 10007)
    old = next(iter(account.domains.all(hostname=hostname)), None)
    doc = {
        "id": old["id"] if old else new_id(),
        "zone_id": ZONE_ID,
        "zone_name": ZONE_NAME,
        "hostname": hostname,
        "service": body["service"],
        "environment": body.get("environment") or "production",
        "cert_id": old["cert_id"] if old else new_uuid(),
    }
    return account.domains.put(doc["id"], doc)


def _pattern(given: Any) -> str:
    """``host/path``, without its scheme; ``*`` only at the start of the host and the end of the path."""
    pattern = re.sub(r"^https?://", "", str(given or ""))
    host, slash, path = pattern.partition("/")
    bare = re.sub(r"^\*\.?", "", host.lower())
    if not _HOST.fullmatch(bare):
        raise EnvelopeError("routes", 10022, pattern=given, detail="it needs a host, such as api.example.com/*")
    if "*" in path[:-1]:
        raise EnvelopeError("routes", 10022, pattern=given, detail="in the path, * is allowed at the end only")
    if not _in_zone(bare):
        raise EnvelopeError("routes", 10022, pattern=given, detail=f"its host is not in the zone {ZONE_NAME}")
    return f"{host.lower()}{slash}{path}"


def _in_zone(host: str) -> bool:
    return host == ZONE_NAME or host.endswith(f".{ZONE_NAME}")
