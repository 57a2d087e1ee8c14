"""The typed configuration inside a Pulumi program."""

from __future__ import annotations

import pulumi
from pulumi.runtime import config as runtime_config

from edgewright.config import StackConfig, from_pulumi, project_root
from edgewright.errors import ConfigError
from edgewright.keys import LocalSecrets
from edgewright.paths import stack_folder


def stack_config() -> StackConfig:
    """The configuration of the stack that is being deployed.

    A ``local`` stack's missing secrets are made and kept in its state folder.

    Raises:
        pulumi.RunError: the configuration is wrong; holds every finding, and ends the program without a traceback.
    """
    stack = pulumi.get_stack()
    values = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    try:
        secrets = LocalSecrets(stack_folder(project_root(), stack))
        return from_pulumi(values, stack=stack, secrets=secrets)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from error
