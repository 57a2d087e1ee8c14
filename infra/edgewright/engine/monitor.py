"""The SDK's mock monitor with a deployment behind it: registrations become API calls."""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from edgewright.config import PROJECT
from edgewright.engine.deployment import Deployment
from edgewright.engine.values import from_struct, is_secret
from edgewright.errors import EdgewrightError, EngineError

STACK_TYPE = "pulumi:pulumi:Stack"


class _Invokes(mocks.Mocks):
    """Data sources go to ``invoke``; resources never come here (`DeploymentMonitor` takes them first)."""

    def __init__(self, invoke: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._invoke = invoke

    def call(self, args: mocks.MockCallArgs) -> Any:
        return self._invoke(args.token, args.args)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise EngineError(f"{args.typ} {args.name}: reading or importing resources needs the pulumi CLI.")


class DeploymentMonitor(mocks.MockMonitor):
    """Carries out what the program registers, and keeps the first failure."""

    def __init__(self, deployment: Deployment, invoke: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        super().__init__(_Invokes(invoke))
        self._deployment = deployment
        self.outputs: dict[str, Any] = {}
        self.failure: EdgewrightError | None = None

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        with self._noting_failures():
            return super().Invoke(request)  # type: ignore[no-untyped-call]

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE or not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()  # type: ignore[no-untyped-call]
        with self._noting_failures():
            identifier, outputs = self._deployment.register(
                urn,
                request.type,
                request.name,
                from_struct(request.object),
                list(request.dependencies),
                request.retainOnDelete,
            )
        self.resources[urn] = self.ResourceRegistration(urn, identifier, outputs)
        response = _sync_await(rpc.serialize_properties(outputs, {}))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=response)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        if f"::{STACK_TYPE}::" in request.urn:
            self.outputs = from_struct(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        try:
            yield
        except EdgewrightError as error:
            self.failure = self.failure or error
            raise


def run_program(
    program: Path, stack: str, config: Mapping[str, str], monitor: DeploymentMonitor, *, dry_run: bool
) -> None:
    """Run the program at ``program`` (a folder with ``__main__.py``) as the Python language host would.

    Raises:
        EdgewrightError: the first failure of an API call or of the configuration.
        EngineError: the program itself raised something else.
    """
    set_all_config(dict(config))
    mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=dry_run, monitor=monitor)
    # set_mocks made a finished stack; run_in_stack makes its own.
    set_root_resource(cast("pulumi.Resource", None))
    try:
        with _standing_in(program):
            asyncio.run(run_in_stack(lambda: _execute(program / "__main__.py")))
    except Exception as error:
        raise _explained(error, monitor) from error
    finally:
        set_root_resource(cast("pulumi.Resource", None))
    if monitor.failure:
        raise monitor.failure


def _execute(path: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")


def _explained(error: Exception, monitor: DeploymentMonitor) -> EdgewrightError:
    if monitor.failure:
        return monitor.failure
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EdgewrightError):
            return cause
        cause = cause.__cause__
    if isinstance(error, pulumi.RunError):
        return EngineError(str(error))
    return EngineError(f"the Pulumi program raised {type(error).__name__}: {error}")


@contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    """The working directory and import root that ``main: infra/`` gives a program."""
    before, path = Path.cwd(), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


def split_secrets(outputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Stack outputs as (plain ones, names of the secret ones)."""
    plain = {name: value for name, value in outputs.items() if not is_secret(value)}
    return plain, sorted(set(outputs) - set(plain))
