"""Rules over the resources of a stack: ``rules`` are plain functions, ``policies`` gives them to Pulumi.

Imports nothing of ``edgewright``: a pack judges what is deployed, whoever has made it.
"""

from edgewright_policy.policies import POLICIES

__all__ = ["POLICIES"]
