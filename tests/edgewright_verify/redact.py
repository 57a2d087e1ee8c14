"""Keeps secrets out of everything that is written down."""

from __future__ import annotations

import base64
import json
import re
from typing import TypeVar
from urllib.parse import quote

from edgewright_verify.settings import ENVIRONMENT, Settings

T = TypeVar("T")

SIGNATURE = re.compile(r"(sig=)[0-9a-fA-F]{16,}")
HIDDEN_HEADERS = frozenset({"set-cookie", "cookie", "proxy-authorization", "authorization", "x-api-key"})


class Redactor:
    """Replaces each secret, in the forms it may travel in, by the name of the variable that holds it."""

    def __init__(self, settings: Settings) -> None:
        self._forms: list[tuple[str, str]] = []
        for name in ("key", "other_key", "drill_secret"):
            secret = getattr(settings, name)
            if secret:
                self._forms += [(form, f"${ENVIRONMENT[name]}") for form in _forms_of(secret)]
        self._forms.sort(key=lambda pair: -len(pair[0]))  # the longest first: a form may hold another

    def text(self, text: str) -> str:
        """The text without secrets and without drill signatures."""
        for form, name in self._forms:
            text = text.replace(form, name)
        return SIGNATURE.sub(r"\1<signature>", text)

    def headers(self, headers: dict[str, str], keep: frozenset[str] = frozenset()) -> dict[str, str]:
        """Headers fit to be shown: secrets by name, and no value of those in ``HIDDEN_HEADERS`` minus ``keep``."""
        hidden = HIDDEN_HEADERS - keep
        return {name: "<hidden>" if name.lower() in hidden else self.text(value) for name, value in headers.items()}

    def tree(self, value: T) -> T:
        """The same for every string inside dicts, lists and tuples."""
        if isinstance(value, str):
            return self.text(value)  # type: ignore[return-value]
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}  # type: ignore[return-value]
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]  # type: ignore[return-value]
        return value


def _forms_of(secret: str) -> set[str]:
    encoded = secret.encode("utf-8", "surrogateescape")
    # A probe sends the key with another last letter, so most of it would show in the evidence.
    stem = {secret[:-1]} if len(secret) > 8 else set()
    return stem | {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode(),
    }
