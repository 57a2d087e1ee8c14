"""A program's inputs as the configuration of a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from edgewright.config import StackConfig, from_values
from edgewright.config.load import stand_ins
from edgewright.config.models import SECRET_KEYS
from edgewright.errors import ConfigError
from edgewright.provider.names import camel, in_camel, stack_schema
from edgewright.provider.schema import values_of

# How the fix of a missing secret begins, which for a stack file is a command.
_COMMAND = re.compile(r"pulumi config set --secret (?:--path )?'?edgewright:([^\s']+)'?")


@dataclass(frozen=True)
class Settled:
    """Inputs with every output awaited, under the stack file's names."""

    values: dict[str, Any]
    unknown: frozenset[str] = field(default_factory=frozenset)  # secrets that only a run, not a preview, will know


async def settled(inputs: Mapping[str, Any]) -> Settled:
    """Awaits what the program passed; camelCase becomes the stack file's snake_case.

    Raises:
        ConfigError: an input is unknown or secret that must be neither, or is called as in a stack file.
    """
    values: dict[str, Any] = {}
    unknown, findings = set(), []
    secrets = {camel(name): name for name in SECRET_KEYS}
    for name, given in inputs.items():
        output = pulumi.Output.from_input(given)
        values[name] = await output.future(with_unknowns=True)
        known = await output.is_known() and not pulumi.contains_unknowns(values[name])
        if not known:
            del values[name]
        if not known and name in secrets:
            unknown.add(secrets[name])
        elif not known:
            findings.append(f"{name}: not known before the run. Fix: give a value, not an output of another resource.")
        elif name not in secrets and await output.is_secret():
            findings.append(f"{name}: is a secret, but would be written in plain text. Fix: give a plain value.")
    renamed = _renamed(values, stack_schema(), "", findings)
    if findings:
        raise _refused(findings)
    return Settled(renamed, frozenset(unknown))


def configuration(given: Settled) -> StackConfig:
    """The checked configuration; secrets that are unknown yet are stood in for.

    Raises:
        ConfigError: every finding, each with the name of the input as the program writes it.
    """
    values = {**stand_ins(given.values, given.unknown), **given.values}
    try:
        return from_values(values, source="inputs")
    except ConfigError as error:
        raise _refused([_in_a_program(finding) for finding in error.findings]) from None


def _refused(findings: list[str]) -> ConfigError:
    count = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
    return ConfigError(f"the inputs have {count}:", findings=tuple(f"  - {finding}" for finding in findings))


def _in_a_program(finding: str) -> str:
    """A finding about a stack file in the words of a program."""
    return in_camel(_COMMAND.sub(r"set the secret input \1 to", finding.removeprefix("  - ")))


def _renamed(value: Any, node: dict[str, Any], path: str, findings: list[str]) -> Any:
    """``value`` under the names of ``node``; null is absent, and whole numbers, sent as floats, are whole again."""
    node = _resolved(node, value)
    if isinstance(value, list):
        items = node.get("items", {})
        return [_renamed(item, items, f"{path}[{index}]", findings) for index, item in enumerate(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, Mapping):
        return value
    held = {name: item for name, item in value.items() if item is not None}
    if "properties" not in node:
        inner = values_of(node)
        return {name: _renamed(item, inner, f"{path}.{name}", findings) for name, item in held.items()}
    names = {camel(name): name for name in node["properties"]}
    renamed = {}
    for name, item in held.items():
        here = f"{path}.{name}".lstrip(".")
        if name not in names and name in node["properties"]:
            findings.append(f"{here}: unknown input. Fix: it is called {camel(name)} here.")
        own = names.get(name, name)
        renamed[own] = _renamed(item, node["properties"].get(own, {}), here, findings)
    return renamed


def _resolved(node: dict[str, Any], value: Any) -> dict[str, Any]:
    """The node that ``value`` is read by: the member of a union that fits, the definition behind a reference."""
    told = node.get("discriminator")
    if told:
        tag = value.get(told["propertyName"]) if isinstance(value, Mapping) else None
        node = {"$ref": told["mapping"].get(tag, "")}
    options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
    if options:
        fitting = (option for option in options if (option.get("type") == "array") == isinstance(value, list))
        node = next(fitting, options[0])
    if "$ref" in node:
        node = stack_schema()["$defs"].get(node["$ref"].rsplit("/", 1)[-1], {})
    return node
