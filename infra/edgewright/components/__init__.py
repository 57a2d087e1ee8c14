"""What users put into a Pulumi program."""

from edgewright.components.edge_proxy import EdgeProxy, EdgeProxyArgs, EdgeProxyNodes
from edgewright.components.program import stack_config

__all__ = ["EdgeProxy", "EdgeProxyArgs", "EdgeProxyNodes", "stack_config"]
