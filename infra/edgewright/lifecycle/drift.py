"""What the account has against what the stack says: each difference, and the command that mends it.

The provider does not see most of this: a version's bindings are compared by no refresh, and a deployment that another
has followed is still there (cloudflare-api facts 4.3 and 4.7). So what is live is read, and compared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from edgewright.engine.api import CloudflareApi
from edgewright.engine.classes import FEATURES
from edgewright.engine.intended import Intended
from edgewright.errors import ApiError
from edgewright.lifecycle.compare import MISSING, NONE, Difference, of_value, of_values, of_version
from edgewright.lifecycle.journal import under_way
from edgewright.lifecycle.script import Deployment, Script

_PER_PAGE = "100"


@dataclass(frozen=True)
class Drift:
    """One difference; ``mend`` is a command, or a sentence where a person must choose."""

    what: str
    expected: str
    found: str
    mend: str

    def as_json(self) -> dict[str, str]:
        """Its four parts."""
        return asdict(self)


@dataclass(frozen=True)
class Mends:
    """Commands: ``deploy`` for what the stack has not got to yet, ``resources`` for what was changed in the account,
    ``live`` for requests that another version has.
    """

    deploy: str
    resources: str
    live: str


def mends(stack: str, outputs: Mapping[str, Any], *, embedded: bool) -> Mends:
    """The commands for a stack: the pulumi CLI sees what was changed by ``--refresh`` alone, and what is live never."""
    up = f"edgewright up --stack {stack}"
    if embedded:
        return Mends(up, up, up)
    live = f"edgewright rollback --stack {stack} --to {outputs['version_id']}"
    return Mends(up, f"pulumi up --refresh --stack {stack}", live)


class Account:
    """The account of one deployed stack: ``outputs`` of its last `up`, ``intended`` what its program says now.

    Raises (each call):
        ApiError: the API refused, or did not answer.
    """

    def __init__(
        self, api: CloudflareApi, outputs: Mapping[str, Any], intended: Sequence[Intended], mends: Mends
    ) -> None:
        self._api = api
        self._outputs = outputs
        self._intended = intended
        self._mends = mends
        self._path = f"/accounts/{outputs['account_id']}"
        self._worker = str(outputs["worker"])

    def drift(self) -> list[Drift]:
        """All differences; of a Worker that is gone nothing else is told of."""
        wanted = self._of("Worker")[0]
        worker = self._read(f"{self._path}/workers/workers/{quote(wanted['name'], safe='')}")
        found = list(self._namespaces())
        if worker is None:
            return [*found, self._drift(Difference(f"Worker {wanted['name']}", "there", MISSING))]
        return [*found, *self._settings(wanted, worker), *self._versions(), *self._addresses(), *self._classes()]

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [each.inputs for each in self._intended if each.kind == kind]

    def _read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        try:
            return self._api.call("GET", path, params=params)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _drift(self, difference: Difference, mend: str | None = None) -> Drift:
        return Drift(*difference, mend or self._mends.resources)

    def _namespaces(self) -> Iterator[Drift]:
        identifier = self._outputs.get("namespace_id")
        for wanted in self._of("WorkersKvNamespace"):
            path = f"{self._path}/storage/kv/namespaces/{identifier}"
            found = self._read(path) if identifier else None
            what = f"KV namespace {wanted['title']}"
            if found is None:
                yield self._drift(Difference(what, str(identifier or "there"), MISSING))
            else:
                yield from map(self._drift, of_value(f"{what} title", wanted["title"], found.get("title")))

    def _settings(self, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Drift]:
        named = {key: value for key, value in wanted.items() if key not in ("account_id", "name")}
        return map(self._drift, of_values("Worker", named, found))

    def _versions(self) -> Iterator[Drift]:
        deployments = Script(self._api, self._outputs["account_id"], self._worker).deployments()
        if not deployments:
            yield self._drift(Difference("live version", str(self._outputs["version_id"]), NONE))
            return
        live = deployments[0]
        step = under_way(live)
        yield from self._live(live) if step is None else ()
        version = step.new if step else max(live.shares, key=lambda each: live.shares[each])
        yield from self._version(version)

    def _live(self, live: Deployment) -> Iterator[Drift]:
        made = str(self._outputs["version_id"])
        if live.whole == made:
            return
        shares = ", ".join(f"{version} at {share:g} %" for version, share in live.shares.items())
        found = f"{shares} ({live.message})" if live.message else shares
        yield self._drift(Difference("live version", f"{made} at 100 %", found), self._mends.live)

    def _version(self, version: str) -> Iterator[Drift]:
        path = f"{self._path}/workers/workers/{quote(self._worker, safe='')}/versions/{quote(version, safe='')}"
        found = self._api.call("GET", path, params={"include": "modules"})
        mend = self._mends.deploy if version == self._outputs["version_id"] else self._mends.live
        for difference in of_version(self._of("WorkerVersion")[0], found, self._worker):
            yield self._drift(difference, mend)

    def _addresses(self) -> Iterator[Drift]:
        routes = self._of("WorkersRoute")
        for zone in sorted({route["zone_id"] for route in routes}):
            wanted = {route["pattern"]: route["script"] for route in routes if route["zone_id"] == zone}
            listed = self._api.call("GET", f"/zones/{quote(zone, safe='')}/workers/routes") or []
            yield from self._led("route", wanted, {route["pattern"]: route.get("script") for route in listed})
        domains = {domain["hostname"]: domain["service"] for domain in self._of("WorkersCustomDomain")}
        listed = self._api.call("GET", f"{self._path}/workers/domains") or []
        yield from self._led("custom domain", domains, {each["hostname"]: each["service"] for each in listed})

    def _led(self, kind: str, wanted: Mapping[str, str], found: Mapping[str, str | None]) -> Iterator[Drift]:
        """Addresses by the Worker that they lead to; those that lead to another's are nobody's concern."""
        for address, worker in wanted.items():
            held = (found[address] or "no Worker") if address in found else MISSING
            yield from map(self._drift, of_value(f"{kind} {address}", worker, held))
        for address in sorted(set(found) - set(wanted)):
            if found[address] == self._worker:
                mend = "add it to the stack file, or delete it in the account"
                yield self._drift(Difference(f"{kind} {address}", NONE, self._worker), mend)

    def _classes(self) -> Iterator[Drift]:
        wanted, found = self._declared(), self._provisioned()
        for name in sorted(wanted - found):
            yield self._drift(Difference(f"Durable Object class {name}", "there", MISSING), self._mends.deploy)
        for name in sorted(found - wanted):
            yield self._drift(Difference(f"Durable Object class {name}", NONE, "there"), _undeclared(name))

    def _declared(self) -> set[str]:
        exports = self._of("WorkerVersion")[0].get("exports") or {}
        return {name for name, each in exports.items() if each.get("state") != "deleted"}

    def _provisioned(self) -> set[str]:
        found: set[str] = set()
        page = 1
        path = f"{self._path}/workers/durable_objects/namespaces"
        while listed := self._api.call("GET", path, params={"page": str(page), "per_page": _PER_PAGE}):
            found |= {str(each["class"]) for each in listed if each.get("script") == self._worker}
            page += 1
        return found


def _undeclared(name: str) -> str:
    if name in FEATURES:
        return f"enable `{FEATURES[name]}` in the stack file, or set `deleted_objects: [{name}]`, and deploy"
    return "deploy a version by hand whose `exports` delete it, with all that its objects hold"
