"""The Worker script: its shell, one version of its code, and the deployment that serves it.

This trio and not ``WorkersScript``: it takes ES modules as they are, splits traffic between versions, and
declares Durable Object classes idempotently, where the other re-sends migrations with every change.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

import pulumi
import pulumi_cloudflare as cloudflare

from edgewright.components.bindings import Binding, in_api_order
from edgewright.components.transform import Transform, transformed
from edgewright.config import StackConfig
from edgewright.rendering import Bundle

MODULE_TYPE = "application/javascript+module"


class WorkerTrio(NamedTuple):
    """The three resources behind one script name."""

    worker: cloudflare.Worker
    version: cloudflare.WorkerVersion
    deployment: cloudflare.WorkersDeployment


def worker_trio(
    name: str,
    config: StackConfig,
    bundle: Bundle,
    bindings: list[Binding],
    transform: Transform,
    opts: pulumi.ResourceOptions,
) -> WorkerTrio:
    """Worker, version and a deployment that gives the version all traffic, or the one that the configuration holds."""
    # With the Worker go its Durable Objects and all that they hold.
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=config.protect))
    worker = cloudflare.Worker(f"{name}-worker", **transformed(transform, "worker", _worker(config)), opts=kept)
    version_args = {
        "account_id": config.account_id,
        "worker_id": worker.id,
        "main_module": bundle.main,
        "modules": _modules(bundle),
        "bindings": in_api_order(bindings),
        "compatibility_date": config.compatibility_date,
        # Without it a Worker never learns that its caller has left, and the model goes on to be paid.
        "compatibility_flags": ["enable_request_signal"],
        "exports": _exports(config),
        "usage_model": "standard",
        "annotations": cloudflare.WorkerVersionAnnotationsArgs(
            workers_message=f"edgewright {bundle.content_hash}", workers_tag=bundle.content_hash[:16]
        ),
    }
    child = pulumi.ResourceOptions(parent=opts.parent)
    version = cloudflare.WorkerVersion(f"{name}-version", **transformed(transform, "version", version_args), opts=child)
    deployment_args = {
        "account_id": config.account_id,
        "script_name": worker.name,
        "strategy": "percentage",
        "versions": [cloudflare.WorkersDeploymentVersionArgs(percentage=100, version_id=config.hold or version.id)],
    }
    deployment = cloudflare.WorkersDeployment(
        f"{name}-deployment", **transformed(transform, "deployment", deployment_args), opts=child
    )
    return WorkerTrio(worker, version, deployment)


def _worker(config: StackConfig) -> dict[str, object]:
    return {
        "account_id": config.account_id,
        "name": config.worker_name,
        "subdomain": cloudflare.WorkerSubdomainArgs(enabled=config.workers_dev, previews_enabled=config.workers_dev),
        "observability": cloudflare.WorkerObservabilityArgs(
            enabled=config.observability.enabled,
            head_sampling_rate=config.observability.head_sampling_rate,
        ),
    }


def _exports(config: StackConfig) -> dict[str, cloudflare.WorkerVersionExportsArgs] | None:
    """The Durable Object classes by name: those in use, and those to be deleted with all they hold.

    Declared and not migrated: sent with every version it changes nothing (cloudflare-api facts 5).
    """
    kind = cloudflare.WorkerVersionExportsArgs
    made = {name: kind(type="durable-object", storage="sqlite") for name in config.objects}
    made |= {name: kind(type="durable-object", state="deleted") for name in config.deleted_objects}
    return made or None


def _modules(bundle: Bundle) -> list[cloudflare.WorkerVersionModuleArgs]:
    return [
        cloudflare.WorkerVersionModuleArgs(
            name=module.name,
            content_type=MODULE_TYPE,
            content_base64=base64.b64encode(module.source.encode()).decode(),
        )
        for module in bundle.modules
    ]
