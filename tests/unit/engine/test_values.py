"""Values between Pulumi, the API and the state file."""

from edgewright.engine.values import differences, from_api, revealed, sealed, to_api
from hypothesis import given
from hypothesis import strategies as st

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hush"}


def test_names_become_the_apis():
    sent = to_api(
        {
            "mainModule": "entry.js",
            "annotations": {"workersMessage": "m", "workersTag": "t"},
            "modules": [{"contentBase64": "eA==", "contentType": "x"}],
            "exports": {"MyClass": {"type": "durable-object"}},
            "limits": None,
        }
    )
    assert sent == {
        "main_module": "entry.js",
        "annotations": {"workers/message": "m", "workers/tag": "t"},
        "modules": [{"content_base64": "eA==", "content_type": "x"}],
        "exports": {"MyClass": {"type": "durable-object"}},
    }


def test_names_come_back():
    assert from_api({"created_on": "x", "annotations": {"workers/tag": "t"}}) == {
        "createdOn": "x",
        "annotations": {"workersTag": "t"},
    }


def test_a_secret_is_sealed_for_the_state_and_revealed_for_the_call():
    value = {"bindings": [{"name": "A", "text": SECRET}]}
    assert revealed(value) == {"bindings": [{"name": "A", "text": "hush"}]}
    kept = sealed(value, "00" * 16)
    assert "hush" not in str(kept)
    assert kept == sealed(value, "00" * 16)
    assert kept != sealed(value, "01" * 16)


PLAIN = st.recursive(
    st.booleans() | st.integers(min_value=2) | st.text(max_size=5),  # null is the same as absent
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_differences_are_found_exactly_where_values_differ(a, b):
    assert (differences(a, b) == []) == (a == b)


def test_a_difference_is_named_by_its_path():
    old = {"bindings": [{"name": "A", "text": {"secret_digest": "1"}}], "x": 1}
    new = {"bindings": [{"name": "A", "text": {"secret_digest": "2"}}], "y": 1}
    assert differences(old, new) == ["bindings[0].text", "x", "y"]
