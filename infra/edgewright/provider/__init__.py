"""`EdgeProxy` for programs in other languages: the plugin that ``pulumi package add`` starts.

``schema`` makes the package's schema from the types of the stack file, ``inputs`` turns a program's inputs into a
configuration, ``host`` constructs the component, ``reference`` writes the page about it all.
"""

from edgewright.provider.host import serve
from edgewright.provider.reference import reference
from edgewright.provider.schema import OUTPUTS, TOKEN, package_schema

__all__ = ["OUTPUTS", "TOKEN", "package_schema", "reference", "serve"]
