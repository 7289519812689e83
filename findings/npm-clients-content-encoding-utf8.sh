#!/usr/bin/env bash
# A content_encoding of utf-8 is too much for two of npm's three AMQP clients.
#
# The property names what a body was put through, like HTTP's Content-Encoding (gzip, deflate); a charset is none, but
# many publishers write one there. Expected: ignored, or taken for identity. What happens: rabbitmq-client hands out the
# octets instead of the object that content_type application/json asks for, without a word; @cloudamqp/amqp-client with
# its codecs throws.
# Seen with rabbitmq-client 5.0.8, @cloudamqp/amqp-client 4.1.1, amqplib 2.3.1, Node 20.20, RabbitMQ 3.10.8.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'python3 "$here/deploy/rabbitmq/node.py" stop --dir "$work/node" || true; rm -rf "$work"' EXIT
npm install --prefix "$work" --no-audit --no-fund --loglevel=error \
    rabbitmq-client@5.0.8 @cloudamqp/amqp-client@4.1.1 amqplib@2.3.1 >/dev/null
python3 "$here/deploy/rabbitmq/node.py" start --dir "$work/node" --port 25673 >/dev/null
NODE_PATH="$work/node_modules" node - <<'NODE'
const amqplib = require('amqplib');
const { Connection } = require('rabbitmq-client');
const { AMQPSession, builtinParsers, builtinCoders } = require('@cloudamqp/amqp-client');
const url = 'amqp://guest:guest@127.0.0.1:25673/';
const properties = { contentType: 'application/json', contentEncoding: 'utf-8' };

async function main() {
  const connection = await amqplib.connect(url);
  const channel = await connection.createConfirmChannel();
  for (const queue of ['one', 'two']) {
    await channel.assertQueue(queue, { durable: false });
    channel.sendToQueue(queue, Buffer.from('{"id": 1}'), properties);
  }
  await channel.waitForConfirms();

  const rabbit = new Connection(url);
  const body = await new Promise((resolve) => {
    rabbit.createConsumer({ queue: 'one', queueOptions: { durable: false } }, async (message) => resolve(message.body));
  });
  console.log('rabbitmq-client:        body is a Buffer:', Buffer.isBuffer(body), 'id:', body.id);

  const session = await AMQPSession.connect(url, { parsers: builtinParsers, coders: builtinCoders, logger: null });
  const queue = await session.queue('two', { durable: false });
  let said = 'read';
  try { await queue.get(); } catch (error) { said = error.message; }
  console.log('@cloudamqp/amqp-client:', said);
  process.exit(Buffer.isBuffer(body) || said !== 'read' ? 0 : 1);
}
main();
NODE
