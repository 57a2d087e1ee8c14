"""Key material: client keys, their keyed hashes, and the secrets that a ``local`` stack makes for itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewright.errors import EngineError


def new_client_key() -> str:
    """A client key: ``sk-edge-`` and 32 random bytes as 43 base64url characters."""
    return "sk-edge-" + secrets.token_urlsafe(32)


def key_hashes(client_keys: Mapping[str, str]) -> str:
    """JSON for the Worker's secret ``KEY_HASHES``; the keys themselves are not in it.

    ``{"pepper": hex, "keys": {hex HMAC-SHA-256(pepper, key): name}}``. The pepper is derived from all keys
    together, so it is as secret as they are, stable between runs, and nothing more has to be kept.
    """
    pepper = hashlib.sha256(b"edgewright pepper\n" + "\n".join(sorted(client_keys.values())).encode()).digest()
    hashed = {
        hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest(): name for name, key in sorted(client_keys.items())
    }
    return json.dumps({"pepper": pepper.hex(), "keys": hashed}, sort_keys=True, separators=(",", ":"))


class LocalSecrets:
    """Secrets of a ``local`` stack, made on first use and kept in one file that only the owner can read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secrets.json"

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``client_keys`` for every name in ``auth.keys`` and a ``drill_secret``.

        Raises:
            EngineError: the file is there but cannot be read as JSON.
        """
        auth = values.get("auth")
        names = auth.get("keys") if isinstance(auth, Mapping) else None
        kept = self._read()
        keys = kept.setdefault("client_keys", {})
        before = json.dumps(kept, sort_keys=True)
        for name in names if isinstance(names, Mapping) else ():
            keys.setdefault(str(name), new_client_key())
        kept.setdefault("drill_secret", secrets.token_hex(32))
        if json.dumps(kept, sort_keys=True) != before:
            self._write(kept)
        wanted = {name: keys[name] for name in keys if isinstance(names, Mapping) and name in names}
        return {"client_keys": wanted, "drill_secret": kept["drill_secret"]}

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.path.read_text("utf8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise EngineError(
                f"{self.path}: cannot be read: {error}", fix="delete it; new local keys are made"
            ) from None
        keys = kept.get("client_keys", {}) if isinstance(kept, dict) else None
        if not isinstance(keys, dict) or not set(kept) <= {"client_keys", "drill_secret"}:
            raise EngineError(
                f"{self.path}: does not hold a stack's secrets.", fix="delete it; new local keys are made"
            )
        return dict(kept)

    def _write(self, kept: dict[str, Any]) -> None:
        write_private(self.path, json.dumps(kept, indent=2, sort_keys=True))


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
