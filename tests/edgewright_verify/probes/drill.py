"""Signed faults: a header that makes one request's first target fail, on a deployment that allows it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

FAULTS = ("error_500", "rate_limited", "unavailable", "timeout", "reset")
"""Faults after which another target can still give a whole answer, streamed or not. ``cut`` comes too late for that."""

CUT = "cut"
STALE_SECONDS = 300
"""Well outside the 60 s for which a signature is valid."""


def drill_header(secret: str, fault: str, *, age: int = 0) -> dict[str, str]:
    """``x-edge-drill`` for one request, signed ``age`` seconds ago."""
    moment, nonce = int(time.time()) - age, secrets.token_hex(16)
    signed = f"{moment}.{nonce}.{fault}".encode()
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"x-edge-drill": f"t={moment},n={nonce},fault={fault},sig={signature}"}
