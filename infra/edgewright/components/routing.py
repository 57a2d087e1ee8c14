"""Where the Worker answers: zone routes, a custom domain, workers.dev."""

from __future__ import annotations

import re

import pulumi
import pulumi_cloudflare as cloudflare

from edgewright.components.transform import Transform, transformed
from edgewright.config import StackConfig

LOOPBACK = "http://127.0.0.1:"  # where the local cloud serves


def zone_id(zone: str, opts: pulumi.InvokeOptions) -> pulumi.Output[str]:
    """Id of the zone of that name; the API has to know exactly one."""
    found = cloudflare.get_zone_output(filter=cloudflare.GetZoneFilterArgs(name=zone, match="all"), opts=opts)
    return pulumi.Output.from_input(found).apply(lambda result: str(result.id))


def routes(
    name: str, config: StackConfig, script: pulumi.Input[str], transform: Transform, opts: pulumi.ResourceOptions
) -> list[cloudflare.WorkersRoute]:
    """One route resource an entry of ``routes``."""
    invoke = pulumi.InvokeOptions(parent=opts.parent)
    made = []
    for index, route in enumerate(config.routes):
        args = {"zone_id": zone_id(route.zone, invoke), "pattern": route.pattern, "script": script}
        made.append(
            cloudflare.WorkersRoute(f"{name}-route-{index}", **transformed(transform, "route", args), opts=opts)
        )
    return made


def custom_domain(
    name: str, config: StackConfig, script: pulumi.Input[str], transform: Transform, opts: pulumi.ResourceOptions
) -> cloudflare.WorkersCustomDomain | None:
    """The custom domain, if the stack has one."""
    domain = config.custom_domain
    if domain is None:
        return None
    args = {
        "account_id": config.account_id,
        "hostname": domain.hostname,
        "service": script,
        "zone_id": zone_id(domain.zone, pulumi.InvokeOptions(parent=opts.parent)),
    }
    return cloudflare.WorkersCustomDomain(f"{name}-domain", **transformed(transform, "custom_domain", args), opts=opts)


def addresses(config: StackConfig, subdomain_url: str | None, version_urls: list[str] | None) -> list[str]:
    """Every address of the proxy, the best first: a loopback one (local cloud), domain, routes, workers.dev.

    ``subdomain_url`` is what the API says of the Worker; where it does not, the address follows from a
    version's own (``https://<8 hex>-<worker>.<subdomain>.workers.dev``).
    """
    found = []
    if config.custom_domain:
        found.append(f"https://{config.custom_domain.hostname}")
    for route in config.routes:
        host, _, path = route.pattern.split("://")[-1].partition("/")
        if "*" not in host and path in ("*", ""):
            found.append(f"https://{host}")
    if config.workers_dev:
        found += _workers_dev(config.worker_name, subdomain_url, version_urls or [])
    return sorted(dict.fromkeys(found), key=lambda url: not url.startswith(LOOPBACK))


def _workers_dev(worker: str, subdomain_url: str | None, version_urls: list[str]) -> list[str]:
    if subdomain_url:
        return [subdomain_url.rstrip("/")]
    for url in version_urls:
        if url.startswith(LOOPBACK):
            return [url.rstrip("/")]
        match = re.match(rf"(https?://)[0-9a-f]{{8}}-({re.escape(worker)}\..+?)/?$", url)
        if match:
            return [match[1] + match[2]]
    return []
