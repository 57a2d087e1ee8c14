"""Durable Object classes: what the platform refuses, in its codes, and what becomes of the data."""

import pytest

PLAIN = "export default { fetch() { return new Response('plain') } }"
COUNT = "return new Response(String(await env.CONV.get(env.CONV.idFromName('a')).add()))"
CONV = {"name": "CONV", "type": "durable_object_namespace", "class_name": "Conv"}
TALK = {**CONV, "class_name": "Talk"}
LIVE = {"type": "durable-object", "storage": "sqlite"}
DELETED = {"type": "durable-object", "state": "deleted"}
RENAMED = {"type": "durable-object", "state": "renamed", "renamed_to": "Talk"}
DECLARED = {"exports": {"Conv": LIVE}}
NEW = {"new_tag": "v1", "new_sqlite_classes": ["Conv"]}


def exporting(bench, *classes, body="return new Response('with classes')"):
    """A Worker that exports these classes, each counting in SQLite."""
    counting = """extends DurableObject {
      async add() {
        this.ctx.storage.sql.exec("create table if not exists hits (at integer)");
        this.ctx.storage.sql.exec("insert into hits values (1)");
        return this.ctx.storage.sql.exec("select count(*) as n from hits").one().n;
      }
    }"""
    exported = "".join(f"export class {name} {counting}\n" for name in classes)
    return bench.handler(body, f'import {{ DurableObject }} from "cloudflare:workers";\n{exported}')


def counter(bench, name="Conv"):
    return exporting(bench, name, body=COUNT)


def refused(answer):
    """Code and message."""
    error = answer.json()["errors"][0]
    assert answer.status_code == 400, answer.text
    return error["code"], error["message"]


def scenarios(answer):
    """``{class: scenario}`` of a refusal by ``exports``."""
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"]) == (400, 100402), answer.text
    assert all(found["message"] and found["suggestion"] for found in error["meta"]["details"])
    return {found["class"]: found["scenario"] for found in error["meta"]["details"]}


def report(answer):
    """What an accepted upload changes: the parts of ``exports_reconciliation`` that say something."""
    assert answer.status_code == 200, answer.text
    found = answer.json()["result"]["exports_reconciliation"]
    assert set(found) == {
        *("created", "updated", "deleted", "renamed", "transferred", "transfer_pending"),
        *("warnings", "info", "removable_entries"),
    }
    return {name: value for name, value in found.items() if value}


def namespaces(bench):
    found = bench.result("GET", f"{bench.account}/workers/durable_objects/namespaces")
    return {each["class"]: each["id"] for each in found}


def stored(bench, identifier, **params):
    return bench.result(
        "GET", f"{bench.account}/workers/durable_objects/namespaces/{identifier}/objects", params=params
    )


def split(bench, *versions):
    shares = [{"version_id": version, "percentage": 100 / len(versions)} for version in versions]
    body = {"strategy": "percentage", "versions": shares}
    return bench.api.post(f"{bench.account}/workers/scripts/edge/deployments", json=body)


def test_a_binding_needs_a_class_that_is_declared_and_exported(bench):
    code, text = refused(bench.upload(exporting(bench, "Conv"), bindings=[CONV]))
    assert (code, "not currently configured to implement Durable Objects" in text) == (10061, True)
    bench.deploy(counter(bench), bindings=[CONV], migrations=NEW)
    code, text = refused(bench.upload(PLAIN, bindings=[CONV]))
    assert (code, text) == (10061, "Cannot create binding for class Conv that is not exported by the script")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "durable-object"}, "needs storage"),
        ({**LIVE, "storage": "disk"}, "'disk'"),
        ({**LIVE, "storage": "legacy-kv"}, "legacy-kv"),
        ({**DELETED, "storage": "sqlite"}, "takes no storage"),
        ({"type": "durable-object", "state": "renamed"}, "needs renamed_to"),
        (RENAMED, "'Talk' must be an entry"),
        ({"type": "durable-object", "state": "transferred", "transferred_to": "x"}, "not simulated"),
        ({"type": "durable-object", "state": "expecting-transfer", "storage": "sqlite"}, "not simulated"),
        ({"type": "workflow"}, "'workflow'"),
        ("sqlite", "None"),
    ],
)
def test_an_entry_must_be_well_formed(bench, entry, said):
    answer = bench.upload(exporting(bench, "Conv"), exports={"Conv": entry})
    assert scenarios(answer) == {"Conv": "invalid_export"}
    assert said in answer.json()["errors"][0]["message"]


