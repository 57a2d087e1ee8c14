"""The one user and the one account (cloudflare-api facts 4.15 and 8.5)."""

from __future__ import annotations

from edgewright.localcloud.account import ACCOUNT_EMAIL, ACCOUNT_ID, ACCOUNT_NAME
from edgewright.localcloud.storage import Doc

USER_ID = "ed9e0000000000000000000000000003"
TOKEN_ID = "ed9e0000000000000000000000000004"
MEMBERSHIP_ID = "ed9e0000000000000000000000000005"
CREATED = "2026-01-01T00:00:00.000000Z"


def account() -> Doc:
    """The account as the API shows it."""
    return {
        "id": ACCOUNT_ID,
        "name": ACCOUNT_NAME,
        "type": "standard",
        "settings": {"enforce_twofactor": False},
        "created_on": CREATED,
    }


def user() -> Doc:
    """The user whom the credentials belong to."""
    return {"id": USER_ID, "email": ACCOUNT_EMAIL, "first_name": None, "last_name": None, "suspended": False}


def membership() -> Doc:
    """The user's place in the account; wrangler finds the account by it."""
    return {
        "id": MEMBERSHIP_ID,
        "status": "accepted",
        "account": {"id": ACCOUNT_ID, "name": ACCOUNT_NAME},
        "roles": ["Super Administrator - All Privileges"],
        "permissions": {},
    }
