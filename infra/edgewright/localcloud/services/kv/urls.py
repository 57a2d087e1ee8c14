"""KV namespaces, values, metadata, keys and bulk calls."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.kv import bulk, handlers

_ALL = "/accounts/{account}/storage/kv/namespaces"
_ONE = _ALL + "/{namespace}"

ROUTES = (
    Route("GET", _ALL, handlers.namespaces),
    Route("POST", _ALL, handlers.create_namespace),
    Route("GET", _ONE, handlers.namespace),
    Route("PUT", _ONE, handlers.rename_namespace),
    Route("DELETE", _ONE, handlers.delete_namespace),
    Route("GET", _ONE + "/keys", handlers.keys),
    Route("GET", _ONE + "/values/{key}", handlers.value),
    Route("PUT", _ONE + "/values/{key}", handlers.put_value),
    Route("DELETE", _ONE + "/values/{key}", handlers.delete_value),
    Route("GET", _ONE + "/metadata/{key}", handlers.metadata),
    Route("PUT", _ONE + "/bulk", bulk.write),
    Route("DELETE", _ONE + "/bulk", bulk.delete),
    Route("POST", _ONE + "/bulk/delete", bulk.delete),
    Route("POST", _ONE + "/bulk/get", bulk.read),
)
