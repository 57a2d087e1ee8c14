"""The KV namespace behind the answer cache."""

from __future__ import annotations

import pulumi
import pulumi_cloudflare as cloudflare

from edgewright.components.transform import Transform, transformed
from edgewright.config import StackConfig


def cache_namespace(
    name: str, config: StackConfig, transform: Transform, opts: pulumi.ResourceOptions
) -> cloudflare.WorkersKvNamespace:
    """Namespace ``<worker>-cache``; stays on destroy only where ``cache.retain_on_destroy`` says so."""
    args = transformed(
        transform, "namespace", {"account_id": config.account_id, "title": f"{config.worker_name}-cache"}
    )
    keep = pulumi.ResourceOptions(retain_on_delete=config.cache.retain_on_destroy, protect=config.protect)
    return cloudflare.WorkersKvNamespace(f"{name}-cache", **args, opts=pulumi.ResourceOptions.merge(opts, keep))
