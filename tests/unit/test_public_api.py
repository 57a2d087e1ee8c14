"""The public API is exactly this."""

import edgewright


def test_the_names():
    assert edgewright.__all__ == [
        "EdgeProxy",
        "EdgeProxyArgs",
        "EdgeProxyNodes",
        "EdgewrightError",
        "LocalCloud",
        "StackConfig",
        "stack_config",
    ]


def test_each_name_is_there_and_documented():
    for name in edgewright.__all__:
        assert getattr(edgewright, name).__doc__, name
