"""Versions: immutable uploads of a Worker (cloudflare-api facts 4.6), checked by workerd before they are kept."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import replace
from typing import Any

from edgewright.localcloud.account import ACCOUNT_EMAIL, Account, new_uuid
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.runtime.plan import OLDEST_DATE, Plan, Script
from edgewright.localcloud.runtime.supervisor import Runtime
from edgewright.localcloud.services.workers import checks, migrations, models, objects
from edgewright.localcloud.storage import Doc

DEPLOYABLE = 100  # only so many of the newest versions can be deployed (cloudflare-api facts 4.7)

_KEPT = (
    "main_module",
    "bindings",
    "compatibility_date",
    "compatibility_flags",
    "usage_model",
    "annotations",
    "exports",
    "migrations",
    "limits",
    "placement",
)
_MISSING_CLASS = re.compile(r'referenced the class "(\w+)"')
_HIDDEN = {"worker_id", "classes", "classes_before", "etag", "author_email"}
_SECRETS = {"secret_text", "secret_key"}


def create(account: Account, runtime: Runtime, worker: Doc, content: dict[str, Any], source: str = "api") -> Doc:
    """Check, try and keep an upload. ``content`` is the body of the versions call.

    Raises:
        EnvelopeError: a check of ``checks.py`` failed, or 10021 in workerd's words.
    """
    before = all_of(account, worker)
    content = {key: content[key] for key in (*_KEPT, "modules", "keep_bindings") if content.get(key) is not None}
    content["bindings"] = _inherited(content, before[-1] if before else None)
    content.setdefault("compatibility_date", OLDEST_DATE)
    migrations.check_tag(worker, content.get("migrations"))
    classes = objects.known(account, worker, content)
    modules = checks.modules_of(content)
    checks.check_date(account, content["compatibility_date"])
    checks.check_bindings(account, worker, content["bindings"], classes)
    doc = {
        **{key: content[key] for key in _KEPT if key in content},
        "id": new_uuid(),
        "worker_id": worker["id"],
        "number": len(before) + 1,
        "created_on": account.clock.stamp(),
        "source": source,
        "author_email": ACCOUNT_EMAIL,
    }
    asked = objects.mentioned(account, worker, content)
    doc["startup_time_ms"], missing = _try(runtime, to_script(worker, {**doc, "classes": _trial(asked)}, modules))
    change = objects.planned(account, worker, content, frozenset(asked - missing))
    objects.promise(account, change)
    doc["classes"] = objects.classes_of(change.namespaces)
    doc["classes_before"] = objects.classes_of(objects.held(account, worker))
    if change.report is not None:
        doc["exports_reconciliation"] = change.report
    doc["etag"] = hashlib.sha256(json.dumps([doc, content.get("modules")], sort_keys=True).encode()).hexdigest()
    account.modules.put(doc["id"], {"modules": content["modules"]})
    return account.versions.put(doc["id"], doc)


def all_of(account: Account, worker: Doc) -> list[Doc]:
    """The versions of a Worker, oldest first."""
    return account.versions.all(worker_id=worker["id"])


def the_version(account: Account, worker: Doc, identifier: Any) -> Doc:
    """One version of this Worker.

    Raises:
        EnvelopeError: 100146, it has none of that id.
    """
    found = account.versions.get(str(identifier))
    if found is None or found["worker_id"] != worker["id"]:
        raise EnvelopeError("workers", 100146, version=identifier)
    return found


def shown(account: Account, worker: Doc, version: Doc, *, modules: bool) -> Doc:
    """As the API shows it: bindings sorted by name and without secrets, ``urls`` where it answers."""
    doc = {key: value for key, value in version.items() if key not in _HIDDEN}
    annotations = {"workers/triggered_by": "create_version_api", **(version.get("annotations") or {})}
    doc.update(
        annotations=annotations,
        bindings=shown_bindings(worker, version),
        compatibility_flags=version.get("compatibility_flags") or [],
        usage_model=version.get("usage_model") or "standard",
        migration_tag=worker.get("migration_tag"),
        urls=[models.address(account, worker)],
    )
    if "exports" in doc:
        # What deletes or renames is told and done, and never read again.
        doc["exports"] = {
            name: each for name, each in doc["exports"].items() if each.get("state", "created") == "created"
        }
    if modules:
        doc["modules"] = modules_of(account, version)
    return doc


def shown_bindings(worker: Doc, version: Doc) -> list[Doc]:
    """Sorted by the bytes of the name; the text of a secret never leaves."""
    found = []
    for binding in sorted(version["bindings"], key=lambda each: str(each["name"]).encode()):
        if binding["type"] in _SECRETS:
            found.append({"name": binding["name"], "type": binding["type"]})
        elif binding["type"] == "durable_object_namespace":
            home = binding.get("script_name") or worker["name"]
            known = {"namespace_id": version["classes"].get(binding["class_name"])} if home == worker["name"] else {}
            found.append({"script_name": home, **known, **binding})
        else:
            found.append(binding)
    return found


def modules_of(account: Account, version: Doc) -> list[Doc]:
    """``{name, content_type, content_base64}`` of each module, as uploaded."""
    kept = account.modules.get(version["id"])
    return list(kept["modules"]) if kept else []


def script_of(account: Account, worker: Doc, version: Doc) -> Script:
    """What workerd is to run for a kept version."""
    content = {**version, "modules": modules_of(account, version)}
    return to_script(worker, version, checks.modules_of(content))


def to_script(worker: Doc, version: Doc, modules: tuple[Any, ...]) -> Script:
    """What workerd is to run."""
    return Script(
        version_id=version["id"],
        worker=worker["name"],
        modules=modules,
        bindings=tuple(version["bindings"]),
        compatibility_date=version["compatibility_date"],
        compatibility_flags=tuple(version.get("compatibility_flags") or ()),
        objects=version["classes"],
        tag=(version.get("annotations") or {}).get("workers/tag", ""),
        created_on=version["created_on"],
    )


def _trial(classes: set[str]) -> dict[str, str]:
    """Namespaces for a trial, in which workerd tells which classes the code lacks."""
    return {name: name for name in classes}


def _try(runtime: Runtime, script: Script) -> tuple[int, set[str]]:
    """Start it in a workerd of its own; milliseconds that took, and the classes that it does not export."""
    own = [each for each in script.bindings if each.get("script_name") in (None, script.worker)]
    started = time.monotonic()
    wrong = runtime.validate(Plan(scripts=(replace(script, bindings=tuple(own)),)))
    took = max(1, round((time.monotonic() - started) * 1000))
    said = (wrong or "").splitlines()
    # Code that does not start exports nothing, so the cause is told and not what follows from it.
    cause = "\n".join(line for line in said if not _MISSING_CLASS.search(line))
    if cause:
        raise EnvelopeError("workers", 10021, detail=cause.replace(f"service {script.service}: ", ""))
    return took, set(_MISSING_CLASS.findall(wrong or ""))


def _inherited(content: Doc, before: Doc | None) -> list[Doc]:
    """The bindings, with ``inherit`` resolved and the types of ``keep_bindings`` carried over."""
    old = {binding["name"]: binding for binding in before["bindings"]} if before else {}
    found = []
    for binding in content.get("bindings") or ():
        if isinstance(binding, dict) and binding.get("type") == "inherit":
            kept = old.get(binding.get("old_name") or binding.get("name"))
            if kept is None:
                raise EnvelopeError("workers", 10057, name=binding.get("name"))
            binding = {**kept, "name": binding.get("name")}
        found.append(binding)
    named = {binding.get("name") for binding in found if isinstance(binding, dict)}
    kinds = content.get("keep_bindings") or ()
    return found + [kept for name, kept in old.items() if kept["type"] in kinds and name not in named]
