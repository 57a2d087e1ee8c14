"""Errors of tokens, users and accounts (cloudflare-api facts 7 and 8.5)."""

from edgewright.localcloud.error_row import Row

ERRORS = {1000: Row(401, "Invalid API Token", "reported")}
