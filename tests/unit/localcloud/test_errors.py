"""The catalogue of the API's errors holds what is raised, all of it, and nothing else."""

import ast
from pathlib import Path

import edgewright.localcloud
import pytest
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.error_row import SOURCES
from edgewright.localcloud.error_table import TABLE, reference

PACKAGE = Path(edgewright.localcloud.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cloudflare-errors.md"

# Where a refusal of a model is answered: its code is in the `Refusal`, of family ai.
PASSED_ON = {"refusal.code", "played.refusal.code"}


def calls(name):
    """Every call of a class in the local cloud."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield path.relative_to(PACKAGE), node


def raised():
    """(family, code) of every refusal in the source, those of an error_chain too."""
    for path, call in calls("EnvelopeError"):
        family, code = call.args
        assert isinstance(family, ast.Constant), f"{path}:{call.lineno}: the family must be written out"
        if ast.unparse(code) in PASSED_ON:
            assert family.value == "ai"
            continue
        assert isinstance(code, ast.Constant), f"{path}:{call.lineno}: the code must be written out"
        yield family.value, code.value
        for option in call.keywords:
            if option.arg == "chain":
                yield from ((family.value, link.value) for link in option.value.elts)
    yield from (("ai", call.args[0].value) for _path, call in calls("Refusal"))


def test_every_code_that_is_raised_is_in_the_catalogue():
    assert set(raised()) - set(TABLE) == set()


def test_every_code_of_the_catalogue_is_raised():
    assert set(TABLE) - set(raised()) == set()


@pytest.mark.parametrize(("family", "code"), TABLE, ids=str)
def test_a_row_says_what_it_is_worth(family, code):
    row = TABLE[family, code]
    assert row.source in SOURCES
    assert row.assumed in ("", "status", "text", "status, text")
    assert (row.source == "ours") <= (row.assumed == "status, text")
    assert 400 <= row.status < 600


def test_a_chain_has_the_texts_of_the_catalogue():
    body = EnvelopeError("api", 6003, chain=[6111]).response().get_json()
    assert body["errors"][0]["error_chain"] == [{"code": 6111, "message": "Invalid format for Authorization header"}]


def test_the_page_is_the_one_emitted():
    assert PAGE.read_text() == reference(), "run `make reference`"
