"""workerd's configuration for a plan, in Cap'n Proto's text form (local-cloud facts 2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edgewright.localcloud.runtime.bindings import Context, Files, quote, render
from edgewright.localcloud.runtime.plan import Plan, Script

ROUTER_DATE = "2026-06-01"


@dataclass(frozen=True)
class Built:
    """A written configuration: its file, the environment with its secrets, whether it needs ``--experimental``."""

    path: Path
    environment: dict[str, str]
    experimental: bool


@dataclass(frozen=True)
class Places:
    """Where things are: the folder for generated files, the data plane's socket, the folder of Durable Objects.

    ``disk`` None keeps objects in memory, for a configuration that is only validated.
    """

    folder: Path
    socket: Path
    disk: Path | None


def build(plan: Plan, places: Places, *, listen: bool) -> Built:
    """Write the configuration; without ``listen`` workerd loads every Worker and exits."""
    places.folder.mkdir(parents=True)
    context = Context(Files(places.folder), _primary(plan), _homes(plan))
    services = [_worker(script, context, places) for script in plan.scripts]
    services.append(_router(plan, context))
    services += _outside(context, places)
    sockets = '(name = "http", http = (), service = "router")' if listen else ""
    text = (
        'using Workerd = import "/workerd/workerd.capnp";\n'
        f"const config :Workerd.Config = (\n services = [\n{_lines(services)}],\n"
        f" sockets = [{sockets}],\n extensions = [{_extension(context)}]);\n"
    )
    path = places.folder / "config.capnp"
    path.write_text(text)
    return Built(path, context.secrets, bool(context.datasets))


def _worker(script: Script, context: Context, places: Places) -> str:
    modules = [
        f"(name = {quote(module.name)}, {module.kind} = {context.files.embed(module.data)})"
        for module in script.modules
    ]
    bindings = [render(script, binding, context) for binding in script.bindings]
    fields = [
        f"modules = [\n{_lines(modules)}]",
        f"compatibilityDate = {quote(script.compatibility_date)}",
        f"compatibilityFlags = [{', '.join(quote(flag) for flag in script.compatibility_flags)}]",
        f"bindings = [\n{_lines(bindings)}]",
        'globalOutbound = "internet"',
    ]
    if script.objects:
        classes = [
            f"(className = {quote(name)}, uniqueKey = {quote(key)}, enableSql = true)"
            for name, key in sorted(script.objects.items())
        ]
        fields.append(f"durableObjectNamespaces = [\n{_lines(classes)}]")
        storage = "inMemory = void" if places.disk is None else 'localDisk = "disk"'
        fields.append(f"durableObjectStorage = ({storage})")
    return f"(name = {quote(script.service)}, worker = ({', '.join(fields)}))"


def _router(plan: Plan, context: Context) -> str:
    source = (files("edgewright.localcloud.runtime") / "router.js").read_bytes()
    table = context.files.embed(json.dumps(plan.table).encode())
    bindings = ['(name = "TABLE", json = ' + table + ")"]
    bindings += [f"(name = {quote(script.version_id)}, service = {quote(script.service)})" for script in plan.scripts]
    return (
        f'(name = "router", worker = (modules = [(name = "router.js", esModule = {context.files.embed(source)})], '
        f'compatibilityDate = "{ROUTER_DATE}", bindings = [\n{_lines(bindings)}]))'
    )


def _outside(context: Context, places: Places) -> list[str]:
    services = [
        '(name = "internet", network = (allow = ["local"]))',
        '(name = "nowhere", network = (allow = []))',
        _external("ai", "x-local-service", "ai", places),
    ]
    services += [_external(f"kv:{name}", "x-local-kv", name, places) for name in sorted(context.namespaces)]
    services += [_external(name, "x-local-service", "analytics", places) for name in sorted(context.datasets)]
    if places.disk is not None:
        services.append(f'(name = "disk", disk = (path = {quote(str(places.disk))}, writable = true))')
    return services


def _external(name: str, header: str, value: str, places: Places) -> str:
    injected = f"injectRequestHeaders = [(name = {quote(header)}, value = {quote(value)})]"
    return f"(name = {quote(name)}, external = (address = {quote(f'unix:{places.socket}')}, http = ({injected})))"


def _extension(context: Context) -> str:
    source = (files("edgewright.localcloud.runtime") / "rate_limit.js").read_bytes()
    return f'(modules = [(name = "edgewright:rate-limit", internal = true, esModule = {context.files.embed(source)})])'


def _primary(plan: Plan) -> dict[str, str]:
    """The version with the largest share stands for its Worker where another binds it."""
    chosen = {}
    for name, versions in plan.table["workers"].items():
        chosen[name] = f"version:{max(versions, key=lambda version: float(version['percentage']))['id']}"
    return chosen


def _homes(plan: Plan) -> dict[tuple[str, str], str]:
    return {(script.worker, name): script.service for script in plan.scripts for name in script.objects}


def _lines(items: list[str]) -> str:
    return ",\n".join(f"  {item}" for item in items)
