"""The Pulumi program: stack configuration -> EdgeProxy -> outputs."""

import pulumi
from edgewright import EdgeProxy, EdgeProxyArgs, stack_config

proxy = EdgeProxy("edge", EdgeProxyArgs(config=stack_config()))

for name, value in proxy.outputs().items():
    pulumi.export(name, value)
