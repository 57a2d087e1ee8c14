"""Rendering: every valid configuration renders, and what is in its modules is what the configuration says."""

import json
import re

from edgewright.config import from_values
from edgewright.errors import RenderError
from edgewright.rendering import render
from edgewright.rendering.context import config_values
from edgewright.rendering.environment import js
from hypothesis import given
from hypothesis import strategies as st
from stacks import CLIENT_KEYS, SECRET, stacks, texts, values_of_yaml

FROZEN = re.compile(r"^export default freeze\((.*)\);$", re.DOTALL | re.MULTILINE)
IMPORT = re.compile(r'import (?:\w+|\{ \w+ \}) from "\./[a-z_/]+\.js";')


@given(stacks())
def test_a_valid_stack_renders_to_its_own_values(stack):
    config = from_values(stack, source="x")
    bundle = render(config)
    sources = {module.name: module.source for module in bundle.modules}
    values = json.loads(FROZEN.search(sources["config.js"]).group(1))
    assert values == config_values(config)
    assert stack.get("limits", {}).items() <= values["limits"].items()
    for name, model in stack["models"].items():
        written = [target["model"] for target in values["models"][name]["targets"]]
        assert written == [target["model"] for target in model["targets"]]
    assert render(config).content_hash == bundle.content_hash
    for secret in (SECRET, *CLIENT_KEYS):
        assert secret not in sources["config.js"] + sources["entry.js"]
    for line in sources["entry.js"].splitlines():
        assert not line.startswith("import") or IMPORT.fullmatch(line), line


@given(st.dictionaries(texts | st.text(), values_of_yaml, max_size=3))
def test_a_literal_is_read_back_equal_or_refused(value):
    try:
        literal = js(value)
    except RenderError:
        return
    assert not re.search("[<\u2028\u2029]", literal)
    assert json.loads(literal) == json.loads(json.dumps(value, allow_nan=False))
    literal.encode()
