"""Workers KV: namespaces and values."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.kv import handlers

_BASE = "/accounts/{account}/storage/kv/namespaces"

ROUTES: list[Route] = [
    ("GET", _BASE, handlers.list_namespaces),
    ("POST", _BASE, handlers.create_namespace),
    ("GET", _BASE + "/{namespace}", handlers.get_namespace),
    ("PUT", _BASE + "/{namespace}", handlers.rename_namespace),
    ("DELETE", _BASE + "/{namespace}", handlers.delete_namespace),
    ("GET", _BASE + "/{namespace}/keys", handlers.list_keys),
    ("GET", _BASE + "/{namespace}/values/{key}", handlers.get_value),
    ("PUT", _BASE + "/{namespace}/values/{key}", handlers.put_value),
    ("DELETE", _BASE + "/{namespace}/values/{key}", handlers.delete_value),
    ("GET", _BASE + "/{namespace}/metadata/{key}", handlers.get_metadata),
    ("PUT", _BASE + "/{namespace}/bulk", handlers.bulk_put),
    ("DELETE", _BASE + "/{namespace}/bulk", handlers.bulk_delete),
    ("POST", _BASE + "/{namespace}/bulk/delete", handlers.bulk_delete),
    ("POST", _BASE + "/{namespace}/bulk/get", handlers.bulk_get),
]
