"""Method and path to handler, on the undecoded path: a KV key may hold ``%2F``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug import Request, Response

from edgewright.localcloud.account import Account
from edgewright.localcloud.envelope import EnvelopeError

if TYPE_CHECKING:
    from edgewright.localcloud.models.scripted import ScriptedModels
    from edgewright.localcloud.runtime.supervisor import Runtime


@dataclass
class Call:
    """What a handler gets: the request, the decoded parameters of its path, and the parts behind the API."""

    request: Request
    params: dict[str, str]
    account: Account
    runtime: Runtime
    models: ScriptedModels

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the first of each name."""
        return dict(self.request.args.items())

    def json(self) -> Any:
        """The body.

        Raises:
            EnvelopeError: 9207, it is not JSON.
        """
        try:
            return json.loads(self.request.get_data())
        except ValueError as error:
            raise EnvelopeError("api", 9207, detail=f"not JSON ({error})") from None

    def object(self) -> dict[str, Any]:
        """The body, a JSON object.

        Raises:
            EnvelopeError: 9207, it is something else.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise EnvelopeError("api", 9207, detail="not a JSON object")
        return body


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """One operation. In ``path``, ``{name}`` is one segment and a last ``{name*}`` all that remain.

    ``alone``: the handler runs with no other beside it; off for those that take long and change nothing.
    """

    method: str
    path: str
    handler: Handler
    alone: bool = True
    _segments: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_segments", tuple(self.path.split("/")))

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The decoded parameters, None if the path is another's. ``segments`` are undecoded."""
        params = {}
        for position, expected in enumerate(self._segments):
            if expected.endswith("*}"):
                params[expected[1:-2]] = "/".join(unquote(part) for part in segments[position:])
                return params if len(segments) > position else None
            if position >= len(segments):
                return None
            if expected.startswith("{"):
                params[expected[1:-1]] = unquote(segments[position])
            elif expected != segments[position]:
                return None
        return params if len(segments) == len(self._segments) else None


class Router:
    """The routes of all families, first match wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of an undecoded path below ``/client/v4``.

        Raises:
            EnvelopeError: 7003 no such route; 7001 there is one, for another method.
        """
        segments = path.split("/")
        wrong_method = False
        for route in self.routes:
            params = route.match(segments)
            if params is None:
                continue
            if route.method == method:
                return route, params
            wrong_method = True
        if wrong_method:
            raise EnvelopeError("api", 7001, method=method)
        raise EnvelopeError("api", 7003, method=method, path=path.lstrip("/"))
