"""The SDK's mock monitor with a deployment behind it: registrations become API calls."""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import pulumi
from pulumi.runtime import mocks, set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack

from edgewright.config import PROJECT
from edgewright.engine.deployment import Options
from edgewright.engine.values import from_struct, is_secret, to_struct
from edgewright.errors import EdgewrightError, EngineError

STACK_TYPE = "pulumi:pulumi:Stack"


class Registry(Protocol):
    """What takes the registrations of a program: a deployment, or what only writes them down."""

    def register(
        self, urn: str, token: str, name: str, inputs: dict[str, Any], options: Options, /
    ) -> tuple[str, dict[str, Any]]:
        """Take one resource; its id and outputs."""
        ...


class DeploymentMonitor(mocks.MockMonitor):
    """Carries out what the program registers, and keeps the first failure.

    Nothing is left for the mocks that it would usually ask. Values are converted here, as the SDK's own
    conversion opens an event loop in each of its threads and never closes it.
    """

    def __init__(
        self,
        registry: Registry,
        invoke: Callable[[str, dict[str, Any]], dict[str, Any]],
        check: Callable[[Any, str], None] = lambda _request, _urn: None,
    ) -> None:
        super().__init__(cast("mocks.Mocks", None))
        self._check = check
        self._registry = registry
        self._invoke = invoke
        self.outputs: dict[str, Any] = {}
        self.failure: EdgewrightError | None = None

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        with self._noting_failures():
            result = self._invoke(request.tok, from_struct(request.args))
        return resource_pb2.ResourceInvokeResponse(**{"failures": None, "return": to_struct(result)})

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        with self._noting_failures():
            raise EngineError(
                f"{request.type} {request.name}: the embedded engine reads no existing resources.",
                fix="deploy this program with the pulumi CLI (--engine pulumi)",
            )

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE or not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        with self._noting_failures():
            self._check(request, urn)
            identifier, outputs = self._registry.register(
                urn,
                request.type,
                request.name,
                from_struct(request.object),
                Options(list(request.dependencies), request.retainOnDelete, request.protect),
            )
        self.resources[urn] = self.ResourceRegistration(urn, identifier, outputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=to_struct(outputs))

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
    # set_mocks makes a finished root stack unless there is one; run_in_stack makes the real one.
    set_root_resource(cast("pulumi.Resource", monitor))
    mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=dry_run, monitor=monitor)
    set_root_resource(cast("pulumi.Resource", None))
    try:
        with _standing_in(program):
            asyncio.run(_run(program / "__main__.py"))
    except Exception as error:
        raise _explained(error, monitor) from error
    finally:
        set_root_resource(cast("pulumi.Resource", None))
    if monitor.failure:
        raise monitor.failure


async def _run(path: Path) -> None:
    # After a failure everything that waited for it fails as well; the first failure is the one to tell.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await run_in_stack(lambda: _execute(path))


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
