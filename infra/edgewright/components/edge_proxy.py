"""``EdgeProxy``: everything one AI proxy needs on Cloudflare, as one component."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare
from pydantic import SecretStr

from edgewright.components import bindings, routing
from edgewright.components.cache import cache_namespace
from edgewright.components.transform import CHILDREN, Transform
from edgewright.components.worker import worker_trio
from edgewright.config import StackConfig
from edgewright.config.secrets import secret_texts
from edgewright.errors import ConfigError
from edgewright.rendering import Bundle, render


@dataclass(frozen=True)
class EdgeProxyArgs:
    """Arguments of `EdgeProxy`.

    ``config`` says what to stand up. ``transform`` maps a child (namespace, worker, version, deployment,
    route, custom_domain) to a function that receives the keyword arguments of its resource class and returns
    those to use.
    """

    config: StackConfig
    transform: Transform = field(default_factory=dict)

    def __post_init__(self) -> None:
        for child in self.transform:
            if child not in CHILDREN:
                raise ConfigError(
                    f"transform: {child!r} is no child of EdgeProxy.", fix=f"one of {', '.join(CHILDREN)}"
                )


@dataclass(frozen=True)
class EdgeProxyNodes:
    """The raw resources, for what the component does not wrap."""

    worker: cloudflare.Worker
    version: cloudflare.WorkerVersion
    deployment: cloudflare.WorkersDeployment
    namespace: cloudflare.WorkersKvNamespace | None
    routes: list[cloudflare.WorkersRoute]
    custom_domain: cloudflare.WorkersCustomDomain | None


class EdgeProxy(pulumi.ComponentResource):
    """One AI proxy: KV namespace, Worker, version, deployment, routes, domain, bindings and secrets.

    ``nodes`` holds the raw resources; ``outputs()`` what the rest of Edgewright reads.
    """

    url: pulumi.Output[str]
    urls: pulumi.Output[list[str]]
    worker: pulumi.Output[str]
    version_id: pulumi.Output[str]
    namespace_id: pulumi.Output[str | None]
    content_hash: pulumi.Output[str]

    def __init__(self, name: str, args: EdgeProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("edgewright:index:EdgeProxy", name, {}, opts)
        self._config = config = args.config
        bundle = render(config)
        child = pulumi.ResourceOptions(parent=self)
        namespace = cache_namespace(name, config, args.transform, child) if config.kv else None
        # A namespace that a live Worker binds may refuse to go: with this order the Worker goes first.
        after = pulumi.ResourceOptions(parent=self, depends_on=[namespace] if namespace else [])
        trio = worker_trio(name, config, bundle, self._bindings(bundle, namespace), args.transform, after)
        # A route to a script that has no deployment yet is refused (API code 10019).
        served = pulumi.ResourceOptions(parent=self, depends_on=[trio.deployment])
        self.nodes = EdgeProxyNodes(
            *trio,
            namespace,
            routing.routes(name, config, trio.worker.name, args.transform, served),
            routing.custom_domain(name, config, trio.worker.name, args.transform, served),
        )
        self._set_outputs(bundle)
        self.register_outputs(self.outputs())

    def _bindings(self, bundle: Bundle, namespace: cloudflare.WorkersKvNamespace | None) -> list[bindings.Binding]:
        config = self._config
        found: list[bindings.Binding] = [
            bindings.PlainText("CONTENT_HASH", bundle.content_hash),
            bindings.VersionMetadata(),
        ]
        if any(upstream.type == "workers-ai" for upstream in config.upstreams.values()):
            found.append(bindings.WorkersAi())
        if namespace is not None:
            found.append(bindings.KvNamespace("CACHE", namespace.id))
        if config.usage.enabled:
            found.append(bindings.Dataset("USAGE", config.dataset))
        if "reports" in config.features:
            found += [
                bindings.PlainText("ACCOUNT_ID", config.account_id),
                bindings.PlainText("API_URL", config.usage.api_url),
            ]
        found += [bindings.DurableObjects(name) for name in config.objects]
        found += [bindings.SecretText(name, text) for name, text in secret_texts(config).items()]
        return found

    def _set_outputs(self, bundle: Bundle) -> None:
        nodes, config = self.nodes, self._config
        found = pulumi.Output.all(nodes.worker.subdomain, nodes.version.urls)
        self.urls = found.apply(lambda known: routing.addresses(config, _url(known[0]), known[1]))
        self.url = self.urls.apply(lambda urls: urls[0] if urls else "")
        self.worker = nodes.worker.name
        # Known only when the deployment is: whoever reads it may call the version that answers.
        self.version_id = pulumi.Output.all(nodes.version.id, nodes.deployment.id).apply(lambda ids: str(ids[0]))
        self.namespace_id = nodes.namespace.id if nodes.namespace else pulumi.Output.from_input(None)
        self.content_hash = pulumi.Output.from_input(bundle.content_hash)

    def outputs(self) -> dict[str, Any]:
        """The stack outputs: the one interface between the deployment and everything after it."""
        config = self._config
        return {
            "url": self.url,
            "urls": self.urls,
            "worker": self.worker,
            "version_id": self.version_id,
            "content_hash": self.content_hash,
            "features": config.features,
            "namespace_id": self.namespace_id,
            "account_id": config.account_id,
            "dataset": config.dataset if config.usage.enabled else None,
            "verify_key": _secret(config.verify_key),
            "other_key": _secret(config.other_key),
            "verify_model": config.verify_model,
            "drill_secret": _secret(config.drill_secret),
        }


def _url(subdomain: Any) -> str | None:
    """The Worker's workers.dev address, where the provider is new enough to tell it."""
    return subdomain.get("url") if isinstance(subdomain, dict) else None


def _secret(value: SecretStr | None) -> pulumi.Output[str] | None:
    return None if value is None else pulumi.Output.secret(value.get_secret_value())
