// A CRM made of one of npm's AMQP clients: one request, its answers, and its results from a queue of its own; prints
// what came as JSON lines and ends.  Usage: node crm.js CLIENT URL PREFIX
'use strict';
const [, , name, url, prefix] = process.argv;
const request = { id: name, to: '+79000000000', text: 'Привет' };
const wanted = { result: 2, reply: name === 'amqplib' ? 2 : 1 };
let finish;
const done = new Promise((resolve) => { finish = resolve; });

function tell(event, facts) {
  console.log(JSON.stringify({ event, ...facts }));
  wanted[event] -= 1;
  if (wanted.result === 0 && wanted.reply === 0) finish();
}

function result(body) {
  tell('result', { kind: Buffer.isBuffer(body) || body instanceof Uint8Array ? 'octets' : typeof body, status: body.status });
}

const clients = {
  // headers as this client's users write them: a timestamp in milliseconds, a fraction
  async amqplib() {
    const connection = await require('amqplib').connect(url);
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, `${prefix}.results`, 'p.#');
    await channel.consume(queue, ({ content }) => result(JSON.parse(content)), { noAck: true });
    const reply = ({ content, properties }) => tell('reply', {
      status: JSON.parse(content).status, correlation: properties.correlationId,
    });
    await channel.consume('amq.rabbitmq.reply-to', reply, { noAck: true });
    channel.publish(`${prefix}.requests`, 'p', Buffer.from(JSON.stringify(request)), {
      replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c-1', mandatory: true, persistent: true, expiration: 60000,
      headers: { sent_at: { '!': 'timestamp', value: Date.now() }, ratio: 1.5, none: null, list: [1, 'a'] },
    });
    await channel.waitForConfirms();
    await done;
    await connection.close();
  },

  async 'rabbitmq-client'() {
    const { Connection } = require('rabbitmq-client');
    const connection = new Connection(url);
    const consumer = connection.createConsumer({
      queueOptions: { exclusive: true }, queueBindings: [{ exchange: `${prefix}.results`, routingKey: 'p.#' }],
    }, async (message) => result(message.body));
    await new Promise((resolve) => consumer.once('ready', resolve));
    const rpc = connection.createRPCClient({ confirm: true });
    const { body } = await rpc.send({ exchange: `${prefix}.requests`, routingKey: 'p' }, request);
    tell('reply', { status: body.status });
    await done;
    await rpc.close();
    await consumer.close();
    await connection.close();
  },

  // declares what smsd declares, with its arguments; its codecs read what content_type and content_encoding say
  async '@cloudamqp/amqp-client'() {
    const { AMQPSession, builtinParsers, builtinCoders } = require('@cloudamqp/amqp-client');
    const options = { parsers: builtinParsers, coders: builtinCoders, defaultContentType: 'application/json' };
    const session = await AMQPSession.connect(url, options);
    const results = await session.queue('', { exclusive: true });
    await results.bind(`${prefix}.results`, 'p.#');
    await results.subscribe({}, async (message) => result(message.body));
    const declared = { durable: true, arguments: { 'alternate-exchange': `${prefix}.returned` } };
    await session.topicExchange(`${prefix}.requests`, declared);
    const { body } = await session.rpcCall(`${prefix}.requests.p.normal`, request, { timeout: 30000 });
    tell('reply', { status: body.status });
    await done;
    await session.stop();
  },

  // AMQP 1.0: a data section arrives as it is, a value does not
  async rhea() {
    const rhea = require('rhea');
    const { hostname, port } = new URL(url);
    const container = rhea.create_container();
    const connection = container.connect({
      host: hostname, port: Number(port), username: 'guest', password: 'guest', reconnect: false,
    });
    const text = JSON.stringify(request);
    connection.open_receiver(`/exchange/${prefix}.results/p.#`);
    container.on('message', ({ message }) => result(JSON.parse(message.body.content)));
    container.once('receiver_open', () => connection.open_sender(`/exchange/${prefix}.requests/p`));
    container.once('sendable', ({ sender }) => {
      sender.send({ body: text, message_id: 'as a value' });
      sender.send({ body: rhea.message.data_section(Buffer.from(text)), durable: true, message_id: 'as data' });
      tell('reply', { status: 'sent' });
    });
    await done;
    connection.close();
  },
};

clients[name]().catch((error) => { console.error(error); process.exit(1); });
