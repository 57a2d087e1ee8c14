"""Durable Object namespaces: an id per Worker and class, which outlives versions (cloudflare-api facts 5).

A version names its classes in ``exports`` or in ``migrations``. An upload is held against what is there, and new
classes are promised their ids; what makes, deletes or renames happens when the version is deployed, once.
"""

from __future__ import annotations

from edgewright.localcloud.account import Account
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.services.workers import exports, migrations
from edgewright.localcloud.services.workers.exports import Change, World
from edgewright.localcloud.storage import Doc

MOST_LISTED = 1000


def held(account: Account, worker: Doc, *, provisioned: bool = True) -> dict[str, Doc]:
    """The Worker's namespaces by class: those that a deployment has made, or those only promised."""
    return {doc["class"]: doc for doc in account.objects.all(worker_id=worker["id"], provisioned=provisioned)}


def known(account: Account, worker: Doc, content: Doc) -> set[str]:
    """The classes that a binding of this upload may name.

    Raises:
        EnvelopeError: 100402, ``exports`` are not well formed.
    """
    entries = exports.declared(content)
    if entries:
        return {name for name, entry in entries.items() if entry["state"] == "created"}
    return set(held(account, worker)) | migrations.names(content.get("migrations"))


def mentioned(account: Account, worker: Doc, content: Doc) -> set[str]:
    """Every class of which it must be known whether the code exports it."""
    names = set(held(account, worker)) | set(exports.declared(content))
    return names | migrations.names(content.get("migrations"))


def planned(account: Account, worker: Doc, content: Doc, code: frozenset[str]) -> Change:
    """The Worker's namespaces once this version is deployed. ``code`` are the classes that it exports.

    Raises:
        EnvelopeError: 100402, or a code of ``migrations.migrated``.
    """
    there = held(account, worker)
    users = {name: _users(account, worker, name) for name in mentioned(account, worker, content)}
    world = World(there, held(account, worker, provisioned=False), code, users, worker["id"])
    entries = exports.declared(content)
    if worker.get("declarative") and content.get("migrations"):
        text = "the Worker declares its classes in `exports` and cannot go back to `migrations`"
        found = {"class": "", "scenario": "invalid_export", "message": text, "suggestion": "use `exports`"}
        raise exports.refusal([found])
    if entries or worker.get("declarative"):
        change = exports.reconciled(entries, world)
        return change if content.get("exports") else Change(change.namespaces)
    bound = {each.get("class_name") for each in content["bindings"] if _home(each) in (None, worker["name"])}
    return migrations.migrated(content.get("migrations"), world, bound)


def promise(account: Account, change: Change) -> None:
    """Keep the ids of new namespaces."""
    for doc in change.namespaces.values():
        if account.objects.get(doc["id"]) is None:
            account.objects.put(doc["id"], doc)


def classes_of(namespaces: dict[str, Doc]) -> dict[str, str]:
    """Namespace ids by class."""
    return {name: doc["id"] for name, doc in namespaces.items()}


def check_deployment(account: Account, worker: Doc, versions: list[Doc]) -> None:
    """Whether these versions may be live together, and after what is live.

    Raises:
        EnvelopeError: 100405 they differ in their classes, 100406 a class of a split has no namespace yet, 10195 a
            version was made for classes that have changed since.
    """
    now = classes_of(held(account, worker))
    if len(versions) > 1:
        if versions[0]["classes"] != versions[1]["classes"]:
            raise EnvelopeError("workers", 100405)
        new = sorted(set(versions[0]["classes"]) - set(now))
        if new:
            raise EnvelopeError("workers", 100406, name=new[0])
    for version in versions:
        # An id that has gone was deleted with its data: no version brings it back.
        there = all(account.objects.get(identifier) for identifier in version["classes"].values())
        if version["classes"] != now and (version["classes_before"] != now or not there):
            detail = (
                f"version {version['id']} was made for other Durable Object classes than there are; upload it again"
            )
            raise EnvelopeError("workers", 10195, detail=detail)


def settle(account: Account, worker: Doc, version: Doc) -> list[str]:
    """The version is deployed: its classes are those that there are. The ids of namespaces that are gone."""
    kept = set(version["classes"].values())
    gone = [doc["id"] for doc in held(account, worker).values() if doc["id"] not in kept]
    for identifier in gone:
        account.objects.delete(identifier)
    for name, identifier in version["classes"].items():
        account.objects.put(identifier, {**account.objects.all(id=identifier)[0], "class": name, "provisioned": True})
    noted: Doc = {"declarative": True} if version.get("exports") else {}
    tag = (version.get("migrations") or {}).get("new_tag")
    if tag:
        noted["migration_tag"] = tag
    account.workers.put(worker["id"], {**worker, **noted})
    return gone


def shown(namespace: Doc, script: str) -> Doc:
    """As the API lists it."""
    name = namespace["class"]
    return {
        "id": namespace["id"],
        "name": f"{script}_{name}",
        "script": script,
        "class": name,
        "use_sqlite": namespace["use_sqlite"],
    }


def _home(binding: Doc) -> str | None:
    """The Worker whose class a binding names, None for its own."""
    return binding.get("script_name")


def _users(account: Account, worker: Doc, name: str) -> list[str]:
    """The other Workers whose live versions bind a class of this one."""
    wanted = (worker["name"], name)
    found = set()
    for other in (each for each in account.workers.all() if each["id"] != worker["id"]):
        deployed = account.deployments.all(worker_id=other["id"])
        for share in deployed[-1]["versions"] if deployed else ():
            bindings = (account.versions.get(share["version_id"]) or {"bindings": ()})["bindings"]
            if any((_home(each), each.get("class_name")) == wanted for each in bindings):
                found.add(other["name"])
    return sorted(found)
