"""The engine for machines without the pulumi CLI: same program, same API calls, its own state file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edgewright.config import PROJECT, StackConfig, StackFile, from_stack_file
from edgewright.engine import resources
from edgewright.engine.api import CloudflareApi
from edgewright.engine.deployment import Deployment
from edgewright.engine.intended import Intended, record
from edgewright.engine.plan import NONE, Listener, Policies, Result, ignore
from edgewright.engine.state import State, locked
from edgewright.errors import EngineError
from edgewright.keys import LocalSecrets
from edgewright.paths import stack_folder


class EmbeddedEngine:
    """Runs one stack of the project in ``project`` against ``api``.

    ``overrides`` replace keys of the stack file, e.g. to put a real upstream behind the local stack. A run of the
    program must satisfy ``policies``. A stack without a file of its own has that of the stack ``base``.
    """

    embedded = True

    def __init__(
        self,
        project: Path,
        stack: str,
        api: Callable[[], CloudflareApi] = CloudflareApi.from_environment,
        overrides: Mapping[str, Any] | None = None,
        policies: Policies = NONE,
        base: str | None = None,
    ) -> None:
        self.stack = stack
        self._policies = policies
        self._project = project
        self._api = api
        self._folder = stack_folder(project, stack)
        self._secrets = LocalSecrets(self._folder)
        file = StackFile.read(project, base or stack)
        self._file = StackFile(stack, file.path, {**file.values, **(overrides or {})}, file.encrypted)
        if file.encrypted:
            raise EngineError(
                f"{file.path}: {', '.join(sorted(file.encrypted))} is encrypted; only the pulumi CLI can read it.",
                fix="install pulumi, or give the secrets as EDGEWRIGHT_* variables",
            )

    def config(self) -> StackConfig:
        """The stack's checked configuration; nothing is called.

        Raises:
            ConfigError: every finding.
        """
        return from_stack_file(self._file, secrets=self._secrets)

    def preview(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """What `up` would do; the API is only read.

        Raises:
            EngineError: a mandatory policy is violated; lists every violation.
        """
        return self._run(listener, hold, dry_run=True)

    def up(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """Bring the account to what the program says; with policies only after a preview that satisfies them.

        ``hold`` is the id of a version that keeps all requests. What it may still use is not deleted: the next `up`
        without it does that.

        Raises:
            ConfigError: before anything is called.
            EngineError: as `preview`, before anything is written.
            ApiError: a call failed; the state holds what was done, and the next run goes on from there.
        """
        advice = self.preview(hold=hold).advice if self._policies.packs else []
        result = self._run(listener, hold, dry_run=False)
        result.advice = advice
        return result

    def refresh(self, listener: Listener = ignore) -> Result:
        """Take note of what is gone or was changed by hand; the program is not run, and the account stays as it is."""
        with locked(self._folder):
            deployment = Deployment(self._api(), State.load(self._folder), listener=listener)
            deployment.refresh()
        return deployment.result

    def destroy(self, listener: Listener = ignore) -> Result:
        """Delete everything in the state but what is retained; the program is not run."""
        with locked(self._folder):
            state = State.load(self._folder)
            deployment = Deployment(self._api(), state, listener=listener)
            deployment.finish()
            state.outputs, state.secret_outputs, state.pending = {}, [], []
            state.save()
        return deployment.result

    def forget(self) -> None:
        """Remove the stack's state and secrets; what it made is left to the caller."""
        if self._folder.is_dir():
            with locked(self._folder):
                shutil.rmtree(self._folder)

    def outputs(self, *, reveal: bool = False) -> dict[str, Any]:
        """The outputs of the last `up`; secret ones as ``[secret]`` unless ``reveal``.

        Raises:
            EngineError: the stack is not deployed, or the cloud that it was deployed to is not there any more.
        """
        state = State.load(self._folder)
        if not state.outputs:
            raise EngineError(f"stack {self.stack} is not deployed.", fix=f"edgewright up --stack {self.stack}")
        self._api()
        hidden = dict.fromkeys(state.secret_outputs, "[secret]")
        if reveal:
            config = self.config()
            known = {
                "verify_key": config.verify_key,
                "other_key": config.other_key,
                "drill_secret": config.drill_secret,
            }
            hidden |= {name: held.get_secret_value() for name, held in known.items() if held and name in hidden}
        return {**state.outputs, **hidden}

    def intended(self, api: CloudflareApi) -> list[Intended]:
        """What the program says now, its secrets left out; ``api`` is asked for zones alone.

        Raises:
            ConfigError: every finding.
            EngineError: the stack is not deployed.
        """
        self.config()
        return record(self._project / "infra", self.stack, self._program_config(api, {}), api, self.outputs())

    def _run(self, listener: Listener, hold: str | None, *, dry_run: bool) -> Result:
        self.config()  # wrong configuration ends here, before the slow imports and any call
        # Imports Pulumi: half a second that `outputs` and `destroy` need not pay.
        from edgewright.engine.monitor import DeploymentMonitor, run_program, split_secrets
        from edgewright.engine.policy import checking

        with locked(self._folder), checking(self._policies if dry_run else NONE) as check:
            state = State.load(self._folder)
            api = self._api()
            deployment = Deployment(api, state, dry_run, listener)
            invoke = partial(resources.invoke, api)
            monitor = DeploymentMonitor(deployment, invoke, check.resource)
            config = self._program_config(api, {"hold": hold} if hold else {})
            run_program(self._project / "infra", self.stack, config, monitor, dry_run=dry_run)
            deployment.result.advice = check.ended()
            deployment.finish(delete=hold is None)
            if not dry_run:
                state.outputs, state.secret_outputs = split_secrets(monitor.outputs)
                state.save()
        deployment.result.outputs = split_secrets(monitor.outputs)[0]
        return deployment.result

    def _program_config(self, api: CloudflareApi, given: Mapping[str, Any]) -> dict[str, str]:
        """The configuration as the CLI hands it to a program: strings, objects as JSON.

        What the stack is deployed to is also where its usage is reported from.
        """
        usage = self._file.values.get("usage")
        reported = {"usage_token": api.token, "usage": {**usage, "api_url": api.url}} if usage else {}
        return {
            f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in {**self._file.values, **reported, **given}.items()
        }
