"""python -m tests.grammar: prints how far it is, then the figures and what was wrong; exit code 0 if nothing was.

The broker is a node of its own, or the one of SMSD_TEST_AMQP_URL.
"""

import argparse
import contextlib
import os
import secrets
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest, too, finds `rig` and `grammar`

from rig import rabbit

from grammar.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="grammar", description=__doc__)
    parser.add_argument(
        "--requests", type=int, default=10_000, help="odd ones, among as many good (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="draws them")
    parser.add_argument("--queues", choices=["classic", "quorum"], default="quorum", help="default: %(default)s")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.requests:,} requests", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="smsd-grammar-"))
    with contextlib.ExitStack() as stack:
        url = os.environ.get("SMSD_TEST_AMQP_URL") or stack.enter_context(rabbit.Node()).url
        findings = run(
            url,
            rabbit.unique_prefix(),
            directory,
            options.requests,
            options.seed,
            queue_type=options.queues,
            tell=lambda line: print(line, flush=True),
        )
    print(f"\nseed {options.seed}\n{findings}\nlog and journal: {directory}")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
