"""Where Workers answer: zone routes, custom domains, DNS records."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.routes import handlers

ROUTES: list[Route] = [
    ("GET", "/zones/{zone}/workers/routes", handlers.list_routes),
    ("POST", "/zones/{zone}/workers/routes", handlers.create_route),
    ("GET", "/zones/{zone}/workers/routes/{route}", handlers.get_route),
    ("PUT", "/zones/{zone}/workers/routes/{route}", handlers.update_route),
    ("DELETE", "/zones/{zone}/workers/routes/{route}", handlers.delete_route),
    ("GET", "/accounts/{account}/workers/domains", handlers.list_domains),
    ("PUT", "/accounts/{account}/workers/domains", handlers.put_domain),
    ("GET", "/accounts/{account}/workers/domains/{domain}", handlers.get_domain),
    ("DELETE", "/accounts/{account}/workers/domains/{domain}", handlers.delete_domain),
    ("GET", "/zones/{zone}/dns_records", handlers.list_records),
    ("POST", "/zones/{zone}/dns_records", handlers.create_record),
    ("GET", "/zones/{zone}/dns_records/{record}", handlers.get_record),
    ("PUT", "/zones/{zone}/dns_records/{record}", handlers.update_record),
    ("PATCH", "/zones/{zone}/dns_records/{record}", handlers.update_record),
    ("DELETE", "/zones/{zone}/dns_records/{record}", handlers.delete_record),
]
