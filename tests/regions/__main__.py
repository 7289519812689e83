"""`python -m tests.regions`: mobile numbers of every region, in every way of writing, by the region's own plan."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from regions.run import SEED, Tally, outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.regions", description=__doc__)
    parser.add_argument("--each", type=int, default=400, metavar="N", help="numbers of each region (400)")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    options = parser.parse_args()
    tally = Tally()
    for outcome in outcomes(options.each, options.seed):
        tally.add(outcome)
    regions = {region for _, region in tally.asked}
    print(f"{len(regions)} regions, {tally.asked.total()} texts, {len(tally.wrong)} wrong")
    for way in dict.fromkeys(way for way, _ in tally.asked):
        asked = sum(count for (one, _), count in tally.asked.items() if one == way)
        refused = {region: count for (one, region), count in tally.refused.items() if one == way}
        where = ", ".join(f"{region} {count}" for region, count in sorted(refused.items()))
        print(f"{way:26} {asked:7} asked, {sum(refused.values()):5} refused{': ' if where else ''}{where}")
    for wrong in tally.wrong[:20]:
        print(f"WRONG {wrong.region} {wrong.way}: {wrong.text!r} is {wrong.wanted}, taken for {wrong.got}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
