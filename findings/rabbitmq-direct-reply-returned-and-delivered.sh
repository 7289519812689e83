#!/usr/bin/env bash
# RabbitMQ 3.10 returns a mandatory message to a direct reply-to, and delivers it all the same.
#
# basic.return says that a mandatory message could be routed to no queue (AMQP 0-9-1 §1.8.3.3). A direct reply
# (amq.rabbitmq.reply-to) goes to no queue but to a consumer's channel. Expected: no return where the consumer gets it,
# a return where it is gone. What happens: a return in both cases, so that whoever counts returns counts what arrived.
# Seen with RabbitMQ 3.10.8 (Debian 12) and pika 1.4.4: `delivered: [b'answer'], returned: ['NO_ROUTE']`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'python3 "$here/deploy/rabbitmq/node.py" stop --dir "$work/node" || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install pika==1.4.4
python3 "$here/deploy/rabbitmq/node.py" start --dir "$work/node" --port 25672 >/dev/null
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pika

PSEUDO = "amq.rabbitmq.reply-to"
connection = pika.BlockingConnection(pika.URLParameters("amqp://guest:guest@127.0.0.1:25672/%2F"))
asker, answerer = connection.channel(), connection.channel()
delivered, returned = [], []
asker.basic_consume(PSEUDO, lambda _, __, ___, body: delivered.append(body), auto_ack=True)
queue = asker.queue_declare("", exclusive=True).method.queue
asker.basic_publish("", queue, b"question", pika.BasicProperties(reply_to=PSEUDO))
answerer.add_on_return_callback(lambda _, method, __, ___: returned.append(method.reply_text))
_, question, _ = next(answerer.consume(queue, auto_ack=True))
answerer.basic_publish("", question.reply_to, b"answer", mandatory=True)
connection.sleep(2)
print("RabbitMQ", connection._impl.server_properties["version"], f"delivered: {delivered}, returned: {returned}")
sys.exit("it returns no more what it delivers" if not returned else 0)
PYTHON
