"""Workers, their versions and deployments; the older script endpoints over the same state."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.workers import handlers, scripts

_WORKERS = "/accounts/{account}/workers/workers"
_SCRIPTS = "/accounts/{account}/workers/scripts"

ROUTES: list[Route] = [
    ("GET", _WORKERS, handlers.list_workers),
    ("POST", _WORKERS, handlers.create_worker),
    ("GET", _WORKERS + "/{worker}", handlers.get_worker),
    ("PUT", _WORKERS + "/{worker}", handlers.update_worker),
    ("PATCH", _WORKERS + "/{worker}", handlers.update_worker),
    ("DELETE", _WORKERS + "/{worker}", handlers.delete_worker),
    ("GET", _WORKERS + "/{worker}/versions", handlers.list_versions),
    ("POST", _WORKERS + "/{worker}/versions", handlers.create_version),
    ("GET", _WORKERS + "/{worker}/versions/{version}", handlers.get_version),
    ("GET", _SCRIPTS + "/{script}/deployments", handlers.list_deployments),
    ("POST", _SCRIPTS + "/{script}/deployments", handlers.create_deployment),
    ("GET", _SCRIPTS + "/{script}/deployments/{deployment}", handlers.get_deployment),
    ("GET", _SCRIPTS, scripts.list_scripts),
    ("GET", _SCRIPTS + "/{script}", scripts.get_content),
    ("PUT", _SCRIPTS + "/{script}", scripts.put_script),
    ("DELETE", _SCRIPTS + "/{script}", scripts.delete_script),
    ("GET", _SCRIPTS + "/{script}/content/v2", scripts.get_content),
    ("GET", _SCRIPTS + "/{script}/settings", scripts.get_settings),
    ("GET", _SCRIPTS + "/{script}/secrets", scripts.list_secrets),
    ("GET", _SCRIPTS + "/{script}/versions", scripts.list_versions),
    ("GET", _SCRIPTS + "/{script}/versions/{version}", scripts.get_version),
    ("GET", _SCRIPTS + "/{script}/subdomain", scripts.get_subdomain),
    ("POST", _SCRIPTS + "/{script}/subdomain", scripts.set_subdomain),
    ("DELETE", _SCRIPTS + "/{script}/subdomain", scripts.delete_subdomain),
    ("GET", "/accounts/{account}/workers/services/{script}", scripts.get_service),
    ("GET", "/accounts/{account}/workers/subdomain", scripts.account_subdomain),
    ("GET", "/accounts/{account}/workers/durable_objects/namespaces", scripts.object_namespaces),
]
