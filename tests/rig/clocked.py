"""`python -m smsd` on a clock of the world that a test sets: clocked.py FILE ARGUMENTS of smsd.

FILE has the seconds by which it is off, a double; it is read at every look, so that the clock may be set at any moment.
The loop's clock is what it is: to set the machine's own clock would set it for every program on it.
"""

import mmap
import runpy
import struct
import sys
import time

OFFSET = struct.Struct("=d")


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        off = mmap.mmap(file.fileno(), OFFSET.size, prot=mmap.PROT_READ)
    real = time.time
    time.time = lambda: real() + OFFSET.unpack_from(off)[0]
    sys.path[0] = ""
    sys.argv[:2] = ["smsd"]
    runpy.run_module("smsd", run_name="__main__")


if __name__ == "__main__":
    main()