def test_exports_exclude_migrations_and_have_at_most_a_hundred_entries(bench):
    source = exporting(bench, "Conv")
    assert scenarios(bench.upload(source, **DECLARED, migrations=NEW)) == {"": "invalid_export"}
    many = {f"C{number}": DELETED for number in range(101)}
    assert scenarios(bench.upload(PLAIN, exports=many)) == {"": "invalid_export"}
    assert bench.upload(PLAIN, exports=dict(list(many.items())[:100])).status_code == 200


def test_every_class_that_is_wrong_is_told_at_once(bench):
    bench.deploy(exporting(bench, "A", "B"), exports={"A": LIVE, "B": LIVE})
    answer = bench.upload(exporting(bench, "A"), exports={"C": LIVE})
    assert scenarios(answer) == {
        "A": "provisioned_class_missing_from_config",
        "B": "orphaned_provisioned_namespace",
        "C": "config_references_nonexistent_class",
    }
    assert scenarios(bench.upload(exporting(bench, "A"), exports={"A": LIVE, "B": LIVE})) == {
        "B": "config_export_not_in_code"
    }
    assert scenarios(bench.upload(exporting(bench, "A", "B"), exports={"A": LIVE, "B": DELETED})) == {
        "B": "tombstone_delete_class_still_in_code"
    }
    legacy = {**LIVE, "storage": "legacy-kv"}
    assert scenarios(bench.upload(exporting(bench, "A", "B"), exports={"A": LIVE, "B": legacy})) == {
        "B": "storage_type_mismatch"
    }


