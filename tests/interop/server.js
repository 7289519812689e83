// An SMSC made of npm's `smpp`: accepts everything, sends a receipt where one is asked for and one message from a
// handset per bind, and prints what it read of each submit_sm as a JSON line.  Usage: node server.js PORT
'use strict';
const smpp = require('smpp');

let last = 0;

function receipt(submit, id) {
  return new smpp.PDU('deliver_sm', {
    source_addr: submit.destination_addr,
    destination_addr: submit.source_addr,
    esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:`,
  });
}

function submitted(session, pdu) {
  const id = `node-${++last}`;
  session.send(pdu.response({ message_id: id }));
  const { udh, message } = pdu.short_message;
  console.log(JSON.stringify({
    event: 'submit', to: pdu.destination_addr, from: pdu.source_addr, text: message,
    udh: udh ? Buffer.concat(udh).toString('hex') : '',
  }));
  if (pdu.registered_delivery & 1) session.send(receipt(pdu, id));
}

function bound(session, pdu) {
  session.send(pdu.response({ system_id: 'node' }));
  session.deliver_sm({ source_addr: '79000000001', destination_addr: 'ACME', short_message: 'Привет от node' },
    (answer) => console.log(JSON.stringify({ event: 'answered', status: answer.command_status })));
}

const server = smpp.createServer((session) => {
  session.on('bind_transceiver', (pdu) => bound(session, pdu));
  session.on('submit_sm', (pdu) => submitted(session, pdu));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
    console.log(JSON.stringify({ event: 'unbound' }));
  });
  session.on('error', (error) => console.log(JSON.stringify({ event: 'error', detail: String(error) })));
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log(JSON.stringify({ event: 'listening' })));
