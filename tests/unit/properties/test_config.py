"""The loader: whatever a file says, a valid configuration or a refusal that names the field, and nothing else."""

import json
import re

import pytest
import yaml
from edgewright.config import StackConfig, StackFile, from_pulumi, from_stack_file, from_values
from edgewright.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st
from stacks import CLIENT_KEYS, SECRET, damaged_stacks, stacks, values_of_yaml


def accepted(load):
    """Whether ``load()`` accepts; else its refusal must be one that a person can follow."""
    try:
        config = load()
    except ConfigError as error:
        said = str(error)
        said.encode()
        assert SECRET not in said
        assert not any(key in said for key in CLIENT_KEYS)
        for finding in error.findings:
            assert re.match(r"  - [^\s:.\[]*.*?[:.\[]", finding, re.DOTALL), finding
            assert "Fix: " in finding, finding
        return False
    assert isinstance(config, StackConfig)
    return True


@given(stacks())
def test_a_valid_stack_is_accepted(stack):
    assert accepted(lambda: from_values(stack, source="x"))


@given(damaged_stacks())
def test_a_damaged_stack_is_accepted_or_refused(stack):
    accepted(lambda: from_values(stack, source="x"))


@given(st.dictionaries(st.text(max_size=6) | st.sampled_from(sorted(StackConfig.model_fields)), values_of_yaml))
def test_any_values_are_accepted_or_refused(values):
    accepted(lambda: from_values(values, source="x"))


@given(stacks(), st.sampled_from(sorted(StackConfig.model_fields)), st.sampled_from([b"", {"x": object}, [0.5], -1]))
def test_the_refusal_names_the_key_that_is_wrong(stack, key, wrong):
    with pytest.raises(ConfigError) as caught:
        from_values({**stack, key: wrong}, source="x")
    assert any(finding.startswith(f"  - {key}") for finding in caught.value.findings), caught.value.findings


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project's folder; ``project(text)`` reads and loads a stack file that holds ``text``."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "Pulumi.yaml").write_text("name: edgewright\n")

    def load(content):
        (folder / "Pulumi.dev.yaml").write_bytes(content)
        return from_stack_file(StackFile.read(folder, "dev"))

    return load


TOKENS = [
    "config:",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "| ",
    '"',
    "'",
]
TAGS = ["!!int ", "!!float ", "!!bool ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!null ", "!x ", "!!str "]
WORDS = [
    "edgewright:",
    "models",
    "upstreams",
    "auth",
    "client_keys",
    "secure",
    "2026-01-01",
    "0x_",
    f"0x{'f' * 5_000}",
    "1e3",
    "~",
    "=",
    "\\ud800",
]
SECURE = st.sampled_from(["client_keys", "upstream_keys", "drill_secret", "otlp_headers"])


@given(st.lists(st.sampled_from(TOKENS + TAGS + WORDS) | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_of_a_file_is_accepted_or_refused(project, text):
    for head in ("", "config:\n  edgewright:models: "):
        accepted(lambda head=head: project((head + text).encode("utf8", "surrogatepass")))


@given(st.binary(max_size=30))
def test_any_bytes_of_a_file_are_accepted_or_refused(project, content):
    accepted(lambda: project(content))


@given(damaged_stacks(), st.sets(SECURE), st.integers(0), st.text(max_size=2))
def test_a_damaged_file_is_accepted_or_refused(project, stack, encrypted, place, put):
    """Values as they are written, secrets encrypted as the CLI does it, a few characters of the text changed."""
    hidden = {key: {"x": {"secure": "v1:abc"}} for key in encrypted}
    config = {f"edgewright:{key}": value for key, value in {**stack, **hidden}.items()}
    try:
        text = yaml.dump({"config": config}, Dumper=yaml.CSafeDumper, allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        return  # What YAML cannot write no file holds.
    accepted(lambda: project(text.encode("utf8", "surrogatepass")))
    at = place % (len(text) + 1)
    accepted(lambda: project((text[:at] + put + text[at + 1 :]).encode("utf8", "surrogatepass")))


@given(damaged_stacks(), st.dictionaries(st.sampled_from(sorted(StackConfig.model_fields)), st.text(max_size=8)))
def test_what_the_cli_hands_to_the_program_is_accepted_or_refused(stack, texts):
    config = {}
    for key, value in stack.items():
        try:
            config[f"edgewright:{key}"] = value if isinstance(value, str) else json.dumps(value)
        except (TypeError, ValueError):
            continue  # What JSON cannot write the CLI does not hand over.
    config.update({f"edgewright:{key}": text for key, text in texts.items()})
    accepted(lambda: from_pulumi(config, stack="dev"))


@pytest.mark.parametrize("depth", [500, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_nesting_is_refused(depth, brackets):
    opening = "[" if brackets == "[]" else '{"a":'
    text = opening * depth + "1" + brackets[1] * depth
    assert not accepted(lambda: from_pulumi({"edgewright:models": text}, stack="dev"))
