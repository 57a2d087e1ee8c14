"""Which client of which version does what: docs/reference/clients.md, written from a run of the tests alone."""

import json
import re
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "clients.md"
HEAD = """# Clients

Made by `make clients` from a run of `tests/e2e`; do not edit. A row is a test that drives the unmodified client against
the deployed Worker; `-` where no test drives a version, because it lacks what the row is about: CopilotKit 1.10 keeps
its talk in the page, so no reload brings it back. How each is set up: [connect a client](../howto/connect.md).
"""


def _npm(folder):
    manifest = json.loads((ROOT / folder / "package.json").read_text())
    return {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}


def _node(name):
    return f"Node {_npm('tests/clients')[name]}"


def _python(name):
    return f"Python {version(name)}"


def _aliased(folder, prefix):
    """Versions of one package under several names: ``{"ag-ui-1.0.0": "1.0.0"}``."""
    found = {name: told.rsplit("@", 1)[-1] for name, told in _npm(folder).items() if name.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda pair: [int(part) for part in pair[1].split(".")]))


def known():
    """Title -> (files, columns); a column is the word that its tests have in their parameters -> version ("": all)."""
    ag_ui = _aliased("tests/clients", "ag-ui-")
    pages = {
        name.removeprefix("react-ui-"): told for name, told in _aliased("examples/copilotkit-chat", "react-ui-").items()
    }
    both = f"{_python('openai')}, {_node('openai')}"
    return {
        "OpenAI: chat (`openai`)": (["test_openai_client"], {"": _python("openai")}),
        "OpenAI: Responses and completions (`openai`)": (["test_responses"], {"": both}),
        "OpenAI: embeddings (`openai`)": (["test_embeddings"], {"": both}),
        "Vercel AI SDK (`ai`, `@ai-sdk/openai-compatible`)": (["test_ai_sdk"], {"": _node("ai")}),
        "Pydantic AI (`pydantic-ai`)": (["test_pydantic_ai"], {"": _python("pydantic-ai-slim")}),
        "Anthropic (`anthropic`, `@anthropic-ai/sdk`)": (
            ["test_anthropic_client"],
            {"": f"{_python('anthropic')}, {_node('@anthropic-ai/sdk')}"},
        ),
        "AG-UI (`@ag-ui/client`)": (["test_ag_ui"], ag_ui),
        "CopilotKit's runtime, by AG-UI clients (`@ag-ui/client`)": (["test_copilotkit"], ag_ui),
        "CopilotKit 1.10 (`@copilotkit/runtime-client-gql`)": (
            ["test_copilotkit_graphql"],
            {"": _npm("tests/clients")["@copilotkit/runtime-client-gql"]},
        ),
        "CopilotKit pages in Chromium (`@copilotkit/react-ui`)": (["test_copilotkit_page"], pages),
    }


class Table:
    """Outcomes of tests as they end; ``write`` puts them on the page."""

    def __init__(self):
        self.seen = {}

    def note(self, node, passed):
        """One test has ended; ``node`` is its id, e.g. ``tests/e2e/test_ag_ui.py::test_a_run[ag-ui-1.0.0]``."""
        found = re.fullmatch(r"tests/e2e/(\w+)\.py::test_(\w+)(?:\[(.*)\])?", node)
        if found:
            self.seen.setdefault((found[1], found[2]), []).append((found[3] or "", passed))

    def write(self):
        PAGE.write_text("\n".join([HEAD, *(self._section(title, *given) for title, given in known().items())]))

    def _section(self, title, files, columns):
        rows = []
        for (file, name), ran in self.seen.items():
            cells = [_cell([passed for word, passed in ran if column in word]) for column in columns]
            if file in files and any(cell != "-" for cell in cells):
                rows.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
        head = f"| | {' | '.join(columns.values())} |\n|{' --- |' * (len(columns) + 1)}"
        return "\n".join([f"## {title}", "", head, *rows, ""])


def _cell(passed):
    if not passed:
        return "-"
    return "works" if all(passed) else "fails"
