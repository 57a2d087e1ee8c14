"""The rules as policies of Pulumi: names, descriptions, and the settings that ``--policy-pack-config`` may give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from edgewright_policy import rules
from edgewright_policy.resources import Resource

Rule = Callable[[Resource, rules.Settings], Iterator[str]]

_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_STACKS: dict[str, Any] = {**_NAMES, "default": list(rules.PRODUCTION)}


def _seconds(default: int) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "default": default}


def seen(args: ResourceValidationArgs) -> Resource:
    """The resource of a validation as rules see it; the stack is the first part of its URN."""
    stack = args.urn.removeprefix("urn:pulumi:").split("::")[0]
    return Resource(args.resource_type.rsplit(":", 1)[-1], args.props, stack, bool(args.opts.protect))


def _policy(rule: Rule, **settings: dict[str, Any]) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith("cloudflare:"):
            for message in rule(seen(args), args.get_config()):
                report(message, None)

    return ResourceValidationPolicy(
        rule.__name__.replace("_", "-"),
        (rule.__doc__ or "").split("\n")[0].replace("``", "`"),
        validate,
        config_schema=PolicyConfigSchema(settings) if settings else None,
    )


POLICIES: list[Policy] = [
    _policy(rules.no_plain_secret),
    _policy(rules.auth_in_production, stacks=_STACKS),
    _policy(
        rules.cache_ttl,
        min_seconds=_seconds(rules.MIN_TTL_SECONDS),
        max_seconds=_seconds(rules.MAX_TTL_SECONDS),
    ),
    _policy(rules.observability_on),
    _policy(rules.no_wildcard_route, allowed=_NAMES),
    _policy(rules.data_protected, stacks=_STACKS, deletable=_NAMES),
    _policy(rules.production_named, stacks=_STACKS),
]
