#!/usr/bin/env bash
# gsmcodecs 1.0.0 reads the comma of ten languages as an apostrophe.
#
# In the national locking shift tables of GSM 7-bit (3GPP TS 23.038 Annex A.3.4 to A.3.13: Bengali to Urdu) septet 0x2C
# is the comma, as it is in the default alphabet, in oFono 1.31 and in the tables of Android and Firefox OS. gsmcodecs,
# which names release 18 of the standard as its source, has U+0027 there. A text in Hindi comes out with an apostrophe
# for each comma, and a comma can't be encoded at all. The apostrophe itself is in the single shift tables, so that it
# has two codes and the comma none.
# Seen with gsmcodecs 1.0.0 on Python 3.11: all ten tables.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install gsmcodecs==1.0.0
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import gsmcodecs

print("gsmcodecs", version("gsmcodecs"), "Python", sys.version.split()[0])
print("default alphabet:", repr(b"\x2c".decode("gsm23.038-0-0")))
read = {language: b"\x2c".decode(f"gsm23.038-{language}-{language}") for language in range(4, 14)}
print("locking tables:  ", read)
try:
    ",".encode("gsm23.038-6-6")
except UnicodeEncodeError as error:
    print("a comma in Hindi:", error)
else:
    sys.exit("it can be encoded now")
if set(read.values()) != {"'"}:
    sys.exit("it reads commas now")
PYTHON
