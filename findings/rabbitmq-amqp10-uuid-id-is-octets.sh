#!/usr/bin/env bash
# RabbitMQ 3.10's AMQP 1.0 plugin turns a message-id that is a uuid into 16 raw octets for AMQP 0-9-1 readers.
#
# AMQP 1.0 (§3.2.4) lets an id be a number, a uuid, octets or a string; AMQP 0-9-1's message_id is a short string, which
# clients read as UTF-8. Expected: the uuid's 36 characters. What happens: its 16 octets, which are hardly ever UTF-8.
# Readers that replace what they can't decode see one id for many uuids; pika leaves bytes where others get a str.
# Seen with RabbitMQ 3.10.8 (Debian 12), rhea 3.0.5, pika 1.4.4: `message_id b'\xc9n\xc0\xde...'`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install pika==1.4.4
npm install --prefix "$work" --no-audit --no-fund --loglevel=error rhea@3.0.5 >/dev/null
cat >"$work/send.js" <<'NODE'
const rhea = require('rhea');
const connection = rhea.create_container().connect({
  host: '127.0.0.1', port: Number(process.argv[2]), username: 'guest', password: 'guest', reconnect: false,
});
connection.open_sender('/amq/queue/ids');
connection.once('sendable', ({ sender }) => {
  const message_id = rhea.types.wrap_uuid(Buffer.from('c96ec0dec0dec0dec0dec0dec0dec0de', 'hex'));
  sender.send({ message_id, body: rhea.message.data_section(Buffer.from('{}')) });
});
connection.once('accepted', () => connection.close());
NODE
PYTHONPATH="$here/deploy/rabbitmq" NODE_PATH="$work/node_modules" "$work/venv/bin/python" - "$work/send.js" <<'PYTHON'
import subprocess
import sys

import node
import pika

with node.Node(plugins=["rabbitmq_amqp1_0"]) as broker:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.queue_declare("ids", durable=True)
    subprocess.run(["node", sys.argv[1], str(broker.port)], check=True, timeout=30)
    _, properties, _ = channel.basic_get("ids", auto_ack=True)
    print("RabbitMQ", connection._impl.server_properties["version"], "message_id", repr(properties.message_id))
    connection.close()
if isinstance(properties.message_id, str):
    sys.exit("it is text now")
PYTHON
