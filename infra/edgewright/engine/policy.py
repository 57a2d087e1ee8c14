"""Policy packs without the CLI: the pack runs in a process of its own and is asked as the CLI would ask it.

The protocol is Pulumi's analyzer over gRPC on loopback, so any pack in Python works, not only ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from edgewright.engine.plan import Policies
from edgewright.errors import EngineError

LEVELS = {"advisory": 0, "mandatory": 1, "disabled": 2, "remediate": 3}
"""Pulumi's enforcement levels (analyzer.proto); ``remediate`` is checked here, and nothing is changed."""

_MOST_BYTES = 400 * 1024 * 1024  # as in the packs' own server: a version holds all its modules


class Violation(NamedTuple):
    """What a pack says: of which resource, by which policy, and whether it stops the run."""

    resource: str
    policy: str
    message: str
    mandatory: bool

    def __str__(self) -> str:
        return f"{self.resource}: {self.message} [{self.policy}]"


@dataclass
class Check:
    """The packs of one run, asked about each resource and, at its end, about all of them."""

    _packs: list[Any]
    _found: list[Violation] = field(default_factory=list)
    _resources: list[analyzer_pb2.AnalyzerResource] = field(default_factory=list)

    def resource(self, request: Any, urn: str) -> None:
        """Ask about one registration of the program (a ``RegisterResourceRequest``)."""
        told = analyzer_pb2.AnalyzerResource(
            type=request.type,
            properties=request.object,
            urn=urn,
            name=request.name,
            options=analyzer_pb2.AnalyzerResourceOptions(protect=request.protect, parent=request.parent),
            parent=request.parent,
            dependencies=list(request.dependencies),
        )
        self._resources.append(told)
        asked = analyzer_pb2.AnalyzeRequest(
            type=told.type, properties=told.properties, urn=urn, name=told.name, options=told.options
        )
        self._ask("Analyze", asked, request.name)

    def ended(self) -> list[str]:
        """Ask about the stack as a whole; what policies say that do not stop the run.

        Raises:
            EngineError: a mandatory policy is violated; lists every violation of the run.
        """
        self._ask("AnalyzeStack", analyzer_pb2.AnalyzeStackRequest(resources=self._resources), "stack")
        broken = [violation for violation in self._found if violation.mandatory]
        if broken:
            count = "1 violation" if len(broken) == 1 else f"{len(broken)} violations"
            raise EngineError("\n".join([f"policy: {count}", *(f"  - {violation}" for violation in broken)]))
        return [str(violation) for violation in self._found]

    def _ask(self, method: str, request: Any, name: str) -> None:
        for pack in self._packs:
            with _explained():
                answer = getattr(pack, method)(request, timeout=60)
            for said in answer.diagnostics:
                message = said.message.removeprefix(said.description).strip() or said.description
                mandatory = said.enforcementLevel in (LEVELS["mandatory"], LEVELS["remediate"])
                self._found.append(Violation(name, f"{said.policyPackName}/{said.policyName}", message, mandatory))


@contextmanager
def checking(policies: Policies) -> Iterator[Check]:
    """The packs of ``policies``, started and configured; ended with the block.

    Raises:
        EngineError: a folder holds no pack, a pack does not start, or the settings do not fit it.
    """
    settings = _settings(policies.settings)
    with ExitStack() as stack:
        yield Check([stack.enter_context(_running(folder, settings)) for folder in policies.packs])


@contextmanager
def _running(folder: Path, settings: dict[str, Any]) -> Iterator[Any]:
    if not (folder / "PulumiPolicy.yaml").is_file() or not (folder / "__main__.py").is_file():
        raise EngineError(
            f"--policy-pack: {folder} holds no policy pack.",
            fix="name a folder with PulumiPolicy.yaml and __main__.py (Python)",
        )
    command = [sys.executable, "-u", "-m", "edgewright.engine.policy_host", str(folder.resolve())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = cast("Any", process.stdout).readline().strip()
        if not port.isdigit():
            raise EngineError(f"the policy pack in {folder} did not start; what it said is above.")
        options = [("grpc.max_send_message_length", _MOST_BYTES), ("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{int(port)}", options=options) as channel:
            pack = analyzer_pb2_grpc.AnalyzerStub(channel)
            with _explained():
                _configure(pack, settings)
            yield pack
    finally:
        process.kill()
        process.communicate()


def _configure(pack: Any, settings: dict[str, Any]) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty(), timeout=60)
    known = {policy.name for policy in info.policies}
    unknown = sorted(set(settings) - known - {"all"})
    if unknown:
        raise EngineError(
            f"--policy-pack-config: {unknown[0]!r} is no policy of {info.name}.",
            fix=f"one of {', '.join(sorted(known))}, or all",
        )
    wanted = analyzer_pb2.ConfigureAnalyzerRequest()
    for policy in info.policies:
        level, given = _settings_of(policy, settings)
        wanted.policyConfig[policy.name].enforcementLevel = level
        wanted.policyConfig[policy.name].properties.update(given)
    pack.Configure(wanted, timeout=60)


def _settings_of(policy: Any, settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Level and properties of one policy; ``all`` gives a level to those that have none of their own."""
    given = {**_as_dict(settings.get("all", {})), **_as_dict(settings.get(policy.name, {}))}
    level = given.pop("enforcementLevel", None)
    if level is not None and level not in LEVELS:
        raise EngineError(
            f"--policy-pack-config: {policy.name}: {level!r} is no level.", fix=f"one of {', '.join(LEVELS)}"
        )
    known = sorted(policy.configSchema.properties)
    for name in given:
        if name not in known:
            raise EngineError(
                f"--policy-pack-config: {policy.name}: {name!r} is no setting of it.",
                fix=f"one of {', '.join(['enforcementLevel', *known])}",
            )
    return policy.enforcementLevel if level is None else LEVELS[level], given


def _as_dict(value: Any) -> dict[str, Any]:
    """Settings of one policy; a level alone may be written for them, as in Pulumi."""
    return dict(value) if isinstance(value, dict) else {"enforcementLevel": value}


def _settings(paths: Iterable[Path]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            held = json.loads(path.read_text("utf8"))
        except (OSError, ValueError) as error:
            raise EngineError(f"--policy-pack-config: {path}: cannot be read: {error}") from None
        if not isinstance(held, dict):
            raise EngineError(f"--policy-pack-config: {path}: is no JSON object.", fix='write {"<policy>": {...}}')
        merged |= held
    return merged


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        details = getattr(error, "details", lambda: "")()
        raise EngineError(f"a policy pack failed: {details}") from None
