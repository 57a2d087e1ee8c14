"""Documentation is a tested artefact: every command, key, error code and header is in it."""

import json
import re
from pathlib import Path

import pytest
import typer.main
from edgewright import openapi
from edgewright.cli.app import app
from edgewright.config import StackConfig, capabilities, json_schema, reference
from edgewright.usage import schema
from edgewright_verify.probes import wall
from edgewright_verify.upstream import FAULTS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_is_documented(name, command):
    page = (REFERENCE / "cli.md").read_text()
    assert f"`edgewright {name}`" in page
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert option in page, f"{name} {option}"


def test_the_schema_in_the_docs_is_the_one_emitted():
    assert json.loads((REFERENCE / "stack.schema.json").read_text()) == json_schema()


def test_the_configuration_page_is_the_one_emitted():
    assert (REFERENCE / "configuration.md").read_text() == reference()


def test_the_page_of_the_api_is_the_one_of_the_document():
    assert (REFERENCE / "api.md").read_text() == openapi.reference()


def test_the_page_of_what_models_can_do_is_the_one_of_the_table():
    assert (REFERENCE / "capabilities.md").read_text() == capabilities.reference()


def test_every_key_is_described():
    page = (REFERENCE / "configuration.md").read_text()
    for key in StackConfig.model_fields:
        assert f"| `{key}` |" in page


def test_every_error_code_is_documented():
    source = (ROOT / "worker_src" / "errors.js").read_text()
    codes = set(re.findall(r"^\s*([a-z_]+): [\[{]", source, re.MULTILINE))
    assert len(codes) > 10
    page = (REFERENCE / "errors.md").read_text()
    for code in codes:
        assert f"`{code}`" in page


def test_every_column_of_a_data_point_is_documented():
    page = (REFERENCE / "usage.md").read_text()
    table = schema()
    for name, what in {**table.blobs, **table.doubles}.items():
        assert f"| `{table.columns[name]}` | `{name}` | {what} |\n" in page


def test_every_attribute_of_a_span_and_every_failure_of_a_call_is_documented():
    page = (REFERENCE / "telemetry.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "worker_src" / "telemetry").glob("*.js"))
    attributes = re.findall(r'"((?:gen_ai|http|url|server|error|service|deployment|edgewright)\.[a-z_.]+)":', source)
    kinds = re.findall(
        r"^  (\w+): \{ retry", (ROOT / "worker_src" / "upstream" / "failure.js").read_text(), re.MULTILINE
    )
    assert len(attributes) > 30
    assert len(kinds) > 10
    for name in {*attributes, *kinds}:
        assert f"`{name}`" in page, name


def test_every_header_is_documented():
    page = (REFERENCE / "http.md").read_text()
    for path in (ROOT / "worker_src").rglob("*.js"):
        for header in re.findall(r'"(x-edge-[a-z-]+)"', path.read_text()):
            assert f"`{header}`" in page, header


def test_every_fault_and_every_model_of_the_wall_is_documented():
    page = (ROOT / "docs" / "howto" / "wall.md").read_text()
    for name, fault in FAULTS.items():
        assert f"| `{name}` | {fault.summary} |\n" in page
    for name, targets in wall.MODELS.items():
        assert f"| `{name}` | {', '.join(f'`{target}`' for target in targets)} |" in page


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md")), ids=str)
def test_links_lead_somewhere(page):
    prose = re.sub(r"`[^`]*`", "", page.read_text())
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", prose):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_that_a_page_names_exists():
    made = set(re.findall(r"^([a-z0-9_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md")]:
        for target in re.findall(r"`make ([a-z0-9_-]+)", page.read_text()):
            assert target in made, f"{page.name}: make {target}"


def test_every_promise_of_the_threat_model_names_tests_that_exist():
    page = (ROOT / "docs" / "explanation" / "threat-model.md").read_text()
    promises = re.findall(r"^\| (T\d+) \|.*\| (.+) \|$", page, re.MULTILINE)
    assert [number for number, _ in promises] == [f"T{index + 1}" for index in range(page.count("\n| T"))]
    for number, shown in promises:
        named = re.findall(r"`(tests/[^`]+)`(?:: ((?:\"[^\"]+\"(?:, )?)+))?", shown)
        assert named, f"{number} names no test"
        for place, titles in named:
            path, _, function = place.partition("::")
            source = (ROOT / path).read_text()
            for wanted in [f"def {function}("] * bool(function) + re.findall(r"\"[^\"]+\"", titles):
                assert wanted in source, f"{number}: {wanted} is not in {path}"
