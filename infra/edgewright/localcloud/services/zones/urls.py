"""Zones and their DNS records."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.zones import handlers

ROUTES = (
    Route("GET", "/zones", handlers.zones),
    Route("GET", "/zones/{zone}", handlers.zone),
    Route("GET", "/zones/{zone}/dns_records", handlers.records),
    Route("POST", "/zones/{zone}/dns_records", handlers.create_record),
    Route("GET", "/zones/{zone}/dns_records/{record}", handlers.record),
    Route("PUT", "/zones/{zone}/dns_records/{record}", handlers.replace_record),
    Route("PATCH", "/zones/{zone}/dns_records/{record}", handlers.change_record),
    Route("DELETE", "/zones/{zone}/dns_records/{record}", handlers.delete_record),
)
