"""The engine for every real account: the pulumi CLI, driven through the Automation API."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from edgewright.config import PROJECT
from edgewright.engine.plan import NONE, Listener, Operation, Policies, Result, Step, ignore
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
    """Runs one stack of the project in ``project`` with the CLI and the backend it is logged in to."""

    def __init__(self, project: Path, stack: str, policies: Policies = NONE) -> None:
        self.stack = stack
        self._project = project
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
            done = self._run(lambda stack: stack.up(on_event=events, config_file=file, **self._policies))
        events.result.outputs = {name: out.value for name, out in done.outputs.items() if not out.secret}
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

    @contextmanager
    def _config(self, hold: str | None) -> Iterator[str | None]:
        """A stack file for one run that holds a version; None: the stack's own, which no run changes."""
        if hold is None:
            yield None
            return
        document = yaml.safe_load((self._project / f"Pulumi.{self.stack}.yaml").read_text("utf8")) or {}
        document["config"] = {**(document.get("config") or {}), f"{PROJECT}:hold": hold}
        with tempfile.TemporaryDirectory(prefix="edgewright-") as folder:
            path = Path(folder, f"Pulumi.{self.stack}.yaml")
            path.write_text(yaml.safe_dump(document), "utf8")
            yield str(path)

    def _run(self, action: Any) -> Any:
        from pulumi import automation

        try:
            stack: automation.Stack = automation.create_or_select_stack(self.stack, work_dir=str(self._project))
            return action(stack)
        except automation.CommandError as error:
            raise EngineError(f"pulumi failed on stack {self.stack}:\n{error}") from None


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
            step = Step(_OPERATIONS[data.op], data.type, data.urn.rsplit("::", 1)[-1], tuple(data.diffs or ()))
            if done:
                self.result.steps.append(step)
            self._listener(step, done)
