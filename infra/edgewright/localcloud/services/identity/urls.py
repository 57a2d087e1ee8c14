"""Who calls, and what they may see: user, tokens, accounts, zones."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.identity import handlers

ROUTES: list[Route] = [
    ("GET", "/user", handlers.user),
    ("GET", "/user/tokens/verify", handlers.verify),
    ("GET", "/accounts/{account}/tokens/verify", handlers.verify),
    ("GET", "/memberships", handlers.memberships),
    ("GET", "/accounts", handlers.accounts),
    ("GET", "/accounts/{account}", handlers.account),
    ("GET", "/zones", handlers.zones),
    ("GET", "/zones/{zone}", handlers.zone),
]
