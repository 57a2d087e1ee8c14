"""Key material: client keys, their keyed hashes, and the secrets that a ``local`` stack makes for itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewright.errors import EngineError


def new_client_key() -> str:
    """A client key: ``sk-edge-`` and 32 random bytes as 43 base64url characters."""
    return "sk-edge-" + secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """What messages are signed with: ``whsec_`` and the base64 of 32 random bytes (Standard Webhooks 1.0.0)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def key_hashes(client_keys: Mapping[str, Sequence[str]]) -> str:
    """JSON for the Worker's secret ``KEY_HASHES``, of each name's keys; the keys themselves are not in it.

    ``{"pepper": hex, "keys": {hex HMAC-SHA-256(pepper, key): name}}``. The pepper is derived from all keys
    together, so it is as secret as they are, stable between runs, and nothing more has to be kept.
    """
    every = sorted(key for keys in client_keys.values() for key in keys)
    pepper = hashlib.sha256(b"edgewright pepper\n" + "\n".join(every).encode()).digest()
    hashed = {
        hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest(): name
        for name, keys in sorted(client_keys.items())
        for key in keys
    }
    return json.dumps({"pepper": pepper.hex(), "keys": hashed}, sort_keys=True, separators=(",", ":"))


def sealing_keys(keys: Sequence[str]) -> str:
    """JSON for the Worker's secret ``CACHE_KEYS``: ``[{"id": hex, "key": hex}]``; the id tells nothing of the key."""
    named = [{"id": hashlib.sha256(bytes.fromhex(key)).hexdigest()[:8], "key": key} for key in keys]
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


class LocalSecrets:
    """Secrets of a ``local`` stack, made on first use and kept in one file that only the owner can read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secrets.json"

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What ``values`` ask for: client and signing keys for the names in ``auth.keys``, cache keys, secrets of
        drills and alerts.

        Raises:
            EngineError: the file is there but cannot be read as JSON.
        """
        auth, cache = _mapping(values.get("auth")), _mapping(values.get("cache"))
        names = [str(name) for name in _mapping(auth.get("keys"))]
        signing = names if auth.get("signed_requests") is True else []
        kept = self._read()
        before = json.dumps(kept, sort_keys=True)
        for kind, wanted in (("client_keys", names), ("signing_keys", signing)):
            held = kept.setdefault(kind, {})
            for name in wanted:
                held.setdefault(name, new_client_key())
        kept.setdefault("drill_secret", secrets.token_hex(32))
        kept.setdefault("cache_keys", [secrets.token_hex(32)])
        kept.setdefault("alert_secrets", [new_webhook_secret()])
        if json.dumps(kept, sort_keys=True) != before:
            self._write(kept)
        return {
            "client_keys": {name: kept["client_keys"][name] for name in names},
            "signing_keys": {name: kept["signing_keys"][name] for name in signing},
            "cache_keys": kept["cache_keys"] if cache.get("encryption") is True else [],
            "alert_secrets": kept["alert_secrets"],
            "drill_secret": kept["drill_secret"],
        }

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.path.read_text("utf8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise EngineError(
                f"{self.path}: cannot be read: {error}", fix="delete it; new local keys are made"
            ) from None
        forms = {
            "client_keys": dict,
            "signing_keys": dict,
            "cache_keys": list,
            "alert_secrets": list,
            "drill_secret": str,
        }
        fits = isinstance(kept, dict) and all(isinstance(held, forms.get(key, ())) for key, held in kept.items())
        if not fits:
            raise EngineError(
                f"{self.path}: does not hold a stack's secrets.", fix="delete it; new local keys are made"
            )
        return dict(kept)

    def _write(self, kept: dict[str, Any]) -> None:
        write_private(self.path, json.dumps(kept, indent=2, sort_keys=True))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that a crash leaves the old file or the new one, readable by the owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
