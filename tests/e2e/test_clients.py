"""The page of clients is of the versions that are pinned and of the tests that there are."""

import ast

from .clients import PAGE, ROOT, known


def names_in(file):
    tree = ast.parse((ROOT / "tests" / "e2e" / f"{file}.py").read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {node.name.removeprefix("test_").replace("_", " ") for node in functions}


def test_the_page_is_of_these_versions_and_tests():
    sections = dict(part.split("\n", 1) for part in PAGE.read_text().split("\n## ")[1:])
    assert sections.keys() == known().keys()
    for title, (files, columns) in known().items():
        head, _, *rows = sections[title].strip().split("\n")
        assert head == f"| | {' | '.join(columns.values())} |", "run `make clients`"
        told = {row.split(" | ")[0].removeprefix("| ") for row in rows}
        tests = set().union(*(names_in(file) for file in files))
        # Of several versions only those tests are rows that drive each of them.
        assert told == tests if "" in columns else told and told <= tests, "run `make clients`"
        assert "| fails" not in sections[title]
