#!/usr/bin/env bash
# smpplib's make_parts cuts long texts through characters: the euro sign and emoji that meet a segment's end are lost.
#
# In GSM 7-bit an escape and its character are two septets; a surrogate pair is two UTF-16 units. 3GPP TS 23.038 has an
# escape at the end of a segment show as a blank, and each half of a pair is nothing. We guessed that the library, whose
# purpose in this function is to cut texts, keeps them together. It counts octets: 153 septets, 67 units. The escape is
# the last octet of one segment and its letter the first of the next, so that the handset shows a blank and an e.
# Seen with smpplib 2.2.4 on Python 3.11.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install smpplib==2.2.4
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from smpplib.gsm import make_parts

HEADER = 6
print("smpplib", version("smpplib"), "Python", sys.version.split()[0])
euro, _, _ = make_parts("a" * 152 + "€" + "b" * 10)
emoji, _, _ = make_parts("ж" * 66 + "\N{GRINNING FACE}" + "ж" * 10)
print("euro:  ", euro[0][-2:].hex(), "|", euro[1][HEADER : HEADER + 2].hex())
print("emoji: ", emoji[0][-2:].hex(), "|", emoji[1][HEADER : HEADER + 2].hex())
if euro[0][-1:] != b"\x1b" or euro[1][HEADER:][:1] != b"e" or emoji[1][HEADER:][:2] != b"\xde\x00":
    sys.exit("it cuts elsewhere now")
PYTHON
