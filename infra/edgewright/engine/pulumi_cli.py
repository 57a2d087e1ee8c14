"""The engine for every real account: the pulumi CLI, driven through the Automation API."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from edgewright.config import PROJECT
from edgewright.config.models import SECRET_KEYS
from edgewright.config.variables import as_variables
from edgewright.engine.plan import NONE, Listener, Operation, Policies, Result, Step, ignore
from edgewright.engine.reasons import reasons
from edgewright.errors import EngineError

if TYPE_CHECKING:
    from pulumi import automation

    from edgewright.engine.api import CloudflareApi
    from edgewright.engine.intended import Intended

_OPERATIONS: dict[str, Operation] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "discard": "retain",
}


class PulumiCli:
    """Runs one stack of the project in ``project`` with the CLI and the backend it is logged in to.

    A stack without a file of its own has that of the stack ``base``, with ``overrides`` in the place of its keys: in
    a file for one run, secrets in the environment of that run, so that no file and no command line holds them.
    """

    embedded = False

    def __init__(
        self,
        project: Path,
        stack: str,
        policies: Policies = NONE,
        base: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.stack = stack
        self._project = project
        self._base = base
        self._overrides = dict(overrides or {})
        # What a reaper on another machine has removed is in the state still.
        self._refreshed = {} if base is None else {"refresh": True}
        # Absolute: the CLI runs in the project, a person's path is from where they are.
        given = {"policy_packs": policies.packs, "policy_pack_configs": policies.settings}
        self._policies = {name: [str(path.resolve()) for path in paths] for name, paths in given.items() if paths}

    def preview(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """What `up` would do."""
        events = _Events(listener)
        with self._config(hold) as file:
            self._run(lambda stack: stack.preview(on_event=events, config_file=file, **self._policies))
        return events.result

    def up(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """Deploy; ``hold`` is the id of a version that keeps all requests.

        Raises:
            EngineError: the CLI failed; holds what it said. Or it would delete what the version may still use.
        """
        deleted = [step for step in self.preview(hold=hold).steps if step.operation == "delete"] if hold else []
        if deleted:
            names = ", ".join(f"{step.short_type} {step.name}" for step in deleted)
            raise EngineError(
                f"this release deletes {names}, which the version before may use until it is replaced.",
                fix=f"deploy it at once: edgewright up --stack {self.stack}",
            )
        events = _Events(listener)
        with self._config(hold) as file:
            done = self._run(
                lambda stack: stack.up(on_event=events, config_file=file, **self._policies, **self._refreshed)
            )
        events.result.outputs = {name: out.value for name, out in done.outputs.items() if not out.secret}
        return events.result

    def refresh(self, listener: Listener = ignore) -> Result:
        """Take note of what is gone or was changed by hand."""
        events = _Events(listener)
        with self._config(None) as file:
            self._run(lambda stack: stack.refresh(on_event=events, config_file=file))
        return events.result

    def destroy(self, listener: Listener = ignore) -> Result:
        """Delete what the stack made. With ``--refresh``, so that what is already gone is no error."""
        events = _Events(listener)
        self._run(lambda stack: stack.destroy(on_event=events, refresh=True))
        return events.result

    def outputs(self, *, reveal: bool = False) -> dict[str, Any]:
        """Outputs of the last `up`; secret ones as ``[secret]`` unless ``reveal``."""
        held = self._run(lambda stack: stack.outputs())
        return {name: out.value if reveal or not out.secret else "[secret]" for name, out in held.items()}

    def intended(self, api: CloudflareApi) -> list[Intended]:
        """What the program says now, its secrets left out; ``api`` is asked for zones alone.

        Raises:
            EngineError: the CLI failed, or the program did.
        """
        from edgewright.engine.intended import record

        held = self._run(lambda stack: stack.get_all_config())
        config = {name: value.value for name, value in held.items()}
        return record(self._project / "infra", self.stack, config, api, self.outputs())

    def forget(self) -> None:
        """Remove the stack from the backend, and with it what is left of its resources."""
        from pulumi import automation

        try:
            stack = automation.select_stack(self.stack, work_dir=str(self._project))
        except automation.StackNotFoundError:
            return
        self.destroy()
        self._run(lambda _: stack.workspace.remove_stack(self.stack))

    @contextmanager
    def _config(self, hold: str | None) -> Iterator[str | None]:
        """A stack file for one run that holds a version; None: the stack's own, which no run changes."""
        if hold is None and self._base is None:
            yield None
            return
        document = yaml.safe_load((self._project / f"Pulumi.{self._base or self.stack}.yaml").read_text("utf8")) or {}
        given = self._plain() | ({"hold": hold} if hold else {})
        document["config"] = {
            **self._own(document.get("config") or {}),
            **{f"{PROJECT}:{key}": value for key, value in given.items()},
        }
        if self._base is not None:
            document = {"config": document["config"]}  # what encrypts is the base's own
        with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
            path = Path(folder, f"Pulumi.{self.stack}.yaml")
            path.write_text(yaml.safe_dump(document), "utf8")
            yield str(path)

    def _plain(self) -> dict[str, Any]:
        """What replaces the base's keys and is no secret; a key that is to be absent is left out."""
        given = self._overrides.items()
        return {key: value for key, value in given if key not in SECRET_KEYS and value is not None}

    def _own(self, config: dict[str, Any]) -> dict[str, Any]:
        """The stack's own keys; of a base those that are not replaced, and that this stack can decrypt."""
        if self._base is None:
            return config
        gone = {f"{PROJECT}:{key}" for key in (*SECRET_KEYS, *self._overrides)}
        return {key: value for key, value in config.items() if key not in gone}

    def _secrets(self, base: str) -> dict[str, str]:
        """The base's secrets and those in their place, as variables of the CLI's process."""
        from pulumi import automation

        held = automation.select_stack(base, work_dir=str(self._project)).get_all_config()
        decrypted = {key: _value(held[f"{PROJECT}:{key}"].value) for key in SECRET_KEYS if f"{PROJECT}:{key}" in held}
        replaced = {key: value for key, value in self._overrides.items() if key in SECRET_KEYS}
        return as_variables({**decrypted, **replaced})

    def _run(self, action: Any) -> Any:
        from pulumi import automation

        try:
            secrets = self._secrets(self._base) if self._base and self._overrides else {}
            stack: automation.Stack = automation.create_or_select_stack(
                self.stack,
                work_dir=str(self._project),
                opts=automation.LocalWorkspaceOptions(env_vars=secrets) if secrets else None,
            )
            return action(stack)
        except automation.CommandError as error:
            raise EngineError(f"pulumi failed on stack {self.stack}:\n{error}") from None


def _value(text: str) -> Any:
    """The CLI tells every value as text, an object or a list as JSON."""
    return json.loads(text) if text.startswith(("{", "[")) else text


def _inputs(state: automation.StepEventStateMetadata | None) -> Mapping[str, Any]:
    return state.inputs if state is not None and state.inputs else {}


class _Events:
    """Turns engine events into steps."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.result = Result()

    def __call__(self, event: automation.EngineEvent) -> None:
        for held, done in ((event.resource_pre_event, False), (event.res_outputs_event, True)):
            if held is None or held.metadata.op not in _OPERATIONS or not held.metadata.type.startswith("cloudflare:"):
                continue
            data = held.metadata
            changed = tuple(data.diffs or ())
            why = reasons(_inputs(data.old), _inputs(data.new)) or changed
            step = Step(_OPERATIONS[data.op], data.type, data.urn.rsplit("::", 1)[-1], changed, why=why)
            if done:
                self.result.steps.append(step)
            self._listener(step, done)
