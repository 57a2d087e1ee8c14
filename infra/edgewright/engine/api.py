"""A client of Cloudflare's API v4 that retries as the provider's own client does."""

from __future__ import annotations

import email.utils
import os
import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from edgewright.engine.classes import fix_of
from edgewright.errors import ApiError

DEFAULT_URL = "https://api.cloudflare.com/client/v4"
MAX_RETRIES = 10  # the provider's setting (cloudflare-api facts 3)
LOOPBACK_RETRIES = 3  # nothing comes up on this machine by waiting for minutes
RETRIED = frozenset({408, 409, 429})
FIRST_DELAY, LAST_DELAY = 0.5, 8.0  # seconds, as in Cloudflare's Python client


@dataclass
class CloudflareApi:
    """Calls below ``url``; ``writes`` counts the calls that change something."""

    url: str
    token: str
    on_retry: Callable[[str], None] = lambda _message: None
    sleep: Callable[[float], None] = time.sleep
    writes: int = 0
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        # trust_env off: a proxy variable must not carry the token of a loopback API elsewhere.
        self._client = httpx.Client(timeout=60, headers=headers, trust_env=not self.loopback)

    @property
    def loopback(self) -> bool:
        """Whether the API is on this machine."""
        return _on_this_machine(self.url)

    @classmethod
    def from_environment(cls, **options: Any) -> CloudflareApi:
        """The API that ``CLOUDFLARE_BASE_URL`` and ``CLOUDFLARE_API_TOKEN`` name.

        Raises:
            ApiError: there is no token.
        """
        token = os.environ.get("CLOUDFLARE_API_TOKEN", "")
        if not token:
            raise ApiError(
                "CLOUDFLARE_API_TOKEN is not set.", fix="export the token that `edgewright local cloud` prints"
            )
        return cls(os.environ.get("CLOUDFLARE_BASE_URL", DEFAULT_URL).rstrip("/"), token, **options)

    def call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Any:
        """The ``result`` of one call.

        Raises:
            ApiError: the API refused, or did not answer after all retries; carries status and code.
        """
        return self._envelope(method, path, body, params)["result"]

    def get(self, path: str) -> httpx.Response:
        """One GET, as it is answered: not retried, and a refusal is no error.

        Raises:
            httpx.TransportError: nobody answers.
        """
        return self._client.get(self.url + path)

    def page(self, path: str, params: Mapping[str, str]) -> tuple[list[Any], str]:
        """One page of a list that goes on by cursor: its items, and the cursor of the next ("" at the end).

        Raises:
            ApiError: as `call`.
        """
        envelope = self._envelope("GET", path, None, params)
        return envelope["result"] or [], str((envelope.get("result_info") or {}).get("cursor") or "")

    def _envelope(self, method: str, path: str, body: Any, params: Mapping[str, str] | None) -> dict[str, Any]:
        if method != "GET":
            self.writes += 1
        retries = LOOPBACK_RETRIES if self.loopback else MAX_RETRIES
        attempt = 0
        while True:
            outcome = self._try(method, path, body, params)
            if isinstance(outcome, httpx.Response) and outcome.status_code < 400:
                return _envelope_of(method, path, outcome)
            allowed = MAX_RETRIES if isinstance(outcome, httpx.Response) else retries
            if attempt >= allowed or not _retryable(outcome):
                raise _failure(method, f"{self.url}{path}", outcome)
            delay = _delay(outcome, attempt)
            self.on_retry(f"{method} {path}: {_reason(outcome)}, trying again in {delay:.1f} s")
            self.sleep(delay)
            attempt += 1

    def _try(self, method: str, path: str, body: Any, params: Mapping[str, str] | None) -> httpx.Response | Exception:
        try:
            return self._client.request(method, self.url + path, json=body, params=params)
        except httpx.TransportError as error:
            return error


def _on_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _envelope_of(method: str, path: str, response: httpx.Response) -> dict[str, Any]:
    try:
        envelope = response.json()
        if isinstance(envelope, dict) and "result" in envelope:
            return envelope
    except ValueError:
        pass
    raise ApiError(
        f"{method} {path}: the answer is not Cloudflare's envelope.",
        status=response.status_code,
        fix="check CLOUDFLARE_BASE_URL; it ends in /client/v4",
    )


def _retryable(outcome: httpx.Response | Exception) -> bool:
    if isinstance(outcome, Exception):
        cause = outcome.__cause__ and outcome.__cause__.__cause__
        # A name that is not known now is not known in a second.
        return not (isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME)
    said = outcome.headers.get("x-should-retry")
    if said in ("true", "false"):
        return bool(said == "true")
    return outcome.status_code in RETRIED or outcome.status_code >= 500


def _delay(outcome: httpx.Response | Exception, attempt: int) -> float:
    """Seconds: ``Retry-After-Ms``, ``Retry-After`` (seconds or a date), else doubling less up to 25 % jitter."""
    headers = outcome.headers if isinstance(outcome, httpx.Response) else {}
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" in headers:
            return max(0.0, _retry_after(headers["retry-after"]))
    except ValueError:
        pass
    return float(min(FIRST_DELAY * 2**attempt, LAST_DELAY) * (1 - random.random() / 4))


def _retry_after(value: str) -> float:
    if value.strip().isdigit():
        return float(value)
    return email.utils.parsedate_to_datetime(value).timestamp() - time.time()


def _errors(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        errors = response.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return []
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _reason(outcome: httpx.Response | Exception) -> str:
    if isinstance(outcome, Exception):
        return f"no answer ({outcome or type(outcome).__name__})"
    errors = _errors(outcome)
    said = f", {errors[0].get('code')}: {errors[0].get('message')}" if errors else ""
    return f"{outcome.status_code}{said}"


_FIXES = {
    401: "check CLOUDFLARE_API_TOKEN",
    403: "give the token the permission it lacks; `edgewright token` says which",
    429: "wait some minutes; the API allows 1,200 calls in five",
}


def _failure(method: str, url: str, outcome: httpx.Response | Exception) -> ApiError:
    if isinstance(outcome, Exception):
        away = "check the network, and CLOUDFLARE_BASE_URL if it is set"
        fix = "start the local cloud: edgewright local cloud" if _on_this_machine(url) else away
        return ApiError(f"{method} {url}: {_reason(outcome)}", fix=fix)
    errors = _errors(outcome)
    code = errors[0].get("code") if errors else None
    return ApiError(
        f"{method} {url}: Cloudflare's API answered {_reason(outcome)}",
        status=outcome.status_code,
        code=code if isinstance(code, int) else None,
        fix=(fix_of(errors[0]) if errors else None) or _FIXES.get(outcome.status_code),
    )
