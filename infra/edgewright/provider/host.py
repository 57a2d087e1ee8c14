"""The plugin's process: it tells the schema and constructs `EdgeProxy` for the engine that started it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, Provider, main

from edgewright.errors import EdgewrightError
from edgewright.provider.inputs import Settled, configuration, settled
from edgewright.provider.names import camel
from edgewright.provider.schema import TOKEN, package_schema

if TYPE_CHECKING:
    from edgewright.components import EdgeProxy

# Outputs that are made of a secret input.
_MADE_OF = {"verify_key": "client_keys", "other_key": "client_keys", "drill_secret": "drill_secret"}


class EdgewrightProvider(Provider):
    """Implements what a component needs of Pulumi's resource provider protocol."""

    def __init__(self) -> None:
        schema = package_schema()
        super().__init__(schema["version"], json.dumps(schema))

    def construct(
        self, name: str, resource_type: str, inputs: pulumi.Inputs, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Registers the component and its children as the Python program does.

        Raises:
            InputPropertiesError: the inputs are wrong. Its message names them; it lists no properties, because the
                engine would print their values.
        """
        if resource_type != TOKEN:
            raise InputPropertiesError(f"{resource_type}: not of this package. Fix: use {TOKEN}.", [])
        state: dict[str, Any] = {}

        async def constructed() -> Any:
            try:
                component, given = await _component(name, inputs, options)
            except EdgewrightError as error:
                raise InputPropertiesError(str(error), []) from None
            state.update(_outputs(component, given))
            return component.urn

        # The server awaits the urn before it reads the state, which is what fills it.
        return ConstructResult(pulumi.Output.from_input(constructed()), state)


async def _component(
    name: str, inputs: pulumi.Inputs, options: pulumi.ResourceOptions | None
) -> tuple[EdgeProxy, Settled]:
    given = await settled(inputs)
    config = configuration(given)
    # Takes seconds, which the schema need not cost.
    from edgewright.components import EdgeProxy, EdgeProxyArgs

    return EdgeProxy(name, EdgeProxyArgs(config), options), given


def _outputs(component: EdgeProxy, given: Settled) -> dict[str, Any]:
    """The component's outputs by their names in the schema; unknown where an unknown secret was stood in for."""
    found = component.outputs()
    for name, secret in _MADE_OF.items():
        if secret in given.unknown and found[name] is not None:
            found[name] = pulumi.Output.secret(pulumi.UNKNOWN)
    return {camel(name): value for name, value in found.items() if value is not None}


def serve() -> None:
    """Answers the engine until it ends the process. Its address is the first argument; the port is printed."""
    main(EdgewrightProvider(), sys.argv[1:])
