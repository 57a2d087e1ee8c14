"""What tests and people may do to the local cloud besides Cloudflare's API: look, disturb, reset."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from edgewright.localcloud.envelope import ApiFault, as_json
from edgewright.localcloud.router import Fault, authenticate

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

PREFIX = "/control/"
_MODES = ("ok", "fail", "slow")


class Control:
    """Answers below ``/control``, with the same token as the API."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._actions: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("POST", "reset"): lambda _: cloud.reset(),
            ("GET", "state"): lambda _: self._state(),
            ("GET", "model-calls"): lambda _: cloud.dataplane.calls,
            ("DELETE", "model-calls"): lambda _: cloud.dataplane.calls.clear(),
            ("GET", "requests"): lambda _: cloud.router.log,
            ("DELETE", "requests"): lambda _: cloud.router.log.clear(),
            ("POST", "faults"): lambda body: cloud.router.faults.append(Fault(**body)),
            ("DELETE", "faults"): lambda _: cloud.router.faults.clear(),
            ("POST", "clock"): self._clock,
            ("POST", "kv"): self._kv,
            ("POST", "pace"): self._pace,
        }

    def handle(self, raw: Request) -> Response:
        """Answer one call."""
        try:
            authenticate(self._cloud.token, raw.headers)
            action = self._actions.get((raw.method, raw.path.removeprefix(PREFIX)))
            if action is None:
                known = ", ".join(f"{method} {name}" for method, name in self._actions)
                return as_json({"error": f"there is no {raw.method} {raw.path}; there are {known}"}, 404)
            return as_json(action(json.loads(raw.get_data() or b"{}")), 200)
        except ApiFault as fault:
            return fault.response()
        except (ValueError, TypeError, KeyError) as error:
            return as_json({"error": f"{type(error).__name__}: {error}"}, 400)

    def _state(self) -> dict[str, Any]:
        account = self._cloud.account
        return {
            "kv_namespaces": list(account["namespaces"].values()),
            "workers": [worker["name"] for worker in account["workers"].values()],
            "versions": list(account["versions"]),
            "deployments": list(account["deployments"].values()),
            "routes": list(account["routes"].values()),
            "domains": list(account["domains"].values()),
            "unrouted": self._cloud.router.unrouted,
            "points": len(self._cloud.dataplane.points),
        }

    def _clock(self, body: dict[str, Any]) -> dict[str, float]:
        self._cloud.account.clock_offset += float(body["advance_seconds"])
        return {"now": self._cloud.account.now()}

    def _kv(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["mode"] not in _MODES:
            raise ValueError(f"mode is one of {', '.join(_MODES)}")
        self._cloud.dataplane.kv_mode = {"mode": body["mode"], "latency_ms": float(body.get("latency_ms", 0))}
        return self._cloud.dataplane.kv_mode

    def _pace(self, body: dict[str, Any]) -> dict[str, float]:
        pace = self._cloud.dataplane.pace
        pace.update({name: float(value) for name, value in body.items() if name in pace})
        return pace
