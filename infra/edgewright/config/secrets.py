"""What a stack's secrets become in the Worker."""

from __future__ import annotations

import json
from collections.abc import Mapping

from edgewright.config.models import StackConfig, each, secret_binding
from edgewright.config.sections import Keys
from edgewright.keys import key_hashes, sealing_keys


def secret_texts(config: StackConfig) -> dict[str, str]:
    """Name of a secret binding -> its text, for what the stack enables (ARCHITECTURE.md section 3)."""
    texts = {secret_binding(upstream): secret.get_secret_value() for upstream, secret in config.upstream_keys.items()}
    features = config.features
    if "auth" in features:
        texts["KEY_HASHES"] = key_hashes(_revealed(config.client_keys))
    if "signatures" in features:
        texts["SIGNING_KEYS"] = json.dumps(_revealed(config.signing_keys), sort_keys=True)
    if "encryption" in features:
        texts["CACHE_KEYS"] = sealing_keys([key.get_secret_value() for key in config.cache_keys])
    if "drills" in features and config.drill_secret:
        texts["DRILL_SECRET"] = config.drill_secret.get_secret_value()
    if "alerts" in features:
        texts["ALERT_SECRETS"] = json.dumps([secret.get_secret_value() for secret in config.alert_secrets])
    if "reports" in features and config.usage_token:
        texts["USAGE_TOKEN"] = config.usage_token.get_secret_value()
    if "telemetry" in features and config.otlp_headers:
        headers = {name: secret.get_secret_value() for name, secret in config.otlp_headers.items()}
        texts["OTLP_HEADERS"] = json.dumps(headers, sort_keys=True)
    return texts


def _revealed(keys: Mapping[str, Keys]) -> dict[str, list[str]]:
    return {name: [secret.get_secret_value() for secret in each(held)] for name, held in keys.items()}
