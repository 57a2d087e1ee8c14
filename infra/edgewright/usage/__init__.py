"""What a deployed stack used and cost: reports, projections and bills out of its data points."""

from edgewright.usage.report import Query, Report, from_dataset, from_endpoint
from edgewright.usage.schema import schema

__all__ = ["Query", "Report", "from_dataset", "from_endpoint", "schema"]
