"""The SQL API's paths. Long queries hold up nobody."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.analytics import handlers

_SQL = "/accounts/{account}/analytics_engine/sql"

ROUTES = (
    Route("POST", _SQL, handlers.post, alone=False),
    Route("GET", _SQL, handlers.get, alone=False),
)
