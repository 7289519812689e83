#!/usr/bin/env bash
# The SMPP package of npm writes an at sign for each letter that GSM 7-bit lacks, once data_coding is given.
#
# Without data_coding its PDUs choose UCS-2 for Cyrillic. With `data_coding: 0` beside the same text nothing is chosen,
# refused or marked: every letter outside of the alphabet goes out as septet 0, which is @. One dash from a word
# processor is enough. We guessed: an error, or a question mark, or UCS-2. An SMSC has no way to tell.
# Seen with smpp 0.5.1 on Node 20: "Привет" comes back as "@@@@@@", "Price 5 € – ok" as "Price 5 € @ ok".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit smpp@0.5.1 >/dev/null
cat > try.mjs <<'NODE'
import smpp from 'smpp';

function sent(fields) {
  const octets = new smpp.PDU('submit_sm', { destination_addr: '79000000000', ...fields }).toBuffer();
  const read = new smpp.PDU(octets);
  return [read.data_coding, read.short_message.message];
}

const chosen = sent({ short_message: 'Привет' });
const told = sent({ data_coding: 0, short_message: 'Привет' });
const dash = sent({ data_coding: 0, short_message: 'Price 5 € – ok' });
console.log('smpp 0.5.1, Node', process.version);
console.log('no data_coding:  ', chosen);
console.log('data_coding 0:   ', told, dash);
if (chosen[1] !== 'Привет' || told[1] !== '@@@@@@' || dash[1] !== 'Price 5 € @ ok') process.exit(1);
NODE
node try.mjs
