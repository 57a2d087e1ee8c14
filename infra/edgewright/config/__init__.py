"""The one typed view of ``Pulumi.<stack>.yaml``.

``stack_file`` reads the YAML as the Pulumi CLI would, ``models`` gives it types, ``rules`` checks what
spans several keys, ``load`` puts them together and reports every finding at once.
"""

from edgewright.config.load import from_pulumi, from_stack_file, from_values
from edgewright.config.models import StackConfig
from edgewright.config.schema import json_schema, reference
from edgewright.config.stack_file import PROJECT, StackFile, project_root

__all__ = [
    "PROJECT",
    "StackConfig",
    "StackFile",
    "from_pulumi",
    "from_stack_file",
    "from_values",
    "json_schema",
    "project_root",
    "reference",
]
