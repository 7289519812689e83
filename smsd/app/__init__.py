"""The composition root: the only place that names concrete links.

`daemon` puts them together, starts and stops them; `view` is what the daemon says of itself.
"""

from smsd.app.daemon import run, topology_of

__all__ = ["run", "topology_of"]
