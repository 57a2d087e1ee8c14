"""Which engine runs a stack."""

import pytest
from edgewright.engine.select import select
from edgewright.errors import ConfigError


def test_a_stack_that_is_not_there_is_told_before_what_it_would_need(tmp_path):
    (tmp_path / "Pulumi.dev.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        select(tmp_path, "lokal")
    assert "there is no Pulumi.lokal.yaml" in str(caught.value)
    assert "use one of dev" in str(caught.value.fix)
