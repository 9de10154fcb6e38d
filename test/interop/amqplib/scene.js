// SPDX-License-Identifier: Apache-2.0
// What a check stands on: connections, entity names, waiting, comparing, reporting.
'use strict';
const amqp = require('amqplib');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');

const host = process.env.AMQP_HOST;
const port = Number(process.env.AMQP_PORT);
const against = process.env.AMQP_AGAINST || 'stoatmq';
const waitMs = 10000;
const checkLimitMs = 60000;

function within(limitMs, what, promise) {
  let timer;
  const expired = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} not within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer));
}

// The messages (null: cancelled by the broker) that a consumer was given, and waiting for them.
class Inbox {
  constructor() {
    this.messages = [];
    this.accept = (message) => {
      this.messages.push(message);
      if (this.wake) this.wake();
    };
  }

  async waitFor(count) {
    const arrived = (async () => {
      while (this.messages.length < count) await new Promise((resolve) => { this.wake = resolve; });
    })();
    await within(waitMs, `${count} messages`, arrived).catch(() => {}); // the comparison tells more
    assert.equal(this.messages.length, count);
    return this.bodies();
  }

  bodies() {
    return this.messages.map((message) => message && message.content.toString());
  }
}

// One check's connections, channels and entities' names.
class Scene {
  static async open() {
    const scene = new Scene();
    scene.suffix = crypto.randomBytes(4).toString('hex');
    scene.connections = [];
    scene.connection = await scene.connect();
    scene.channel = await scene.connection.createChannel();
    scene.publisher = await scene.connection.createConfirmChannel();
    for (const channel of [scene.channel, scene.publisher]) channel.on('error',
        () => {}); // awaited calls tell
    return scene;
  }

  async connect(settings = {}) {
    const connection = await amqp.connect(
      { protocol: 'amqp', hostname: host, port, username: 'guest', password: 'guest', vhost: '/',
          heartbeat: 10, ...settings },
      { clientProperties: { connection_name: 'interop amqplib' } });
    connection.on('error', () => {}); // refusals are awaited with refusedConnection
    this.connections.push(connection);
    return connection;
  }

  name(word) {
    return `interop-amqplib-${word}-${this.suffix}`;
  }

  // Declares a queue that dies with its connection.
  async queue(word = 'q', options = {}, channel = this.channel) {
    const { queue } = await channel.assertQueue(this.name(word),
        { exclusive: true, durable: false, ...options });
    return queue;
  }

  // Declares an exchange that dies with its last binding.
  async exchange(word, type, options = {}) {
    await this.channel.assertExchange(this.name(word), type,
        { durable: false, autoDelete: true, ...options });
    return this.name(word);
  }

  // Publishes and waits for the confirm: the message is in its queues, for every other channel too.
  send(exchange, key, body, options = {}) {
    return within(waitMs, 'confirm', new Promise((resolve, reject) => {
      this.publisher.publish(exchange, key, Buffer.from(body), options,
          (error) => (error ? reject(error) : resolve()));
    }));
  }

  async publish(queue, bodies, options = {}) {
    for (const body of bodies) await this.send('', queue, body, options);
  }

  async consume(queue, inbox, options = {}, channel = this.channel) {
    return (await channel.consume(queue, inbox.accept, options)).consumerTag;
  }

  // The bodies of all that the queue holds.
  async drain(queue) {
    const bodies = [];
    for (let message; (message = await this.channel.get(queue,
        { noAck: true }));) bodies.push(message.content.toString());
    return bodies;
  }

  // The broker closes a new channel with exactly this code and text when `action` uses it.
  async refused(code, text, action, connection = this.connection) {
    const channel = await connection.createChannel();
    await closedWith(code, text, channel, () => action(channel));
  }

  async refusedConnection(code, text, action, settings = {}) {
    const connection = await this.connect(settings);
    const channel = await connection.createChannel();
    await closedWith(code, text, connection, () => action(channel));
  }

  async close() {
    for (const connection of this.connections) await connection.close().catch(() =>
        {}); // some the broker closed
  }
}

async function closedWith(code, text, emitter, action) {
  const closed = new Promise((resolve) => emitter.once('error', resolve));
  Promise.resolve(action()).catch(() =>
      {}); // the event tells the same, and also for calls without an answer
  const error = await within(waitMs, `close ${code} '${text}'`, closed);
  const [, got] = error.message.match(/with message "(.*)"$/s) || [null, error.message];
  assert.deepEqual([error.code, got], [code, text]);
}

async function runChecks(checks) {
  let passed = 0;
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    let scene;
    try {
      scene = await within(waitMs, 'connection', Scene.open());
      await within(checkLimitMs, 'check', check(scene));
      await within(waitMs, 'close', scene.close());
      console.log(`ok - ${name}`);
      passed++;
    } catch (error) {
      console.log(`not ok - ${name}: ${error.message.replace(/\s+/g, ' ')}`);
      console.error(error);
      if (scene) await within(waitMs, 'close', scene.close()).catch(() => {});
      failed++;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

module.exports = { against, Inbox, runChecks, waitMs, within };
