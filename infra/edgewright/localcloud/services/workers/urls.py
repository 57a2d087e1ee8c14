"""Workers, versions and deployments: the three calls that a deployment with `WorkerVersion` makes."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.workers import handlers

_ALL = "/accounts/{account}/workers/workers"
_ONE = _ALL + "/{worker}"
_DEPLOYMENTS = "/accounts/{account}/workers/scripts/{script}/deployments"

ROUTES = (
    Route("GET", _ALL, handlers.workers),
    Route("POST", _ALL, handlers.create_worker),
    Route("GET", _ONE, handlers.worker),
    Route("PUT", _ONE, handlers.change_worker),
    Route("PATCH", _ONE, handlers.change_worker),
    Route("DELETE", _ONE, handlers.delete_worker),
    Route("GET", _ONE + "/versions", handlers.versions),
    Route("POST", _ONE + "/versions", handlers.create_version),
    Route("GET", _ONE + "/versions/{version}", handlers.version),
    Route("GET", "/accounts/{account}/workers/durable_objects/namespaces", handlers.object_namespaces),
    Route("GET", "/accounts/{account}/workers/durable_objects/namespaces/{namespace}/objects", handlers.stored_objects),
    Route("GET", _DEPLOYMENTS, handlers.deployments),
    Route("POST", _DEPLOYMENTS, handlers.create_deployment),
    Route("GET", _DEPLOYMENTS + "/{deployment}", handlers.deployment),
)
