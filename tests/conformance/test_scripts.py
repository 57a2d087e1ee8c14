"""The older family of calls, by script name: wrangler's and `WorkersScript`'s."""

import json

import pytest

from .uploads import DATE, OK


def form(code=OK, **metadata):
    """An upload in parts, as the provider sends it."""
    given = {"main_module": "i.js", "compatibility_date": DATE, "bindings": [], **metadata}
    return {
        "i.js": ("i.js", code, "application/javascript+module"),
        "metadata": (None, json.dumps(given), "application/json"),
    }


@pytest.fixture
def script(account):
    """The path of an uploaded script."""
    path = f"{account.a}/workers/scripts/{account.name('old')}"
    account.result("PUT", path, files=form(bindings=[{"name": "V", "type": "json", "json": {"a": 1}}]))
    return path


# What the provider reads of each answer (cloudflare-api facts 4.3).
UPLOADED = (
    *("id", "etag", "handlers", "named_handlers", "has_assets", "has_modules", "last_deployed_from", "modified_on"),
    *("created_on", "startup_time_ms", "usage_model", "compatibility_date", "compatibility_flags", "logpush", "tags"),
    *("tail_consumers", "observability", "entry_point"),
)
SETTINGS = (
    *("bindings", "compatibility_date", "compatibility_flags", "logpush", "observability", "placement", "tags"),
    *("tail_consumers", "usage_model"),
)


def test_an_upload_answers_with_what_the_provider_reads(account, script):
    again = account.result("PUT", script, files=form(OK.replace("ok", "new")))
    assert set(UPLOADED) - set(again) == set()
    assert again["etag"] != account.result("PUT", script, files=form())["etag"]


def test_a_script_is_read_in_three_calls(account, script):
    service = account.result("GET", script.replace("/scripts/", "/services/"))
    assert service["default_environment"]["environment"] == "production"
    assert service["default_environment"]["script"]["id"] == account.name("old")
    settings = account.result("GET", f"{script}/settings")
    assert set(SETTINGS) - set(settings) == set()
    assert settings["bindings"] == [{"name": "V", "type": "json", "json": {"a": 1}}]
    content = account("GET", f"{script}/content/v2")
    assert content.headers["cf-entrypoint"] == "i.js"
    assert content.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert OK.encode() in content.content


def test_a_script_that_is_gone_is_gone_for_all_calls(account, script):
    account.result("DELETE", script)
    assert account.refused("GET", script.replace("/scripts/", "/services/")) == (404, 10090)
    assert account.refused("GET", f"{script}/settings") == (404, 10007)


def test_the_list_has_the_script_and_its_code_is_read(account, script):
    assert account.name("old") in [each["id"] for each in account.result("GET", f"{account.a}/workers/scripts")]
    assert OK.encode() in account("GET", script).content


def test_a_version_is_uploaded_and_takes_no_requests(account, script):
    made = account.result("POST", f"{script}/versions", files=form(OK.replace("ok", "new")))
    items = account.result("GET", f"{script}/versions")["items"]
    assert made["id"] == items[0]["id"]
    live = account.result("GET", f"{script}/deployments")["deployments"][0]["versions"]
    assert made["id"] not in [each["version_id"] for each in live]
    assert account.result("GET", f"{script}/versions/{made['id']}")["resources"]["script"]["etag"]


def test_workers_dev_is_switched_on_and_off(account, script):
    path = f"{script}/subdomain"
    assert account.result("POST", path, json={"enabled": True})["enabled"] is True
    assert account.result("GET", path)["enabled"] is True
    assert account.result("DELETE", path)["enabled"] is False
    assert account.result("GET", path)["enabled"] is False


def test_the_subdomain_of_the_account_is_read_and_changed(api):
    """Local only: a change would take every Worker of a real account to another address."""
    path = f"{api.a}/workers/subdomain"
    assert api.result("PUT", path, json={"subdomain": "other"}) == {"subdomain": "other"}
    assert api.result("GET", path) == {"subdomain": "other"}
    assert api.refused("PUT", path, json={"subdomain": "not a name"}) == (400, 10063)
