"""The one account of the local cloud, and everything it holds."""

from __future__ import annotations

import secrets
import string
import uuid

from edgewright.localcloud.clock import Clock
from edgewright.localcloud.storage import Collection, Database

ACCOUNT_ID = "ed9e0000000000000000000000000001"
ACCOUNT_NAME = "Edgewright local"
ACCOUNT_EMAIL = "local@edgewright.test"
ACCOUNT_SUBDOMAIN = "edgewright"
ZONE_ID = "ed9e0000000000000000000000000002"
ZONE_NAME = "edgewright.test"

TOKEN_LENGTH = 40  # the provider refuses a shorter one before it sends anything (cloudflare-api facts 2)
KEY_LENGTH = 37
_TOKEN_SIGNS = string.ascii_letters + string.digits + "_-"


def new_id() -> str:
    """32 lower-case hex digits, as accounts, zones, namespaces, workers and routes have."""
    return uuid.uuid4().hex


def new_uuid() -> str:
    """With dashes, as versions and deployments have."""
    return str(uuid.uuid4())


def new_token() -> str:
    """A random API token of 40 characters."""
    return "".join(secrets.choice(_TOKEN_SIGNS) for _ in range(TOKEN_LENGTH))


class Account:
    """Credentials, clock and collections. ``url`` is where deployed Workers answer; the server sets it."""

    def __init__(self, database: Database, token: str | None = None) -> None:
        self.database = database
        self.clock = Clock()
        self.url = ""
        self.settings = Collection(database, "setting")
        self.namespaces = Collection(database, "namespace")
        self.workers = Collection(database, "worker")
        self.versions = Collection(database, "version")
        self.modules = Collection(database, "modules")
        self.deployments = Collection(database, "deployment")
        self.objects = Collection(database, "object_namespace")
        self.routes = Collection(database, "route")
        self.domains = Collection(database, "domain")
        self.records = Collection(database, "dns_record")
        self.token = token or self._kept("token", new_token())
        self.api_key = self._kept("api_key", secrets.token_hex(KEY_LENGTH)[:KEY_LENGTH])
        self._keep_credentials()

    @property
    def subdomain(self) -> str:
        """The account's part of ``<worker>.<subdomain>.workers.dev``."""
        return self._kept("subdomain", ACCOUNT_SUBDOMAIN)

    @subdomain.setter
    def subdomain(self, value: str) -> None:
        self.settings.put("subdomain", {"value": value})

    @property
    def permissions(self) -> list[str] | None:
        """The permission groups that the token has; None: all."""
        kept = self.settings.get("permissions")
        return list(kept["value"]) if kept else None

    @permissions.setter
    def permissions(self, value: list[str] | None) -> None:
        if value is None:
            self.settings.delete("permissions")
        else:
            self.settings.put("permissions", {"value": value})

    def reset(self) -> None:
        """Forget everything but the credentials."""
        self.database.clear()
        self.clock.reset()
        self._keep_credentials()

    def _kept(self, name: str, default: str) -> str:
        kept = self.settings.get(name)
        return str(kept["value"]) if kept else default

    def _keep_credentials(self) -> None:
        self.settings.put("token", {"value": self.token})
        self.settings.put("api_key", {"value": self.api_key})
