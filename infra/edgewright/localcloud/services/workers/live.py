"""What is live in the account, as a plan for workerd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgewright.localcloud.account import Account
from edgewright.localcloud.runtime.plan import Plan, Script
from edgewright.localcloud.services.workers import versions
from edgewright.localcloud.storage import Doc


def live_plan(account: Account) -> Plan:
    """The versions of every Worker's newest deployment, and the table by which the router picks one."""
    scripts: list[Script] = []
    workers: dict[str, list[dict[str, Any]]] = {}
    for worker in account.workers.all():
        deployed = account.deployments.all(worker_id=worker["id"])
        if not deployed:
            continue
        shares = deployed[-1]["versions"]
        workers[worker["name"]] = [{"id": share["version_id"], "percentage": share["percentage"]} for share in shares]
        scripts += _scripts(account, worker, shares)
    first = next((worker["name"] for worker in account.workers.all()), None)
    table = {"workers": workers, "first": first, "domains": _domains(account), "routes": _routes(account)}
    return Plan(tuple(scripts), table)


def _scripts(account: Account, worker: Doc, shares: list[Doc]) -> list[Script]:
    """Objects of a class live in one version only, the one with the larger share: one disk, one owner."""
    found = []
    taken: set[str] = set()
    for share in sorted(shares, key=lambda each: -float(each["percentage"])):
        version = versions.the_version(account, worker, share["version_id"])
        script = versions.script_of(account, worker, version)
        own = {name: key for name, key in script.objects.items() if name not in taken}
        taken.update(own)
        found.append(replace(script, objects=own))
    return found


def _domains(account: Account) -> dict[str, str]:
    domains = {
        f"{worker['name']}.{account.subdomain}.workers.dev": worker["name"]
        for worker in account.workers.all()
        if worker["subdomain"].get("enabled")
    }
    return {**domains, **{domain["hostname"]: domain["service"] for domain in account.domains.all()}}


def _routes(account: Account) -> list[dict[str, Any]]:
    """The most specific first: an exact host before a wildcard, then the longer pattern."""
    routes = [{"pattern": route["pattern"], "worker": route.get("script")} for route in account.routes.all()]
    return sorted(routes, key=lambda route: (str(route["pattern"]).startswith("*"), -len(str(route["pattern"]))))