def test_a_worker_that_declared_its_classes_goes_on_declaring(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    assert scenarios(bench.upload(PLAIN)) == {"Conv": "orphaned_provisioned_namespace"}
    assert scenarios(bench.upload(counter(bench), migrations={"new_tag": "v1"})) == {"": "invalid_export"}


def test_the_same_upload_twice_changes_nothing(bench):
    first = bench.upload(counter(bench), bindings=[CONV], **DECLARED)
    assert report(first) == {"created": ["Conv"]}
    bench.release({first.json()["result"]["id"]: 100})
    kept = namespaces(bench)
    second = bench.upload(counter(bench), bindings=[CONV], **DECLARED)
    assert report(second) == {}
    bench.release({second.json()["result"]["id"]: 100})
    assert namespaces(bench) == kept


def test_a_class_is_there_when_its_version_is_deployed(bench):
    version = bench.version(counter(bench), bindings=[CONV], **DECLARED)
    assert namespaces(bench) == {}
    bench.version(PLAIN)
    bench.release({version: 100})
    assert list(namespaces(bench)) == ["Conv"]


def test_a_deleted_class_keeps_its_data_until_the_version_is_deployed(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    assert bench.edge.get("/").text == "1"
    namespace = namespaces(bench)["Conv"]
    assert len(stored(bench, namespace)) == 1
    answer = bench.upload(PLAIN, exports={"Conv": DELETED})
    assert report(answer) == {"deleted": ["Conv"]}
    assert bench.edge.get("/").text == "2"
    assert len(stored(bench, namespace)) == 1
    bench.release({answer.json()["result"]["id"]: 100})
    assert namespaces(bench) == {}
    path = f"{bench.account}/workers/durable_objects/namespaces/{namespace}/objects"
    assert bench.error("GET", path) == (404, 10066)
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    assert namespaces(bench)["Conv"] != namespace
    assert bench.edge.get("/").text == "1"


def test_a_deployment_that_fails_deletes_nothing(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    bench.edge.get("/")
    version = bench.version(PLAIN, exports={"Conv": DELETED})
    bench.control.post("/faults", json={"path": "deployments", "method": "POST", "status": 500})
    assert split(bench, version).status_code == 500
    bench.control.delete("/faults")
    assert bench.edge.get("/").text == "2"


def test_a_deletion_that_is_done_is_a_note(bench):
    bench.deploy(exporting(bench, "Conv"), **DECLARED)
    bench.deploy(PLAIN, exports={"Conv": DELETED})
    found = report(bench.upload(PLAIN, exports={"Conv": DELETED, "Never": DELETED}))
    assert [(note["class"], note["scenario"]) for note in found["info"]] == [
        ("Conv", "stale_tombstone"),
        ("Never", "stale_tombstone"),
    ]
    assert found["removable_entries"] == ["Conv", "Never"]


def test_tombstones_are_not_read_again(bench):
    bench.deploy(exporting(bench, "Conv"), exports={"Conv": LIVE, "Gone": DELETED})
    shown = bench.result("GET", f"{bench.account}/workers/workers/edge/versions")
    assert shown[0]["exports"] == {"Conv": LIVE}


def test_a_class_that_another_worker_binds_is_not_deleted(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    far = {**CONV, "script_name": "edge"}
    bench.deploy(bench.handler(COUNT), name="other", bindings=[far])
    assert bench.edge.get("/", headers={"x-local-worker": "other"}).text == "1"
    answer = bench.upload(PLAIN, exports={"Conv": DELETED})
    assert scenarios(answer) == {"Conv": "tombstone_delete_blocked_by_external_bindings"}
    assert answer.json()["errors"][0]["meta"]["details"][0]["referencing_scripts"] == ["other"]
    bench.deploy(PLAIN, name="other")
    assert report(bench.upload(PLAIN, exports={"Conv": DELETED})) == {"deleted": ["Conv"]}


def test_a_class_that_is_deleted_cannot_be_bound(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    assert refused(bench.upload(PLAIN, bindings=[CONV], exports={"Conv": DELETED}))[0] == 10061


def test_a_renamed_class_keeps_its_namespace_and_rows(bench):
    bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    assert bench.edge.get("/").text == "1"
    before = namespaces(bench)["Conv"]
    answer = bench.upload(counter(bench, "Talk"), bindings=[TALK], exports={"Conv": RENAMED, "Talk": LIVE})
    assert report(answer) == {"renamed": [{"from": "Conv", "to": "Talk"}]}
    bench.release({answer.json()["result"]["id"]: 100})
    assert namespaces(bench) == {"Talk": before}
    assert bench.edge.get("/").text == "2"
    again = report(bench.upload(counter(bench, "Talk"), exports={"Conv": RENAMED, "Talk": LIVE}))
    assert again["removable_entries"] == ["Conv"]


def test_a_rename_needs_a_free_name_and_may_leave_the_old_class_in_the_code(bench):
    both = exporting(bench, "Conv", "Talk")
    bench.deploy(both, exports={"Conv": LIVE, "Talk": LIVE})
    answer = bench.upload(both, exports={"Conv": RENAMED, "Talk": LIVE})
    assert scenarios(answer) == {"Conv": "tombstone_renamed_to_occupied"}
    bench.deploy(exporting(bench, "Conv"), exports={"Conv": LIVE, "Talk": DELETED})
    found = report(bench.upload(both, exports={"Conv": RENAMED, "Talk": LIVE}))
    assert [note["scenario"] for note in found["info"]] == ["tombstone_class_still_in_code"]


def test_a_split_needs_the_same_classes_and_all_of_them_there(bench):
    plain = bench.deploy(PLAIN)
    versions = [bench.version(counter(bench) + f"// {n}", bindings=[CONV], **DECLARED) for n in (1, 2)]
    assert refused(split(bench, plain, versions[0]))[0] == 100405
    assert refused(split(bench, *versions))[0] == 100406
    bench.release({versions[0]: 100})
    assert split(bench, *versions).status_code == 200


def test_a_class_that_is_only_uploaded_cannot_be_bound_from_another_worker(bench):
    version = bench.version(counter(bench), bindings=[CONV], **DECLARED)
    far = {**CONV, "script_name": "edge"}
    assert refused(bench.upload(PLAIN, name="other", bindings=[far]))[0] == 100406
    assert refused(bench.upload(PLAIN, name="other", bindings=[{**far, "class_name": "None"}]))[0] == 10061
    bench.release({version: 100})
    assert bench.upload(PLAIN, name="other", bindings=[far]).status_code == 200


def test_no_deployment_goes_back_over_a_change_of_classes(bench):
    old = bench.deploy(counter(bench), bindings=[CONV], **DECLARED)
    new = bench.deploy(PLAIN, exports={"Conv": DELETED})
    assert refused(split(bench, old))[0] == 10195
    assert namespaces(bench) == {}
    assert split(bench, new).status_code == 200


@pytest.mark.parametrize(
    ("classes", "step", "code", "said"),
    [
        (["Conv"], {"new_sqlite_classes": ["Talk"]}, 10070, "new-class migration to class 'Talk'"),
        (
            ["Conv"],
            {"new_sqlite_classes": ["Conv"]},
            10074,
            "new-sqlite-class migration to class 'Conv' that is already",
        ),
        (["Conv", "Talk"], {"new_classes": ["Talk"]}, 10097, "new_sqlite_classes"),
        (["Conv"], {"deleted_classes": ["Talk"]}, 10074, "delete-class migration to class 'Talk' which was not"),
        (["Conv"], {"deleted_classes": ["Conv"]}, 10074, "without also removing the binding"),
        (["Conv"], {"renamed_classes": [{"from": "Talk", "to": "New"}]}, 10074, "'Talk' which was not"),
        (["Conv"], {"transferred_classes": [{"from": "A", "from_script": "x", "to": "B"}]}, 10021, "transferred"),
    ],
)
def test_a_migration_must_fit_the_classes(bench, classes, step, code, said):
    bench.deploy(counter(bench), bindings=[CONV], migrations=NEW)
    step = {"old_tag": "v1", "new_tag": "v2", **step}
    found = refused(bench.upload(exporting(bench, *classes), bindings=[CONV], migrations=step))
    assert found[0] == code
    assert said in found[1]


def test_a_migrated_class_must_stay_in_the_code_until_it_is_deleted(bench):
    bench.deploy(counter(bench), bindings=[CONV], migrations=NEW)
    assert refused(bench.upload(PLAIN))[0] == 10064
    bench.deploy(PLAIN, migrations={"old_tag": "v1", "new_tag": "v2", "deleted_classes": ["Conv"]})
    assert namespaces(bench) == {}


def test_migrated_classes_are_taken_over_by_exports(bench):
    bench.deploy(counter(bench), bindings=[CONV], migrations=NEW)
    before = namespaces(bench)
    answer = bench.upload(counter(bench), bindings=[CONV], **DECLARED)
    assert report(answer) == {}
    bench.release({answer.json()["result"]["id"]: 100})
    assert namespaces(bench) == before


def test_code_that_does_not_start_is_told_before_its_classes(bench):
    answer = bench.upload("throw new Error('boom at start')", **DECLARED)
    assert refused(answer)[0] == 10021
    assert "boom at start" in refused(answer)[1]


def test_stored_objects_are_listed_in_pages(bench):
    body = "return new Response(String(await env.CONV.get(env.CONV.idFromName(url.pathname)).add()))"
    bench.deploy(exporting(bench, "Conv", body=body), bindings=[CONV], **DECLARED)
    namespace = namespaces(bench)["Conv"]
    assert stored(bench, namespace) == []
    for path in ("/a", "/b", "/c"):
        assert bench.edge.get(path).text == "1"
    path = f"{bench.account}/workers/durable_objects/namespaces/{namespace}/objects"
    first = bench.api.get(path, params={"limit": 2}).json()
    rest = bench.api.get(path, params={"limit": 2, "cursor": first["result_info"]["cursor"]}).json()
    assert rest["result_info"]["cursor"] == ""
    ids = [each["id"] for each in first["result"] + rest["result"]]
    assert len(set(ids)) == 3
    assert all(each["hasStoredData"] for each in first["result"])
