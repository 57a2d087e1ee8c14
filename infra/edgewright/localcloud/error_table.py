"""Every error of the API, by (family, code): codes are not unique across families (cloudflare-api facts 7).

Each family keeps its rows in its own ``errors.py``; those of the API as a whole are here.
"""

from __future__ import annotations

from edgewright.localcloud.error_row import Row
from edgewright.localcloud.services.ai.errors import ERRORS as AI
from edgewright.localcloud.services.identity.errors import ERRORS as IDENTITY
from edgewright.localcloud.services.kv.errors import ERRORS as KV
from edgewright.localcloud.services.routes.errors import ERRORS as ROUTES
from edgewright.localcloud.services.workers.errors import ERRORS as WORKERS
from edgewright.localcloud.services.zones.errors import ERRORS as ZONES

API = {
    971: Row(429, "Please wait and consider throttling your request speed"),
    6003: Row(400, "Invalid request headers"),
    7001: Row(405, "Method {method} not available for that URI."),
    7003: Row(404, "Could not route to {path}, perhaps your object identifier is invalid? (no route for {method})"),
    9106: Row(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"),
    9207: Row(400, "Request body is invalid: {detail}"),
    10000: Row(401, "Authentication error"),
    10500: Row(500, "The local cloud failed: {detail}"),
}

_FAMILIES = {
    "api": API,
    "ai": AI,
    "identity": IDENTITY,
    "kv": KV,
    "routes": ROUTES,
    "workers": WORKERS,
    "zones": ZONES,
}

TABLE: dict[tuple[str, int], Row] = {
    (family, code): row for family, rows in _FAMILIES.items() for code, row in rows.items()
}
