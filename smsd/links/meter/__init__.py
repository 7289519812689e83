"""What is measured, in Prometheus' form: `table` names it all, `families` are the series, `meter` is what is told."""

from smsd.links.meter.meter import CONTENT_TYPE, PrometheusMeter
from smsd.links.meter.table import RESPONSE_SECONDS

__all__ = ["CONTENT_TYPE", "RESPONSE_SECONDS", "PrometheusMeter"]
