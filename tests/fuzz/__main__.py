"""make fuzz: prints how far it is, then the figures and what was wrong; exit code 0 if nothing was."""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds `rig` and `fuzz`

from rig import rabbit

from fuzz.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--pdus", type=int, default=1_000_000, help="mutants to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="draws the mutants")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.pdus:,} mutants", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="smsd-fuzz-"))
    with rabbit.Node() as node:
        findings = run(node.url, "fuzz", directory, options.pdus, options.seed, lambda line: print(line, flush=True))
    print(f"\nseed {options.seed}\n{findings}")
    if findings.faults:
        print(f"log, configuration and journal: {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
