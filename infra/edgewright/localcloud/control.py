"""``/control``: what tests may do to the cloud that no API offers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from werkzeug import Request, Response

from edgewright.localcloud.account import Account
from edgewright.localcloud.auth import check_credentials
from edgewright.localcloud.dataplane.analytics import AnalyticsSink
from edgewright.localcloud.dataplane.kv import KvService
from edgewright.localcloud.envelope import JSON, EnvelopeError
from edgewright.localcloud.errors import ControlError, bad_control
from edgewright.localcloud.faults import Fault, Faults
from edgewright.localcloud.models.scripted import ScriptedModels
from edgewright.localcloud.permissions import GROUPS
from edgewright.localcloud.recorder import Recorder
from edgewright.localcloud.runtime.supervisor import Runtime
from edgewright.localcloud.services.workers.live import live_plan
from edgewright.localcloud.storage import POINT_COLUMNS

_SLOW_MS = 200.0  # latency of a slow KV unless said otherwise
_LONGEST_MS = 600_000.0
_MOST_SAMPLED = 100_000


class Control:
    """The parts of the cloud that a test may touch, and the calls that touch them."""

    def __init__(
        self, account: Account, runtime: Runtime, models: ScriptedModels, kv: KvService, points: AnalyticsSink
    ) -> None:
        self._account = account
        self._kv = kv
        self._points = points
        self.runtime = runtime
        self.models = models
        self.recorder = Recorder()
        self.faults = Faults()
        self._calls: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("POST", "/reset"): lambda _body: self.reset(),
            ("GET", "/model-calls"): lambda _body: self.models.calls.entries(),
            ("DELETE", "/model-calls"): lambda _body: self.models.calls.clear(),
            ("GET", "/requests"): lambda _body: self.recorder.entries(),
            ("DELETE", "/requests"): lambda _body: self.recorder.clear(),
            ("POST", "/faults"): lambda body: self.faults.add(Fault.parse(body)),
            ("DELETE", "/faults"): lambda _body: self.faults.clear(),
            ("POST", "/clock"): self._advance,
            ("POST", "/kv"): self._set_kv,
            ("POST", "/pace"): self._set_pace,
            ("POST", "/analytics"): self._set_analytics,
            ("POST", "/token"): self._set_token,
            ("GET", "/points"): lambda _body: self._kept_points(),
            ("DELETE", "/points"): lambda _body: self._account.database.run("delete from data_points"),
            ("GET", "/state"): lambda _body: self._state(),
        }

    def answer(self, request: Request, path: str) -> Response:
        """JSON: the result, or ``{"error"}`` with 400, 401 or 404."""
        try:
            check_credentials(request, self._account)
        except EnvelopeError as failure:
            return _json({"error": str(failure)}, 401)
        call = self._calls.get((request.method, path))
        if call is None:
            known = ", ".join(sorted(f"{method} {name}" for method, name in self._calls))
            return _json({"error": f"no control call {request.method} {path}; there are {known}"}, 404)
        try:
            return _json(call(_body_of(request)), 200)
        except ControlError as failure:
            return _json({"error": str(failure)}, 400)

    def reset(self) -> None:
        """Everything as at the start, but credentials and ports."""
        namespaces = [doc["id"] for doc in self._account.objects.all()]
        self._account.reset()
        self.models.reset()
        self.recorder.clear()
        self.faults.clear()
        self._kv.mode, self._kv.latency = "ok", 0.0
        self._points.sample(1)
        self.runtime.apply(live_plan(self._account))
        self.runtime.forget(namespaces)

    def _advance(self, body: dict[str, Any]) -> dict[str, float]:
        self._account.clock.advance(_number(body, "advance_seconds", 0, float("inf")))
        return {"now": self._account.clock.now()}

    def _set_kv(self, body: dict[str, Any]) -> None:
        mode = body.get("mode")
        if mode not in ("ok", "fail", "slow"):
            raise bad_control("mode", mode, "use ok, fail or slow")
        latency = _number({"latency_ms": _SLOW_MS, **body}, "latency_ms", 0, _LONGEST_MS)
        self._kv.mode, self._kv.latency = mode, latency / 1000

    def _set_pace(self, body: dict[str, Any]) -> dict[str, float]:
        given = {name: _number(body, name, 0, _LONGEST_MS) for name in ("first_token_ms", "token_ms") if name in body}
        self.models.pace = replace(self.models.pace, **given)
        return {"first_token_ms": self.models.pace.first_token_ms, "token_ms": self.models.pace.token_ms}

    def _set_analytics(self, body: dict[str, Any]) -> dict[str, int]:
        self._points.sample(int(_number(body, "sample_interval", 1, _MOST_SAMPLED)))
        return {"sample_interval": self._points.sample_interval}

    def _set_token(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("permissions")
        unknown = [name for name in wanted if name not in GROUPS] if isinstance(wanted, list) else [wanted]
        if wanted is not None and unknown:
            raise bad_control("permissions", unknown[0], f"give null, or a list of {', '.join(GROUPS)}")
        self._account.permissions = wanted
        return {"permissions": wanted}

    def _kept_points(self) -> list[dict[str, Any]]:
        rows = self._account.database.rows(f"select {', '.join(POINT_COLUMNS)} from data_points order by id")
        return [dict(zip(POINT_COLUMNS, row, strict=True)) for row in rows]

    def _state(self) -> dict[str, Any]:
        account = self._account
        live = live_plan(account)
        entries = account.database.rows("select namespace, count(*) from kv group by namespace")
        return {
            "now": account.clock.now(),
            "workers": live.table["workers"],
            "domains": live.table["domains"],
            "routes": live.table["routes"],
            "versions": len(account.versions.all()),
            "kv_namespaces": {doc["id"]: doc["title"] for doc in account.namespaces.all()},
            "kv_entries": dict(entries),
            "data_points": account.database.rows("select count(*) from data_points")[0][0],
            "faults": self.faults.count(),
            "kv_mode": self._kv.mode,
            "not_implemented": dict(self.recorder.not_found),
            "workerd": {"pid": self.runtime.pid, "revivals": self.runtime.revivals},
        }


def _body_of(request: Request) -> dict[str, Any]:
    data = request.get_data()
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        raise bad_control("body", data.decode(errors="replace")[:100], "send a JSON object") from None
    if not isinstance(body, dict):
        raise bad_control("body", body, "send a JSON object")
    return body


def _number(body: dict[str, Any], name: str, least: float, most: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise bad_control(name, value, f"give a number from {least:g} to {most:g}")
    return float(value)


def _json(result: Any, status: int) -> Response:
    return Response(json.dumps(result), status, content_type=JSON)
