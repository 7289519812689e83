"""make chaos: prints what is done and when, then the verdict; exit code 0 if that is clean."""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds `rig` and `chaos`

from chaos.report import stories, table
from chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="draws the faults and the load")
    parser.add_argument("--rate", type=float, default=120.0, help="requests per second (default: %(default)s)")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} requests per second", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="smsd-chaos-"))
    verdict, began = run(
        options.minutes * 60, options.seed, directory, lambda line: print(line, flush=True), options.rate
    )
    print(f"\nseed {options.seed}\n{table(verdict)}")
    if verdict.clean:
        shutil.rmtree(directory)
        return 0
    print(f"\n{stories(verdict, began)}\n\nlogs, configuration and journal: {directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
