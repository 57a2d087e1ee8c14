"""Every error of the API, by (family, code): codes are not unique across families (cloudflare-api facts 7).

Each family keeps its rows in its own ``errors.py``; those of the API as a whole are here.
"""

from __future__ import annotations

from edgewright.localcloud.error_row import SOURCES, Row
from edgewright.localcloud.services.ai.errors import ERRORS as AI
from edgewright.localcloud.services.identity.errors import ERRORS as IDENTITY
from edgewright.localcloud.services.kv.errors import ERRORS as KV
from edgewright.localcloud.services.routes.errors import ERRORS as ROUTES
from edgewright.localcloud.services.workers.errors import ERRORS as WORKERS
from edgewright.localcloud.services.zones.errors import ERRORS as ZONES

API = {
    6003: Row(400, "Invalid request headers", "documented"),
    6102: Row(400, "Invalid format for X-Auth-Email header", "documented"),
    6103: Row(400, "Invalid format for X-Auth-Key header", "documented"),
    6111: Row(400, "Invalid format for Authorization header", "documented"),
    7001: Row(405, "Method {method} not available for that URI.", "reported"),
    7003: Row(
        404,
        "Could not route to {path}, perhaps your object identifier is invalid? (no route for {method})",
        "reported",
        "text",
    ),
    9106: Row(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", "documented"),
    9207: Row(400, "Request body is invalid: {detail}", "ours", "status, text"),
    10000: Row(401, "Authentication error", "documented"),
    10500: Row(500, "The local cloud failed: {detail}", "ours", "status, text"),
}

FAMILIES = {
    "api": API,
    "identity": IDENTITY,
    "zones": ZONES,
    "kv": KV,
    "workers": WORKERS,
    "routes": ROUTES,
    "ai": AI,
}

TABLE: dict[tuple[str, int], Row] = {
    (family, code): row for family, rows in FAMILIES.items() for code, row in rows.items()
}

_HEAD = """# Errors of the fake API

Every code that the [local cloud](local-cloud.md) answers with, by family. `make reference` writes this page from
`localcloud/error_table.py` and the families' `errors.py`. Codes are not unique: the table is keyed by family and code.
The envelope is `{"success": false, "errors": [{"code", "message"}], "messages": [], "result": null}`. The SQL API of
Analytics Engine alone answers in plain text: 400 without a query, 403 `Authorization error`, 422 `Input was invalid`.

"""


def reference() -> str:
    """The reference page in Markdown: what the sources are worth, then a table for each family."""
    sources = "".join(f"- **{source}**: {meaning}.\n" for source, meaning in SOURCES.items())
    assumed = "\n*Assumed* is what the source leaves open and the local cloud chose.\n"
    return _HEAD + sources + assumed + "".join(_table(family, rows) for family, rows in FAMILIES.items())


def _table(family: str, rows: dict[int, Row]) -> str:
    lines = [f"\n## {family}\n", "| code | status | message | source | assumed |", "| --- | --- | --- | --- | --- |"]
    for code, row in sorted(rows.items()):
        lines.append(f"| {code} | {row.status} | {row.message} | {row.source} | {row.assumed} |")
    return "\n".join(lines) + "\n"
