"""Where Workers answer: routes, custom domains, workers.dev."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.routes import handlers

_ROUTES = "/zones/{zone}/workers/routes"
_DOMAINS = "/accounts/{account}/workers/domains"
_SUBDOMAIN = "/accounts/{account}/workers/scripts/{script}/subdomain"

ROUTES = (
    Route("GET", _ROUTES, handlers.routes),
    Route("POST", _ROUTES, handlers.create_route),
    Route("GET", _ROUTES + "/{route}", handlers.route),
    Route("PUT", _ROUTES + "/{route}", handlers.change_route),
    Route("DELETE", _ROUTES + "/{route}", handlers.delete_route),
    Route("GET", _DOMAINS, handlers.domains),
    Route("PUT", _DOMAINS, handlers.put_domain),
    Route("GET", _DOMAINS + "/{domain}", handlers.domain),
    Route("DELETE", _DOMAINS + "/{domain}", handlers.delete_domain),
    Route("GET", "/accounts/{account}/workers/subdomain", handlers.account_subdomain),
    Route("PUT", "/accounts/{account}/workers/subdomain", handlers.put_account_subdomain),
    Route("GET", _SUBDOMAIN, handlers.subdomain),
    Route("POST", _SUBDOMAIN, handlers.put_subdomain),
    Route("DELETE", _SUBDOMAIN, handlers.delete_subdomain),
)
