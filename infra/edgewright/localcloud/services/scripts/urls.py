"""The older family of calls about Workers, by script name; wrangler and `WorkersScript` use it."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.scripts import handlers

_ALL = "/accounts/{account}/workers/scripts"
_ONE = _ALL + "/{script}"

ROUTES = (
    Route("GET", "/accounts/{account}/workers/services/{script}", handlers.service),
    Route("GET", _ALL, handlers.scripts),
    Route("GET", _ONE, handlers.content),
    Route("PUT", _ONE, handlers.upload),
    Route("DELETE", _ONE, handlers.delete),
    Route("GET", _ONE + "/settings", handlers.settings),
    Route("GET", _ONE + "/content/v2", handlers.content),
    Route("GET", _ONE + "/secrets", handlers.secrets),
    Route("GET", _ONE + "/secrets/{secret}", handlers.secret),
    Route("GET", _ONE + "/versions", handlers.versions),
    Route("POST", _ONE + "/versions", handlers.upload_version),
    Route("GET", _ONE + "/versions/{version}", handlers.version),
)
