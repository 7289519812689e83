#!/usr/bin/env bash
# Two decoders of SMS PDUs read a Turkish or Spanish handset's text with other letters, and say nothing.
#
# A header names national tables of GSM 7-bit (3GPP TS 23.040 §9.2.3.24.15 and .16). We guessed that at least one of
# the two reads them, or tells that it does not. Both skip the header and read by the default alphabet: "ŞşğŞabc"
# becomes "ÆæøÆabc", which looks like a text. For the escape pair of Spanish í one writes a blank and the other a grave
# accent, so that they don't even agree.
# Seen with smspdudecoder 2.2.0 (bitstring 4.2.3; with bitstring 5 it can't be imported) on Python 3.11, and node-pdu
# 2.1.1 on Node 20.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# SMS-DELIVER from +79000000000: header 03250101 and the septets 1c1d0c1c616263; header 03240102 and "Buenos d\x1bias".
turkish=00440B919700000000F00000621112810000000C03250101E074189CB0780C
spanish=00440B919700000000F0000062111281000000110324010210D6CBEEF71C44DEA4C373
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install smspdudecoder==2.2.0 bitstring==4.2.3
venv/bin/python -c '
import sys
from smspdudecoder.easy import read_incoming_sms
for pdu in sys.argv[1:]:
    print(read_incoming_sms(pdu)["content"])
' $turkish $spanish | tee python.txt
npm install --silent --no-fund --no-audit node-pdu@2.1.1 >/dev/null
cat > try.mjs <<'NODE'
import { parse } from 'node-pdu';
for (const pdu of process.argv.slice(2)) console.log(parse(pdu).data.getText());
NODE
node try.mjs $turkish $spanish | tee node.txt
printf 'ÆæøÆabc\nBuenos d as\n' | cmp - python.txt
printf 'ÆæøÆabc\nBuenos d`as\n' | cmp - node.txt
