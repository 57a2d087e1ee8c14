"""Commands in this process, against a local cloud in this process: the slow imports are paid once, not by each run."""

import json
from contextlib import contextmanager

import pytest
from edgewright.cli.app import app
from edgewright.errors import EdgewrightError
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from typer.testing import CliRunner


@contextmanager
def local_cloud():
    """A local cloud that the environment names."""
    with LocalCloud() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDFLARE_BASE_URL", running.api_url)
        patch.setenv("CLOUDFLARE_API_TOKEN", running.token)
        patch.delenv(STATE_VARIABLE, raising=False)
        yield running


def said(project, *arguments, expect=0):
    """What one run printed: (stdout, stderr). A refusal is exit code 2 and its message, as `main` makes it."""
    ran = CliRunner().invoke(app, [*map(str, arguments), "--project", str(project)])
    refused = isinstance(ran.exception, EdgewrightError)
    if ran.exception is not None and not refused and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    code = 2 if refused else ran.exit_code
    err = str(ran.exception) if refused else ran.stderr
    assert code == expect, ran.stdout + err
    return ran.stdout, err


def run(project, *arguments, expect=0):
    """The JSON of one run, or the message of a refusal."""
    out, err = said(project, *arguments, "--json", expect=expect)
    return err if expect == 2 else json.loads(out.splitlines()[-1])
