"""A change of Durable Object classes, explained before it happens and where the API refuses it."""

from typing import get_args

import pytest
from edgewright.config import StackConfig
from edgewright.engine.api import CloudflareApi
from edgewright.engine.classes import FEATURES, MOST_COUNTED, explained, fix_of, stored_in

LIVE = {"type": "durable-object", "storage": "sqlite", "state": "created"}
DELETED = {"type": "durable-object", "state": "deleted"}
ACCOUNT = "/client/v4/accounts/a/workers"


def told(old, new, amount="3 of them hold data"):
    return explained(old, new, lambda _name: amount)


def test_every_class_of_the_stack_file_has_its_section():
    (listed,) = get_args(StackConfig.model_fields["deleted_objects"].annotation)
    assert set(get_args(listed)) == set(FEATURES)
    for path in FEATURES.values():
        section, *below = path.split(".")
        fields = StackConfig.model_fields[section].annotation.model_fields
        assert set(below) <= set(fields)


def test_classes_that_stay_need_no_word():
    for exports in (None, {"Conversation": LIVE}, {"Conversation": DELETED}):
        assert told(exports, exports) == ()
    assert told({"Conversation": DELETED}, None) == ()
    assert told({"Conversation": {"type": "durable-object", "storage": "sqlite"}}, {"Conversation": LIVE}) == ()


def test_a_new_class_starts_empty():
    for before in (None, {"Conversation": DELETED}):
        (note,) = told(before, {"Conversation": LIVE})
        assert "Conversation is a new class" in note
        assert "nothing is yet" in note


def test_a_deletion_says_how_much_and_that_it_is_final():
    (note,) = told({"Conversation": LIVE}, {"Conversation": DELETED})
    assert "Conversation is deleted" in note
    assert "3 of them hold data" in note
    assert "cannot be undone" in note
    assert told(None, {"Conversation": DELETED}, amount=None) == ()
    assert told(None, {"Conversation": DELETED}) == (note,)


def test_a_class_that_is_only_dropped_says_that_it_is_refused_and_both_ways_out():
    (note,) = told({"Conversation": LIVE, "Other": LIVE}, {"Other": LIVE})
    assert "Cloudflare refuses" in note
    assert "enable `sessions` in the stack file again" in note
    assert "`deleted_objects: [Conversation]`" in note
    (other,) = told({"Other": LIVE}, None)
    assert "enable its feature" in other


@pytest.fixture
def ask(httpserver):
    """Asks an API whose Worker ``edge`` has a class; ``ask(pages)`` are the object lists by cursor."""

    def answer(path, result, info=None, **query):
        body = {"success": True, "errors": [], "messages": [], "result": result, "result_info": info or {}}
        httpserver.expect_request(f"{ACCOUNT}{path}", query_string=query or None).respond_with_json(body)

    def asker(pages, namespace=True):
        answer("/workers/w", {"id": "w", "name": "edge"})
        other = {"id": "n0", "script": "other", "class": "Conversation"}
        own = {"id": "n1", "script": "edge", "class": "Conversation"}
        answer("/durable_objects/namespaces", [other], page="1", per_page="100")
        answer("/durable_objects/namespaces", [own] if namespace else [], page="2", per_page="100")
        for number, held in enumerate(pages):
            query = {"limit": "1000", **({"cursor": str(number)} if number else {})}
            cursor = str(number + 1) if number + 1 < len(pages) else ""
            objects = [{"id": "o", "hasStoredData": each} for each in held]
            answer("/durable_objects/namespaces/n1/objects", objects, {"cursor": cursor}, **query)
        api = CloudflareApi(httpserver.url_for("/client/v4"), "t" * 40, sleep=lambda _seconds: None)
        return stored_in(api, "a", "w")("Conversation")

    return asker


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([[]], "0 of them hold data"),
        ([[True, False]], "1 of them holds data"),
        ([[True, True], [True]], "3 of them hold data"),
        ([[True] * MOST_COUNTED, [True]], "more than 10,000 of them hold data"),
    ],
)
def test_objects_with_data_are_counted_over_pages_to_a_bound(ask, pages, said):
    assert ask(pages) == said


def test_a_class_without_a_namespace_has_no_amount(ask):
    assert ask([], namespace=False) is None


def test_an_api_that_does_not_tell_stops_nothing(httpserver):
    httpserver.expect_request(f"{ACCOUNT}/workers/w").respond_with_json({}, status=403)
    api = CloudflareApi(httpserver.url_for("/client/v4"), "t" * 40)
    assert stored_in(api, "a", "w")("Conversation") == "the API did not tell how many hold data"


def test_a_worker_that_is_yet_to_be_made_holds_nothing(httpserver):
    httpserver.expect_request(f"{ACCOUNT}/workers/w").respond_with_json({}, status=404)
    api = CloudflareApi(httpserver.url_for("/client/v4"), "t" * 40)
    assert stored_in(api, "a", "w")("Conversation") is None


def refusal(scenario, **more):
    return {"code": 100402, "meta": {"details": [{"class": "Conversation", "scenario": scenario, **more}]}}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal("orphaned_provisioned_namespace"), "`deleted_objects: [Conversation]`"),
        (refusal("provisioned_class_missing_from_config"), "enable `sessions`"),
        (refusal("tombstone_delete_class_still_in_code"), "take it from `deleted_objects`"),
        (refusal("tombstone_delete_blocked_by_external_bindings", referencing_scripts=["x"]), "deploy x without"),
        (refusal("storage_type_mismatch", suggestion="keep it"), "Conversation: keep it"),
        ({"code": 10064, "message": "does not export class 'Conversation' which"}, "`deleted_objects: [Conversation]`"),
        ({"code": 100402}, None),
        ({"code": 100402, "meta": "none"}, None),
        ({"code": 10064, "message": "a consumer for a Queue"}, None),
        ({"code": 10021, "message": "class 'X'"}, None),
    ],
)
def test_a_refusal_is_told_in_terms_of_the_stack_file(error, said):
    found = fix_of(error)
    assert found == said if said is None else said in found


def test_the_error_of_a_call_carries_that_fix(httpserver):
    body = {
        "success": False,
        "errors": [{"message": "no", **refusal("orphaned_provisioned_namespace")}],
        "result": None,
    }
    httpserver.expect_request("/client/v4/x").respond_with_json(body, status=400)
    with pytest.raises(Exception, match="fix: enable `sessions` in the stack file again to keep Conversation"):
        CloudflareApi(httpserver.url_for("/client/v4"), "t" * 40).call("POST", "/x")
