"""The policy pack, as ``pulumi preview --policy-pack policy`` runs it."""

from edgewright_policy import POLICIES
from pulumi_policy import EnforcementLevel, PolicyPack

PolicyPack("edgewright", POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
