"""Raw values -> ``StackConfig``: environment profile, secrets from the environment, every finding at once."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr, ValidationError

from edgewright.config import plain, rules
from edgewright.config.findings import describe, repair
from edgewright.config.models import StackConfig, secret_binding
from edgewright.config.sections import Environment
from edgewright.config.stack_file import PROJECT, StackFile
from edgewright.errors import ConfigError
from edgewright.keys import LocalSecrets

# Defaults that differ by environment; a stack file overrides them.
PROFILES: dict[str, dict[str, Any]] = {
    "local": {},
    "dev": {},
    "staging": {},
    "prod": {"workers_dev": False, "protect": True, "observability": {"head_sampling_rate": 0.1}},
}


def from_values(values: Mapping[str, Any], *, source: str, secrets: LocalSecrets | None = None) -> StackConfig:
    """Validate ``values`` (keys as in a stack file, without the project's prefix).

    ``secrets`` makes up what a ``local`` stack leaves out. ``source`` names the file in messages.

    Raises:
        ConfigError: with every finding; each names key, value, rule and fix.
    """
    unfit = plain.check(values)
    if unfit:
        raise _refused(source, unfit)
    merged = _merge(PROFILES.get(str(values.get("environment")), {}), values)
    merged = _merge(merged, _secrets_from_environment(merged))
    if secrets is not None and merged.get("environment") == "local":
        merged = _merge(secrets.fill(merged) | _local_api(), merged)
    try:
        config = StackConfig.model_validate(merged)
    except ValidationError as error:
        shape = error.errors(include_url=False)
        repaired = _validated(repair(merged, shape))
        found = [describe(item) for item in shape] + (rules.check(repaired) if repaired else [])
        raise _refused(source, found) from None
    findings = rules.check(config)
    if findings:
        raise _refused(source, findings)
    return config


def from_stack_file(file: StackFile, *, secrets: LocalSecrets | None = None) -> StackConfig:
    """The configuration of a stack without the Pulumi CLI; encrypted secrets are taken as present.

    Raises:
        ConfigError: see `from_values`.
    """
    values = _merge(stand_ins(file.values, file.encrypted), file.values)
    return from_values(values, source=str(file.path), secrets=secrets)


def from_pulumi(config: Mapping[str, str], *, stack: str, secrets: LocalSecrets | None = None) -> StackConfig:
    """The configuration inside a Pulumi program: ``config`` maps full keys to strings, objects as JSON.

    Raises:
        ConfigError: see `from_values`.
    """
    prefix = f"{PROJECT}:"
    values = {
        key[len(prefix) :]: _decode(key[len(prefix) :], text) for key, text in config.items() if key.startswith(prefix)
    }
    return from_values(values, source=f"Pulumi.{stack}.yaml", secrets=secrets)


def _validated(values: dict[str, Any]) -> StackConfig | None:
    try:
        return StackConfig.model_validate(values)
    except ValidationError:
        return None


def _decode(key: str, text: Any) -> Any:
    field = StackConfig.model_fields.get(key)
    if field is None or field.annotation in (str, str | None, SecretStr | None, Environment):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def stand_ins(given: Mapping[str, Any], unknown: Collection[str]) -> dict[str, Any]:
    """Placeholders of the right form for the ``unknown`` secrets of a stack, so that the rest can be checked."""
    held = "sk-edge-" + "0" * 43
    values: dict[str, Any] = {}
    auth = given.get("auth")
    names = _keys(auth.get("keys") if isinstance(auth, Mapping) else None)
    for key in ("client_keys", "signing_keys"):
        if key in unknown:
            values[key] = {name: f"{held[:-4]}{index:04d}" for index, name in enumerate(sorted(names))}
    if "cache_keys" in unknown:
        values["cache_keys"] = ["0" * 64]
    if "alert_secrets" in unknown:
        values["alert_secrets"] = ["whsec_" + "0" * 44]
    if "upstream_keys" in unknown:
        values["upstream_keys"] = dict.fromkeys(_keys(given.get("upstreams")), held)
    if "drill_secret" in unknown:
        values["drill_secret"] = held
    if "usage_token" in unknown:
        values["usage_token"] = held
    if "otlp_headers" in unknown:
        values["otlp_headers"] = {"authorization": held}
    return values


def _secrets_from_environment(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _keys(values.get("upstreams")):
        if key := os.environ.get(f"EDGEWRIGHT_{secret_binding(name)}"):
            found.setdefault("upstream_keys", {})[name] = key
    auth = values.get("auth")
    for name in _keys(auth.get("keys") if isinstance(auth, Mapping) else None):
        for kind in ("client", "signing"):
            if key := os.environ.get(f"EDGEWRIGHT_{kind.upper()}_KEY_{name.upper().replace('-', '_')}"):
                found.setdefault(f"{kind}_keys", {})[name] = key.split(",") if "," in key else key
    if keys := os.environ.get("EDGEWRIGHT_CACHE_KEYS"):
        found["cache_keys"] = keys.split(",")
    if held := os.environ.get("EDGEWRIGHT_ALERT_SECRETS"):
        found["alert_secrets"] = held.split(",")
    if secret := os.environ.get("EDGEWRIGHT_DRILL_SECRET"):
        found["drill_secret"] = secret
    if token := os.environ.get("EDGEWRIGHT_USAGE_TOKEN"):
        found["usage_token"] = token
    if headers := os.environ.get("EDGEWRIGHT_OTLP_HEADERS"):
        found["otlp_headers"] = _headers(headers)
    return found


def _headers(text: str) -> dict[str, str]:
    """``name=value,name=value``, values percent-encoded: as in OTEL_EXPORTER_OTLP_HEADERS."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


def _local_api() -> dict[str, Any]:
    """Where a ``local`` stack reports its usage from: the API that it is deployed to."""
    url = os.environ.get("CLOUDFLARE_BASE_URL")
    token = os.environ.get("CLOUDFLARE_API_TOKEN", "of the local cloud")
    return {"usage_token": token, "usage": {"api_url": url.rstrip("/")} if url else {}}


def _keys(value: Any) -> list[str]:
    return [str(key) for key in value] if isinstance(value, Mapping) else []


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on ``base``; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _refused(source: str, findings: list[str]) -> ConfigError:
    count = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
    return ConfigError(f"{source}: {count}", findings=tuple(f"  - {finding}" for finding in findings))
