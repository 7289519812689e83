"""The composition root: the only place that names concrete links.

`daemon` puts them together, starts and stops them; `holdings` are the providers as they come and go; `reload` is what
SIGHUP does; `view` is what the daemon says of itself, and `pulse` what of it the service manager is told.
"""

from smsd.app.daemon import run
from smsd.app.holdings import topology_of

__all__ = ["run", "topology_of"]
