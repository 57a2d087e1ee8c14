"""Who calls, and what the token may see."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (400, 9106)),
        ({"Authorization": "Token x"}, (400, 6003)),
        ({"Authorization": "Bearer short"}, (400, 6003)),
        ({"Authorization": "Bearer " + "w" * 40}, (401, 10000)),
    ],
)
def test_authentication_comes_first(account, headers, expected):
    answer = httpx.get(f"{account.cloud.api_url}{account.a}/workers/workers", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == expected
    assert "w" * 40 not in answer.text


def test_another_account_is_not_ours(account):
    assert account.refused("GET", "/accounts/" + "0" * 32 + "/storage/kv/namespaces") == (403, 10000)


def test_the_token_is_active(account):
    assert account.result("GET", "/user/tokens/verify")["status"] == "active"


def test_the_account_is_among_those_of_the_token(account):
    found = account.result("GET", "/accounts", params={"per_page": 50})
    assert account.cloud.account_id in [each["id"] for each in found]
    assert account.result("GET", account.a)["id"] == account.cloud.account_id


def test_lists_end_with_an_empty_page(account):
    """The provider asks for the next page until one is empty."""
    assert account.result("GET", "/accounts", params={"page": 1000}) == []
    assert account.result("GET", "/zones", params={"page": 1000}) == []


def test_a_user_and_a_token_of_the_account_are_found(api):
    """Local only: a real token is either a user's or an account's, and may not see these."""
    assert "@" in api.result("GET", "/user")["email"]
    assert api.result("GET", "/memberships")[0]["account"]["id"] == api.cloud.account_id
    assert api.result("GET", f"{api.a}/tokens/verify")["status"] == "active"


def test_an_unknown_route_names_itself_and_is_counted(api, capfd):
    assert api.refused("GET", f"{api.a}/queues") == (404, 7003)
    assert "GET" in api("GET", f"{api.a}/queues").json()["errors"][0]["message"]
    assert "not implemented" in capfd.readouterr().err
    assert api.refused("PATCH", f"{api.a}/storage/kv/namespaces") == (405, 7001)
