"""Who may call: header format (400), then the credential (401), then its scope (403)."""

from __future__ import annotations

import hmac
import re

from werkzeug import Request

from edgewright.localcloud.account import ACCOUNT_ID, ZONE_ID, Account
from edgewright.localcloud.envelope import EnvelopeError

# The provider's own rules (cloudflare-api facts 2).
_TOKEN = re.compile(r"[0-9A-Za-z_-]{40,80}")
_KEY = re.compile(r"[0-9A-Za-z_-]{37,60}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_OWN = {"accounts": ACCOUNT_ID, "zones": ZONE_ID}


def check_credentials(request: Request, account: Account) -> None:
    """A bearer token, or an e-mail address and key; both at once are legal and the token decides.

    Raises:
        EnvelopeError: 9106 none, 6003 malformed, 10000 not the account's.
    """
    bearer = request.headers.get("Authorization")
    key = request.headers.get("X-Auth-Key")
    email = request.headers.get("X-Auth-Email")
    if bearer is not None:
        known = hmac.compare_digest(_bearer(bearer), account.token)
    elif key is not None or email is not None:
        known = hmac.compare_digest(_key(key, email), account.api_key)
    else:
        raise EnvelopeError("api", 9106)
    if not known:
        raise EnvelopeError("api", 10000)


def check_scope(method: str, path: str) -> None:
    """The credentials cover one account and one zone; ``path`` is below ``/client/v4``, undecoded.

    Raises:
        EnvelopeError: 7003 the id is none, 10000 (403) it is another's.
    """
    segments = path.split("/")
    if len(segments) < 3 or segments[1] not in _OWN:
        return
    if not _IDENTIFIER.fullmatch(segments[2]):
        raise EnvelopeError("api", 7003, method=method, path=path.lstrip("/"))
    if segments[2] != _OWN[segments[1]]:
        raise EnvelopeError("api", 10000, status=403)


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise EnvelopeError("api", 6003, chain=[6111])
    return token


def _key(key: str | None, email: str | None) -> str:
    if email is None or not _EMAIL.fullmatch(email):
        raise EnvelopeError("api", 6003, chain=[6102])
    if key is None or not _KEY.fullmatch(key):
        raise EnvelopeError("api", 6003, chain=[6103])
    return key
