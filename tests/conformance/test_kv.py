"""KV namespaces and their values."""

from urllib.parse import quote

import pytest


@pytest.fixture
def namespace(account):
    """The path of a namespace."""
    title = account.name("values")
    made = account.result("POST", f"{account.a}/storage/kv/namespaces", json={"title": title})
    return f"{account.a}/storage/kv/namespaces/{made['id']}"


def test_namespaces_have_unique_titles(account):
    path = f"{account.a}/storage/kv/namespaces"
    made = account.result("POST", path, json={"title": account.name("t")})
    assert {"id", "title", "supports_url_encoding"} <= set(made)
    assert account.refused("POST", path, json={"title": account.name("t")}) == (400, 10014)
    assert account.refused("POST", path, json={}) == (400, 10019)
    account.result("PUT", f"{path}/{made['id']}", json={"title": account.name("u")})
    assert account.result("GET", f"{path}/{made['id']}")["title"] == account.name("u")
    assert account.result("DELETE", f"{path}/{made['id']}") is None
    assert account.refused("GET", f"{path}/{made['id']}") == (404, 10013)


def test_namespaces_are_listed_in_pages_until_one_is_empty(account, namespace):
    path = f"{account.a}/storage/kv/namespaces"
    identifier = namespace.rpartition("/")[2]
    titles = {}
    for page in range(1, 1000):
        listed = account.result("GET", path, params={"page": page, "per_page": 100})
        titles |= {each["id"]: each["title"] for each in listed}
        if not listed:
            break
    assert titles[identifier] == account.name("values")


@pytest.mark.parametrize("key", ["plain", "a/b?c %25", "é😀", "a%2Fb"])
def test_values_by_any_key(account, namespace, key):
    path = f"{namespace}/values/{quote(key, safe='')}"
    form = {"value": (None, "v"), "metadata": (None, '{"m":1}')}
    account.result("PUT", path, files=form)
    account.until(lambda: account("GET", path).content == b"v")
    assert account.result("GET", path.replace("/values/", "/metadata/")) == {"m": 1}
    account.until(lambda: [each["name"] for each in account.result("GET", f"{namespace}/keys")] == [key])
    account.result("DELETE", path)
    account.until(lambda: account("GET", path).status_code == 404)
    assert account.refused("GET", path) == (404, 10009)


def test_a_lifetime_under_a_minute_is_refused(account, namespace):
    path = f"{namespace}/values/k"
    assert account.refused("PUT", path, params={"expiration_ttl": 30}, content=b"v") == (400, 10034)
    account.result("PUT", path, params={"expiration_ttl": 60}, content=b"v")


def test_values_expire_by_the_clock(api):
    namespace = api.result("POST", f"{api.a}/storage/kv/namespaces", json={"title": "t"})
    path = f"{api.a}/storage/kv/namespaces/{namespace['id']}/values/k"
    api.result("PUT", path, params={"expiration_ttl": 60}, content=b"v")
    assert api("GET", path).content == b"v"
    api.control("POST", "clock", json={"advance_seconds": 61})
    assert api.refused("GET", path) == (404, 10009)


def names(account, namespace):
    """Every key that begins with k, ten a page."""
    seen, cursor = [], ""
    while True:
        params = {"limit": 10, "prefix": "k", **({"cursor": cursor} if cursor else {})}
        body = account.envelope("GET", f"{namespace}/keys", params=params)
        seen += [entry["name"] for entry in body["result"]]
        cursor = body["result_info"]["cursor"]
        if not cursor:
            return seen


def test_keys_are_listed_a_page_at_a_time(account, namespace):
    written = [{"key": f"k{index:02}", "value": "v"} for index in range(25)]
    assert account.result("PUT", f"{namespace}/bulk", json=written)["successful_key_count"] == 25
    account.until(lambda: names(account, namespace) == [f"k{index:02}" for index in range(25)])


def test_values_in_bulk(account, namespace):
    account.result("PUT", f"{namespace}/bulk", json=[{"key": key, "value": key * 2} for key in "abc"])
    read = lambda: account.result("POST", f"{namespace}/bulk/get", json={"keys": ["a", "b", "none"]})  # noqa: E731
    account.until(lambda: read()["values"] == {"a": "aa", "b": "bb", "none": None})
    account.result("POST", f"{namespace}/bulk/delete", json=["a"])
    account.result("DELETE", f"{namespace}/bulk", json=["b"])
    account.until(lambda: read()["values"] == {"a": None, "b": None, "none": None})
