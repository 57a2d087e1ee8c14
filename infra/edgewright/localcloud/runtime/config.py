"""What is deployed -> a workerd configuration: Cap'n Proto text, with every value in a file of its own.

Nothing is escaped by hand: code and texts are embedded, secrets come from the environment and stay off the disk.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewright.localcloud.account import ACCOUNT_SUBDOMAIN
from edgewright.localcloud.envelope import ApiFault
from edgewright.localcloud.services.workers.models import live_deployment

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

_ROUTER = Path(__file__).with_name("router.js")


@dataclass
class Config:
    """A configuration being put together in ``folder``; ``environment`` holds the secrets for the process."""

    folder: Path
    socket: Path
    services: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    _outside: dict[str, str] = field(default_factory=dict)

    def embed(self, name: str, content: bytes) -> str:
        """Write a file and return the expression that embeds it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"embed {json.dumps(name)}"

    def outside(self, name: str, header: str, value: str) -> str:
        """A service answered by the data plane, told apart by an injected header."""
        inject = f"injectRequestHeaders = [(name = {json.dumps(header)}, value = {json.dumps(value)})]"
        address = json.dumps(f"unix:{self.socket}")
        self._outside[name] = f"(name = {json.dumps(name)}, external = (address = {address}, http = ({inject})))"
        return name

    def version(self, cloud: LocalCloud, worker: dict[str, Any], version: dict[str, Any]) -> str:
        """Add a version as a service and return the service's name."""
        name = f"{worker['name']}/{version['id']}"
        place = f"versions/{version['id']}"
        main = version["main_module"]
        modules = [
            self._module(place, module) for module in sorted(version["modules"], key=lambda m: m["name"] != main)
        ]
        bindings = [self._binding(cloud, worker, place, binding) for binding in version["bindings"]]
        parts = [
            f"modules = [{', '.join(modules)}]",
            f"compatibilityDate = {json.dumps(version['compatibility_date'])}",
            f"bindings = [{', '.join(bindings)}]",
        ]
        if version.get("compatibility_flags"):
            parts.append(f"compatibilityFlags = {json.dumps(version['compatibility_flags'])}")
        objects = [o for o in cloud.account["objects"].values() if o["script"] == worker["name"]]
        if objects:
            declared = [_object_class(namespace) for namespace in objects]
            parts += [
                f"durableObjectNamespaces = [{', '.join(declared)}]",
                'durableObjectStorage = (localDisk = "objects")',
            ]
        self.services.append(f"(name = {json.dumps(name)}, worker = ({', '.join(parts)}))")
        return name

    def _module(self, place: str, module: dict[str, Any]) -> str:
        content = self.embed(f"{place}/modules/{module['name']}", base64.b64decode(module["content_base64"]))
        kinds = {
            "application/javascript+module": "esModule",
            "text/plain": "text",
            "application/json": "json",
            "application/wasm": "wasm",
        }
        kind = kinds.get(module.get("content_type", "").split(";")[0], "esModule")
        return f"(name = {json.dumps(module['name'])}, {kind} = {content})"

    def _binding(self, cloud: LocalCloud, worker: dict[str, Any], place: str, binding: dict[str, Any]) -> str:
        name, kind = binding["name"], binding["type"]
        if kind == "kv_namespace":
            identifier = binding["namespace_id"]
            value = f"kvNamespace = {json.dumps(self.outside(f'kv-{identifier}', 'x-kv', identifier))}"
        elif kind == "plain_text":
            value = f"text = {self.embed(f'{place}/values/{name}', binding['text'].encode())}"
        elif kind == "json":
            value = f"json = {self.embed(f'{place}/values/{name}', json.dumps(binding['json']).encode())}"
        elif kind == "secret_text":
            variable = f"SECRET_{len(self.environment)}"
            self.environment[variable] = binding["text"]
            value = f"fromEnvironment = {json.dumps(variable)}"
        elif kind == "ai":
            fetcher = f'(name = "fetcher", service = {json.dumps(self.outside("ai", "x-svc", "ai"))})'
            value = f'wrapped = (moduleName = "cloudflare-internal:ai-api", innerBindings = [{fetcher}])'
        elif kind == "analytics_engine":
            value = f"analyticsEngine = {json.dumps(self.outside(binding['dataset'], 'x-svc', 'ae'))}"
        elif kind == "durable_object_namespace":
            value = f"durableObjectNamespace = {json.dumps(binding['class_name'])}"
        else:
            raise ApiFault("workers", 10021, f"The local cloud does not run bindings of type {kind} ({name}).")
        del cloud, worker
        return f"(name = {json.dumps(name)}, {value})"

    def write(self, sockets: str) -> Path:
        """Write the configuration with these sockets; its path."""
        network = '(name = "internet", network = (allow = ["local"]))'
        objects = json.dumps(str(self.folder.parent / "objects"))
        disk = f'(name = "objects", disk = (path = {objects}, writable = true, allowDotfiles = true))'
        services = ", ".join([*self.services, *self._outside.values(), network, disk])
        path = self.folder / "config.capnp"
        path.write_text(
            'using Workerd = import "/workerd/workerd.capnp";\n'
            f"const config :Workerd.Config = (services = [{services}], sockets = [{sockets}]);\n"
        )
        return path


def _object_class(namespace: dict[str, Any]) -> str:
    sql = "true" if namespace["use_sqlite"] else "false"
    name, key = json.dumps(namespace["class"]), json.dumps(namespace["id"])
    return f"(className = {name}, uniqueKey = {key}, enableSql = {sql})"


def deployed(cloud: LocalCloud, config: Config) -> Path:
    """The configuration of everything that is deployed, with the router in front."""
    plan: dict[str, Any] = {"scripts": {}, "hosts": {}, "routes": []}
    bindings: list[str] = []
    for worker in cloud.account["workers"].values():
        live = live_deployment(cloud, worker)
        if live is None:
            continue
        versions = []
        for split in live["versions"]:
            service = config.version(cloud, worker, cloud.account["versions"][split["version_id"]])
            binding = f"V{len(bindings)}"
            bindings.append(f"(name = {json.dumps(binding)}, service = {json.dumps(service)})")
            versions.append({"id": split["version_id"], "percentage": split["percentage"], "binding": binding})
        plan["scripts"][worker["name"]] = {"versions": versions}
        if worker["subdomain"].get("enabled"):
            plan["hosts"][f"{worker['name']}.{ACCOUNT_SUBDOMAIN}.workers.dev"] = worker["name"]
    for domain in cloud.account["domains"].values():
        plan["hosts"][domain["hostname"]] = domain["service"]
    for route in sorted(cloud.account["routes"].values(), key=lambda route: -len(route["pattern"])):
        if route.get("script"):
            pattern = route["pattern"].removeprefix("https://").removeprefix("http://")
            plan["routes"].append({"pattern": pattern, "script": route["script"]})
    planned = config.embed("plan.json", json.dumps(plan).encode())
    router = config.embed("router.js", _ROUTER.read_bytes())
    bindings.append(f'(name = "PLAN", json = {planned})')
    config.services.append(
        f'(name = "router", worker = (modules = [(name = "router.js", esModule = {router})],'
        f' compatibilityDate = "2026-11-01", compatibilityFlags = ["enable_request_signal"],'
        f" bindings = [{', '.join(bindings)}]))"
    )
    return config.write('(name = "http", http = (), service = "router")')
