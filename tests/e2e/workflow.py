"""Runs the steps of a workflow or a composite action as GitHub's runner does, but for the actions that it names.

Expressions are filled in from what a test gives; commands are run exactly as they are written.
"""

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field

import yaml

from .conftest import clean_environment

_EXPRESSION = re.compile(r"\$\{\{(.+?)\}\}")


def steps_of(path, job=None):
    """The steps with a command of a workflow's job, or of a composite action."""
    document = yaml.safe_load(path.read_text())
    held = document["runs"] if job is None else document["jobs"][job]
    return {"env": held.get("env", {}), "steps": [step for step in held["steps"] if "run" in step]}


def filled(text, values):
    """``text`` with its expressions evaluated: a path of ``values``, or ``path || 'default'``."""

    def value(match):
        path, _, default = (part.strip() for part in match[1].partition("||"))
        found = values.get(path, "")
        return str(found or default.strip("'"))

    return _EXPRESSION.sub(value, str(text))


@dataclass
class Runner:
    """One job on one machine: a workspace, files that carry state from step to step, and what was printed."""

    workspace: object
    temp: object
    values: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    def __post_init__(self):
        self.temp.mkdir(exist_ok=True)
        for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            (self.temp / name).touch()
        self.values.setdefault("runner.temp", self.temp)
        self._groups = []

    def run(self, step, job_environment=()):
        """Run a step; returns the finished process with its output, both streams together as in a log."""
        given = {**self.environment, **dict(job_environment), **step.get("env", {})}
        files = {name: self.temp / name for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment = clean_environment(
            **{name: filled(text, self.values) for name, text in given.items()},
            **{name: str(path) for name, path in files.items()},
            RUNNER_TEMP=str(self.temp),
            GITHUB_ACTIONS="true",
        )
        added = files["GITHUB_PATH"].read_text().split()
        environment["PATH"] = os.pathsep.join([*reversed(added), environment["PATH"]])
        # What `shell: bash` and the default mean to the runner.
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if "shell" in step else ["-e"]
        log = self.temp / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", *options, "-c", filled(step["run"], self.values)],
                cwd=self.workspace,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            code = process.wait(300)
        return subprocess.CompletedProcess(step["run"], code, log.read_text())

    def output(self):
        """What steps have set, by name."""
        return dict(line.split("=", 1) for line in (self.temp / "GITHUB_OUTPUT").read_text().splitlines())

    def end(self):
        """End what steps have left running, as the runner does after a job."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue
