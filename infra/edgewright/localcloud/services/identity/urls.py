"""Tokens, user, accounts, memberships."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.identity import handlers

ROUTES = (
    Route("GET", "/user/tokens/verify", handlers.verify_token),
    Route("GET", "/accounts/{account}/tokens/verify", handlers.verify_token),
    Route("GET", "/user", handlers.user),
    Route("GET", "/memberships", handlers.memberships),
    Route("GET", "/accounts", handlers.accounts),
    Route("GET", "/accounts/{account}", handlers.account),
)
