"""The preview environments of an account, by the marks on their Workers: any machine with the token sees the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from edgewright.engine.api import CloudflareApi
from edgewright.engine.resources import listed, namespace_by_title, worker_by_name
from edgewright.errors import ApiError, ConfigError
from edgewright.lifecycle.preview_stack import LABEL, Mark, mark_of


@dataclass(frozen=True)
class Preview:
    """One preview's Worker in the account."""

    id: str
    worker: str
    mark: Mark

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.mark.expires <= now


class Previews:
    """The previews of one account. Several may reap at once: what another has removed is no error."""

    def __init__(self, api: CloudflareApi, account_id: str) -> None:
        self._api = api
        self._account = account_id
        self._workers = f"/accounts/{account_id}/workers/workers"
        self._namespaces = f"/accounts/{account_id}/storage/kv/namespaces"

    def all(self) -> list[Preview]:
        """By name; a Worker without our mark is none of them.

        Raises:
            ApiError: the API refused.
        """
        return sorted(
            filter(None, map(_preview, listed(self._api, self._workers))),
            key=lambda each: (each.mark.name, each.worker),
        )

    def check_free(self, worker: str, name: str) -> None:
        """Whether the preview ``name`` may deploy to the Worker of that name: it is there as that preview, or not.

        Raises:
            ConfigError: the Worker is somebody else's.
        """
        found = worker_by_name(self._api, {"accountId": self._account, "name": worker})
        if found is not None and not _is(found, name):
            raise ConfigError(
                f"--name: there is a Worker {worker}, and it is not the preview {name!r}.", fix="use another name"
            )

    def delete(self, worker: str, name: str) -> bool:
        """Remove one preview, expired or not; whether anything of it was there.

        Raises:
            ConfigError: the Worker is not that preview.
        """
        self.check_free(worker, name)
        found = worker_by_name(self._api, {"accountId": self._account, "name": worker})
        return self._remove(found["id"] if found else None, worker)

    def reap(self, now: datetime) -> Iterator[Preview]:
        """Remove the expired ones; each that this call removed, as soon as it is.

        Raises:
            ApiError: the API refused; the next call goes on.
        """
        for each in self.all():
            if each.expired(now) and self._still(each, now) and self._remove(each.id, each.worker):
                yield each

    def there(self, worker: str) -> bool:
        """Whether a Worker of that name is there: another machine may have made the preview anew."""
        return worker_by_name(self._api, {"accountId": self._account, "name": worker}) is not None

    def left(self, form: str) -> list[str]:
        """Names whose namespace is there without a Worker: ``form`` is a Worker's name with ``*`` for the preview's.

        A tool that was killed left them, or another stack that retains its cache did: so they are told, not removed.
        """
        before, after = form.split("*")
        pattern = re.compile(re.escape(before) + f"({LABEL.pattern})" + re.escape(f"{after}-cache"))
        titles = sorted(namespace["title"] for namespace in listed(self._api, self._namespaces))
        named = [found[1] for found in map(pattern.fullmatch, titles) if found]
        return [name for name in named if not self.there(form.replace("*", name))]

    def _still(self, seen: Preview, now: datetime) -> bool:
        """Looked at again just before: meanwhile it may have been prolonged, or removed."""
        try:
            found = _preview(self._api.call("GET", f"{self._workers}/{quote(seen.id, safe='')}"))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return found is not None and found.expired(now)

    def _remove(self, identifier: str | None, worker: str) -> bool:
        """Worker (with its versions and objects), then its KV namespace, which a live Worker holds back.

        The namespace is looked up before: one that is made meanwhile under the same title is another's. So is one that
        a Worker uses which has been made anew meanwhile.
        """
        namespace = namespace_by_title(self._api, {"accountId": self._account, "title": f"{worker}-cache"})
        removed = identifier is not None and self._deleted(f"{self._workers}/{quote(identifier, safe='')}")
        if namespace is not None and not self.there(worker):
            removed |= self._deleted(f"{self._namespaces}/{quote(namespace['id'], safe='')}")
        return removed

    def _deleted(self, path: str) -> bool:
        try:
            self._api.call("DELETE", path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def _preview(worker: dict[str, Any]) -> Preview | None:
    mark = mark_of(worker.get("tags") or [])
    return None if mark is None else Preview(worker["id"], worker["name"], mark)


def _is(worker: dict[str, Any], name: str) -> bool:
    found = _preview(worker)
    return found is not None and found.mark.name == name
