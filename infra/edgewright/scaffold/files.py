"""The files of a new project, and writing them where nothing is overwritten."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import jinja2

from edgewright import assets
from edgewright.errors import ConfigError
from edgewright.scaffold.answers import Answers
from edgewright.scaffold.stacks import STACKS, stack_text

# Path in the package's assets -> path in the project.
_CARRIED = {
    "Pulumi.yaml": "Pulumi.yaml",
    "infra/__main__.py": "infra/__main__.py",
    "policy/__main__.py": "policy/__main__.py",
    "policy/PulumiPolicy.yaml": "policy/PulumiPolicy.yaml",
    **{
        f"examples/github/workflows/{name}.yml": f".github/workflows/{name}.yml"
        for name in ("pull-request", "deploy", "drift")
    },
}
_IGNORED = (".venv/", ".edgewright/", "__pycache__/", "evidence.key")


def files(answers: Answers) -> dict[str, str]:
    """Path in the project -> text.

    Raises:
        ConfigError: an answer does not fit.
    """
    found = {f"Pulumi.{stack}.yaml": stack_text(answers, stack) for stack in STACKS}
    found |= {there: (assets.root() / here).read_text("utf8") for here, there in _CARRIED.items()}
    readme = Path(__file__).with_name("README.md.j2").read_text("utf8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    found["README.md"] = environment.from_string(readme).render(
        name=answers.name, account_id=answers.account_id, zone=answers.zone
    )
    found["requirements.txt"] = f"edgewright[all]=={version('edgewright')}\n"
    found[".gitignore"] = "".join(f"{line}\n" for line in _IGNORED)
    return found


def write(folder: Path, found: dict[str, str]) -> None:
    """Write the files; makes the folder.

    Raises:
        ConfigError: one of them is there already; nothing has been written.
    """
    there = sorted(path for path in found if (folder / path).exists())
    if there:
        raise ConfigError(
            f"init: {folder / there[0]} is there already"
            + (f", and {len(there) - 1} more of the files to write." if there[1:] else "."),
            fix="give an empty folder: edgewright init FOLDER",
        )
    for path, text in found.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf8")
