"""Key material."""

import hashlib
import hmac
import json
import re

import pytest
from edgewright.errors import EngineError
from edgewright.keys import LocalSecrets, key_hashes, new_client_key


def test_a_client_key_has_32_random_bytes():
    assert re.fullmatch(r"sk-edge-[A-Za-z0-9_-]{43}", new_client_key())
    assert new_client_key() != new_client_key()


def test_the_worker_gets_keyed_hashes_and_no_key():
    key = new_client_key()
    held = key_hashes({"ci": [key]})
    assert key not in held
    parsed = json.loads(held)
    digest = hmac.new(bytes.fromhex(parsed["pepper"]), key.encode(), hashlib.sha256).hexdigest()
    assert parsed["keys"] == {digest: "ci"}


def test_hashes_are_stable_and_follow_the_keys():
    first, second = new_client_key(), new_client_key()
    assert key_hashes({"a": [first], "b": [second]}) == key_hashes({"b": [second], "a": [first]})
    assert key_hashes({"a": [first]}) != key_hashes({"a": [second]})


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 1}', '{"client_keys": []}'])
def test_a_damaged_file_of_secrets_is_told_and_not_replaced(tmp_path, text):
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(EngineError, match="new local keys are made"):
        LocalSecrets(tmp_path).fill({})
    assert (tmp_path / "secrets.json").read_text() == text


def test_local_secrets_survive_and_grow(tmp_path):
    secrets = LocalSecrets(tmp_path)
    first = secrets.fill({"auth": {"keys": {"a": {}}}})
    second = secrets.fill({"auth": {"keys": {"a": {}, "b": {}}}})
    assert second["client_keys"]["a"] == first["client_keys"]["a"]
    assert set(second["client_keys"]) == {"a", "b"}
    assert not [path for path in tmp_path.iterdir() if path.name != "secrets.json"]
