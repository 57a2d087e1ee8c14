"""The calls that the Cloudflare provider makes for each resource type of `EdgeProxy`.

Paths, bodies and which property forces a replacement are those of the provider (cloudflare-api facts 4),
so that the account looks the same whether it or the embedded engine has been at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from edgewright.engine.api import CloudflareApi
from edgewright.engine.classes import explained, stored_in
from edgewright.engine.values import from_api, to_api
from edgewright.errors import ApiError, EngineError

ALL = frozenset({"*"})


@dataclass(frozen=True)
class Kind:
    """How one resource type is created, read, changed and deleted.

    ``collection`` and the path of one item are filled from the inputs; ``update`` is the method of a change
    (None: every change replaces); ``delete`` False: deleting sends nothing, as the provider does. ``fixed``: it cannot
    be changed once it is made, so that nobody can have changed it.
    """

    collection: str
    create: str = "POST"
    update: str | None = "PUT"
    delete: bool = True
    fixed: bool = False
    replace_on: frozenset[str] = frozenset({"accountId"})
    path_inputs: frozenset[str] = frozenset({"accountId"})
    defaults: Mapping[str, Any] | None = None
    find: Callable[[CloudflareApi, dict[str, Any]], Any] | None = None
    holds: Callable[[CloudflareApi, dict[str, Any]], bool] | None = None
    explain: Callable[[CloudflareApi, dict[str, Any], dict[str, Any]], tuple[str, ...]] | None = None

    def replaces(self, changed: list[str]) -> bool:
        """Whether a change of these property paths needs a new resource."""
        return self.update is None or any(path.split(".")[0].split("[")[0] in self.replace_on for path in changed)

    def changed_since(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> list[str]:
        """Paths of ``inputs`` at which the API holds something else, as somebody has changed it by hand."""
        return [] if self.fixed else _changed(inputs, outputs)

    def do_create(self, api: CloudflareApi, inputs: dict[str, Any]) -> dict[str, Any]:
        """Create it; the API's result in provider names."""
        return _outputs(api.call(self.create, self._collection(inputs), self._body(inputs)))

    def do_read(self, api: CloudflareApi, inputs: dict[str, Any], identifier: str) -> dict[str, Any] | None:
        """What the API holds, None if it is gone or holds no more."""
        try:
            if self.holds and not self.holds(api, inputs):
                return None
            return _outputs(api.call("GET", self._item(inputs, identifier)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def do_update(self, api: CloudflareApi, inputs: dict[str, Any], identifier: str) -> dict[str, Any]:
        """Change it in place."""
        return _outputs(api.call(str(self.update), self._item(inputs, identifier), self._body(inputs)))

    def do_delete(self, api: CloudflareApi, inputs: dict[str, Any], identifier: str) -> None:
        """Delete it; one that is already gone is no error."""
        if not self.delete:
            return
        try:
            api.call("DELETE", self._item(inputs, identifier))
        except ApiError as error:
            if error.status != 404:
                raise

    def do_find(self, api: CloudflareApi, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """The resource of the same name, left by a call whose answer was lost."""
        if self.find is None:
            return None
        found = self.find(api, inputs)
        return None if found is None else _outputs(found)

    def do_explain(self, api: CloudflareApi, old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
        """What a change of these inputs leads to beyond the resource itself; ``old`` is empty for a new one."""
        return self.explain(api, old, new) if self.explain else ()

    def _collection(self, inputs: dict[str, Any]) -> str:
        return self.collection.format_map({key: quote(str(value), safe="") for key, value in inputs.items()})

    def _item(self, inputs: dict[str, Any], identifier: str) -> str:
        return f"{self._collection(inputs)}/{quote(identifier, safe='')}"

    def _body(self, inputs: dict[str, Any]) -> dict[str, Any]:
        sent = {key: value for key, value in inputs.items() if key not in self.path_inputs}
        return _filled(to_api(sent), self.defaults or {})


def _filled(body: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """``body`` with what the provider sends for options that are left out, nested ones too; keys sorted."""
    filled = {**defaults, **body}
    for key, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(body.get(key), dict):
            filled[key] = _filled(body[key], value)
    return dict(sorted(filled.items()))


def _changed(inputs: Mapping[str, Any], outputs: Mapping[str, Any], path: str = "") -> list[str]:
    """What is not in ``outputs`` is no difference: some inputs are never told."""
    found: list[str] = []
    for key, value in inputs.items():
        held = outputs.get(key)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            found += _changed(value, held, f"{path}{key}.")
        elif key in outputs and held != value:
            found.append(f"{path}{key}")
    return found


def _outputs(result: Any) -> dict[str, Any]:
    if not isinstance(result, dict) or not result.get("id"):
        raise EngineError(f"the API's answer names no id: {str(result)[:200]}")
    outputs: dict[str, Any] = from_api(result)
    return outputs


def listed(api: CloudflareApi, path: str) -> Iterator[dict[str, Any]]:
    """All items of a list that goes on by page."""
    page = 1
    while found := api.call("GET", path, params={"page": str(page), "per_page": "100"}):
        yield from found
        page += 1


def namespace_by_title(api: CloudflareApi, inputs: dict[str, Any]) -> Any:
    """The KV namespace of ``accountId`` with that ``title``, None if there is none."""
    namespaces = listed(api, f"/accounts/{inputs['accountId']}/storage/kv/namespaces")
    return next((namespace for namespace in namespaces if namespace["title"] == inputs["title"]), None)


def worker_by_name(api: CloudflareApi, inputs: dict[str, Any]) -> Any:
    """The Worker of ``accountId`` with that ``name``, None if there is none."""
    try:
        return api.call("GET", f"/accounts/{inputs['accountId']}/workers/workers/{quote(inputs['name'], safe='')}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _is_live(api: CloudflareApi, inputs: dict[str, Any]) -> bool:
    """Whether requests are shared out as a deployment says; one that another has followed is there, and void."""
    path = f"/accounts/{inputs['accountId']}/workers/scripts/{quote(inputs['scriptName'], safe='')}/deployments"
    listed = api.call("GET", path)["deployments"]
    live = {share["version_id"]: float(share["percentage"]) for share in listed[0]["versions"]} if listed else {}
    return live == {share["versionId"]: float(share["percentage"]) for share in inputs["versions"]}


def _route_by_pattern(api: CloudflareApi, inputs: dict[str, Any]) -> Any:
    listed = api.call("GET", f"/zones/{inputs['zoneId']}/workers/routes") or []
    return next((route for route in listed if route["pattern"] == inputs["pattern"]), None)


def _classes(api: CloudflareApi, old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    # A Worker that is yet to be made has no id, and no objects.
    where = {**new, **old}
    stored = stored_in(api, str(where["accountId"]), str(where["workerId"]))
    return explained(old.get("exports"), new.get("exports"), stored)


KINDS: dict[str, Kind] = {
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace": Kind(
        "/accounts/{accountId}/storage/kv/namespaces", find=namespace_by_title
    ),
    "cloudflare:index/worker:Worker": Kind(
        "/accounts/{accountId}/workers/workers",
        defaults={
            "logpush": False,
            "observability": {"traces": {"enabled": False, "head_sampling_rate": 1, "persist": True}},
            "tags": [],
            "tail_consumers": [],
        },
        find=worker_by_name,
    ),
    "cloudflare:index/workerVersion:WorkerVersion": Kind(
        "/accounts/{accountId}/workers/workers/{workerId}/versions",
        update=None,
        delete=False,
        fixed=True,
        replace_on=ALL,
        path_inputs=frozenset({"accountId", "workerId"}),
        explain=_classes,
    ),
    "cloudflare:index/workersDeployment:WorkersDeployment": Kind(
        "/accounts/{accountId}/workers/scripts/{scriptName}/deployments",
        update=None,
        delete=False,
        fixed=True,
        replace_on=ALL,
        path_inputs=frozenset({"accountId", "scriptName"}),
        holds=_is_live,
    ),
    "cloudflare:index/workersRoute:WorkersRoute": Kind(
        "/zones/{zoneId}/workers/routes",
        replace_on=frozenset({"zoneId"}),
        path_inputs=frozenset({"zoneId"}),
        find=_route_by_pattern,
    ),
    "cloudflare:index/workersCustomDomain:WorkersCustomDomain": Kind(
        "/accounts/{accountId}/workers/domains", create="PUT", update=None, replace_on=ALL
    ),
}


def kind_of(token: str) -> Kind:
    """The kind of a resource type.

    Raises:
        EngineError: the embedded engine does not know it.
    """
    if token not in KINDS:
        raise EngineError(
            f"the embedded engine does not know the resource type {token}.",
            fix="deploy this program with the pulumi CLI (--engine pulumi)",
        )
    return KINDS[token]


def invoke(api: CloudflareApi, token: str, args: dict[str, Any]) -> dict[str, Any]:
    """A data source: ``getZone`` by name or id, as the provider asks.

    Raises:
        EngineError: unknown data source, or not exactly one zone of that name.
    """
    if token != "cloudflare:index/getZone:getZone":
        raise EngineError(f"the embedded engine does not know the data source {token}.")
    zone_id = args.get("zoneId")
    if zone_id is None:
        name = (args.get("filter") or {}).get("name")
        zones = api.call("GET", "/zones", params={"name": str(name)})
        if len(zones) != 1:
            raise EngineError(
                f"zone: the account has {len(zones)} zones named {name!r}.",
                fix="name a zone of this account in routes or custom_domain",
            )
        zone_id = zones[0]["id"]
    zone: dict[str, Any] = from_api(api.call("GET", f"/zones/{zone_id}"))
    return {**zone, "zoneId": zone_id}
