"""A flood of receipts: how long an enquire_link takes amid it, and how many receipts smsd takes in a second.

python -m bench.flood [--receipts N] [--window N]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.daemon import night

from rig import rabbit  # isort: skip (night says where it is)
from rig.daemon import provider  # isort: skip
from rig.stage import Stage  # isort: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="flood", description=__doc__)
    parser.add_argument("--receipts", type=int, default=50_000)
    parser.add_argument("--window", type=int, default=5_000, help="receipts that the SMSC sends without an answer")
    options = parser.parse_args()
    smsc = night.Provider(options.receipts, options.window)
    with rabbit.Node() as node, tempfile.TemporaryDirectory() as directory:
        stage = Stage(node.url, "flood", Path(directory))
        try:
            stage.daemon({"p": provider(smsc.port)}, log={"level": "error", "format": "json"}).bound()
            began = time.monotonic()
            smsc.go()
            while smsc.answered < options.receipts:
                time.sleep(0.05)
            took = time.monotonic() - began
        finally:
            stage.close()
            smsc.close()
    smsc.judge()
    waits = sorted(each.seconds for each in smsc.enquiries)
    print(
        f"{options.receipts / took:,.0f} receipts/s; {len(waits)} enquire_links answered within "
        f"{statistics.median(waits) * 1000:.0f} ms (median), {waits[-1] * 1000:.0f} ms (worst)"
    )


if __name__ == "__main__":
    main()
