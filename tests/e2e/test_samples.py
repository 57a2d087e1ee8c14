"""The samples of docs/howto/connect.md and ag-ui.md run as they stand, but for the address and the key."""

import re
import subprocess
import sys

import pytest
from edgewright_verify.upstream import ScriptedUpstream

from .ag_ui_client import CLIENTS, NODE
from .conftest import ROOT, clean_environment
from .odd import targets
from .stage import EVERY_PROTOCOL, KEY, Stage

LARGE = targets("@cf/openai/gpt-oss-120b")


def samples(page):
    """(heading, language, source) of each sample that a page has."""
    text = (ROOT / "docs" / "howto" / page).read_text()
    for part in text.split("\n## "):
        heading = part.partition("\n")[0].removeprefix("# ")
        for language, source in re.findall(r"^```(python|js)\n(.*?)^```", part, re.MULTILINE | re.DOTALL):
            yield pytest.param(language, source, id=f"{heading}-{language}")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    changes = {**EVERY_PROTOCOL, "models": {**EVERY_PROTOCOL["models"], "small": LARGE}}
    changes["agents"] = {"default": {}, "support": {"tools": "client"}}
    with ScriptedUpstream() as unused, Stage(tmp_path_factory.mktemp("samples"), unused, **changes) as made:
        yield made


@pytest.fixture
def run(stage, tmp_path):
    """Runs a sample against the stage; gives what it prints."""
    (tmp_path / "node_modules").symlink_to(ROOT / "tests" / "clients" / "node_modules")

    def run(language, source):
        file = tmp_path / {"python": "sample.py", "js": "sample.mjs"}[language]
        file.write_text(source.replace("https://ai.example.com", stage.url).replace("sk-edge-...", KEY))
        command = {"python": sys.executable, "js": NODE}[language]
        done = subprocess.run(
            [command, file], capture_output=True, text=True, timeout=120, env=clean_environment(), check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(("language", "source"), [*samples("connect.md")])
def test_a_client_is_connected(run, language, source):
    assert 'You wrote "Hello"' in run(language, source)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("language", "source"), [*samples("ag-ui.md")])
def test_an_agent_calls_a_tool_and_goes_on(run, language, source, client):
    printed = run(language, source.replace('"@ag-ui/client"', f'"{client}"'))
    assert "The tool answered: The background is Lavender now." in printed
    assert 'You wrote "Thank you."' in printed
