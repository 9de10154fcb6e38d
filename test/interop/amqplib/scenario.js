// SPDX-License-Identifier: Apache-2.0
// The interop scenario in Node, with amqplib's promises; test/interop/README.md tells what it covers.
// Each function is a check and gets a fresh scene (scene.js). amqplib's API has no transactions, no
// channel.flow, no immediate bit, no recover without requeue and no prefetch size.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { against, Inbox, runChecks, waitMs, within } = require('./scene.js');

const replyTo = 'amq.rabbitmq.reply-to';
const missingQueue = "NOT_FOUND - no queue 'interop-missing' in vhost '/'";
const missingExchange = "NOT_FOUND - no exchange 'interop-missing' in vhost '/'";
const locked = (queue) =>
  `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could ` +
  'be originally declared on another connection or the exclusive property value does not match that ' +
  'of the original declaration.';
const numbers = (from, to) =>
    Array.from({ length: to - from + 1 }, (_value, i) => String(from + i));
const bodyAndMark = (message) => [message.content.toString(), message.fields.redelivered];

const connections = {
  async connection_is_tuned_and_shows_the_server_properties(scene) {
    const { connection } = await scene.connect({ heartbeat: 7, frameMax: 8192, channelMax: 100 });
    assert.deepEqual([connection.heartbeat, connection.frameMax, connection.channelMax],
        [7, 8192, 100]);
    assert.equal(connection.serverProperties.product,
        against === 'stoatmq' ? 'StoatMQ' : 'RabbitMQ');
    assert.deepEqual(connection.serverProperties.capabilities, {
      publisher_confirms: true, exchange_exchange_bindings: true, 'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true, consumer_priorities: true, authentication_failure_close: true,
      per_consumer_qos: true, direct_reply_to: true,
    });
  },

  async heartbeats_keep_an_idle_connection_open(scene) {
    const connection = await scene.connect({ heartbeat: 1 });
    await new Promise((resolve) =>
        setTimeout(resolve, 4000)); // longer than either side waits for the other
    await (await connection.createChannel()).close();
  },

  async wrong_password_and_missing_vhost_are_refused(scene) {
    await assert.rejects(scene.connect({ password: 'wrong' }), {
      message: 'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused ' +
        'using authentication mechanism PLAIN. For details see the broker logfile."' });
    await assert.rejects(scene.connect({ vhost: 'nowhere' }),
        { // amqplib doesn't tell the reason at this step
      message: 'Expected ConnectionOpenOk; got <ConnectionClose channel:0>' });
  },
};

const exchanges = {
  async direct_exchange_routes_by_the_exact_key(scene) {
    const [queue, exchange] = [await scene.queue(), await scene.exchange('x', 'direct')];
    await scene.channel.bindQueue(queue, exchange, 'red');
    for (const key of ['red', 're', 'red.', 'Red', 'blue']) await scene.send(exchange, key, key);
    assert.deepEqual(await scene.drain(queue), ['red']);
  },

  async fanout_exchange_copies_to_every_queue(scene) {
    const exchange = await scene.exchange('x', 'fanout');
    for (const word of ['a', 'b', 'c']) await scene.channel.bindQueue(await scene.queue(word),
        exchange, 'ignored');
    await scene.send(exchange, 'any', 'copy');
    for (const word of ['a', 'b', 'c']) assert.deepEqual(await scene.drain(scene.name(word)),
        ['copy']);
  },

  async topic_exchange_matches_words_and_delivers_one_copy(scene) {
    const [exchange, queue, all] = [await scene.exchange('x', 'topic'), await scene.queue(),
        await scene.queue('all')];
    for (const pattern of ['*.orange.*', 'lazy.#', '#.rabbit']) await scene.channel.bindQueue(queue,
        exchange, pattern);
    await scene.channel.bindQueue(all, exchange, '#');
    const matching = ['quick.orange.rabbit', 'lazy', 'lazy.a.b.c', 'rabbit', 'lazy.orange.rabbit'];
    const keys = [...matching, 'quick.orange', 'a.b', ''];
    for (const key of keys) await scene.send(exchange, key, key);
    assert.deepEqual(await scene.drain(queue), matching);
    assert.deepEqual(await scene.drain(all), keys);
  },

  async headers_exchange_matches_all_any_and_presence(scene) {
    const exchange = await scene.exchange('x', 'headers');
    const tables = { all: { 'x-match': 'all', a: 1, b: 'two' },
        any: { 'x-match': 'any', a: 1, b: 'two' }, default: { a: 1 },
      present: { 'x-match': 'all', b: null } };
    for (const [word, table] of Object.entries(tables)) {
      await scene.channel.bindQueue(await scene.queue(word), exchange, '', table);
    }
    const messages = { both: { a: 1, b: 'two' }, a: { a: 1 }, b: { b: 'two', c: 1 },
        none: { a: 2, c: 'two' } };
    for (const [body, headers] of Object.entries(messages)) await scene.send(exchange, '', body,
        { headers });
    const got = {};
    for (const word of Object.keys(tables)) got[word] = await scene.drain(scene.name(word));
    assert.deepEqual(got,
        { all: ['both'], any: ['both', 'a', 'b'], default: ['both', 'a'], present: ['both', 'b'] });
  },

  async exchange_to_exchange_binding_routes_until_unbound(scene) {
    const [source, destination] = [await scene.exchange('source', 'topic'),
        await scene.exchange('destination', 'fanout')];
    const queue = await scene.queue();
    await scene.channel.bindExchange(destination, source, 'log.#');
    await scene.channel.bindExchange(destination, source, 'keep');
    await scene.channel.bindQueue(queue, destination, '');
    await scene.send(source, 'log.error', '1');
    await scene.send(source, 'metric', '2');
    assert.deepEqual(await scene.drain(queue), ['1']);
    await scene.channel.unbindExchange(destination, source, 'log.#');
    await scene.send(source, 'log.error', '3');
    await scene.send(source, 'keep', '4');
    assert.deepEqual(await scene.drain(queue), ['4']);
  },

  async alternate_exchange_gets_what_was_not_routed(scene) {
    const alternateExchange = await scene.exchange('alternate', 'fanout');
    const main = await scene.exchange('main', 'direct', { alternateExchange });
    await scene.channel.bindQueue(await scene.queue('rest'), alternateExchange, '');
    await scene.channel.bindQueue(await scene.queue('routed'), main, 'known');
    const returned = [];
    scene.publisher.on('return', (message) => returned.push(message));
    for (const key of ['known', 'unknown']) await scene.send(main, key, key, { mandatory: true });
    assert.deepEqual([await scene.drain(scene.name('routed')),
        await scene.drain(scene.name('rest')), returned],
      [['known'], ['unknown'], []]);
  },

  async cc_and_bcc_headers_route_and_bcc_is_removed(scene) {
    const [to, cc, bcc] = [await scene.queue('to'), await scene.queue('cc'),
        await scene.queue('bcc')];
    await scene.send('', to, 'post', { CC: cc, BCC: [bcc] });
    for (const queue of [to, cc, bcc]) {
      const { content, fields, properties } = await scene.channel.get(queue, { noAck: true });
      assert.deepEqual([content.toString(), fields.routingKey, { ...properties.headers }],
          ['post', to, { CC: [cc] }]);
    }
  },

  async exchange_declarations_are_refused_as_rabbitmq_does(scene) {
    const x = await scene.exchange('x', 'direct');
    const inequivalent = (argument) =>
        `PRECONDITION_FAILED - inequivalent arg '${argument}' for exchange '${x}' in vhost '/'`;
    await scene.refused(406, `${inequivalent('type')}: received 'fanout' but current is 'direct'`,
      (channel) => channel.assertExchange(x, 'fanout', { durable: false, autoDelete: true }));
    await scene.refused(406, `${inequivalent('durable')}: received 'true' but current is 'false'`,
      (channel) => channel.assertExchange(x, 'direct', { durable: true, autoDelete: true }));
    await scene.refused(404, missingExchange,
        (channel) => channel.checkExchange('interop-missing'));
    await scene.refused(403,
        "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'",
      (channel) => channel.assertExchange('amq.interop', 'direct'));
    await scene.refusedConnection(503, "COMMAND_INVALID - unknown exchange type 'nonsense'",
      (channel) => channel.assertExchange('interop-x', 'nonsense'));
    await scene.channel.deleteExchange(x);
  },

  async default_and_internal_exchanges_refuse_403(scene) {
    const [queue, internal] = [await scene.queue(),
        await scene.exchange('internal', 'fanout', { internal: true })];
    await scene.refused(403, 'ACCESS_REFUSED - operation not permitted on the default exchange',
      (channel) => channel.bindQueue(queue, '', 'key'));
    await scene.refused(403,
        `ACCESS_REFUSED - cannot publish to internal exchange '${internal}' in vhost '/'`,
      (channel) => channel.publish(internal, '', Buffer.alloc(0)));
    await scene.channel.deleteExchange(internal);
  },

  async exchange_delete_if_unused_refuses_while_bound_406(scene) {
    const [queue, exchange] = [await scene.queue(), await scene.exchange('x', 'fanout')];
    await scene.channel.bindQueue(queue, exchange, '');
    await scene.refused(406, `PRECONDITION_FAILED - exchange '${exchange}' in vhost '/' in use`,
      (channel) => channel.deleteExchange(exchange, { ifUnused: true }));
    await scene.channel.unbindQueue(queue, exchange,
        ''); // the last binding: auto-delete takes the exchange
    await scene.refused(404, `NOT_FOUND - no exchange '${exchange}' in vhost '/'`,
        (channel) => channel.checkExchange(exchange));
    await scene.channel.deleteExchange(exchange); // a missing one: fine
  },
};

const messages = {
  async all_properties_round_trip(scene) {
    const queue = await scene.queue();
    // amqplib's publish has no option for cluster_id.
    await scene.send('', queue, '{}',
        { contentType: 'application/json', contentEncoding: 'gzip', headers: { k: 'v' },
      deliveryMode: 2, priority: 9, correlationId: 'c-1', replyTo: 'answers', expiration: 60000,
      messageId: 'm-1',
      timestamp: 1700000000, type: 'kind', userId: 'guest', appId: 'app' });
    const { content, fields, properties } = await scene.channel.get(queue, { noAck: true });
    assert.deepEqual([content.toString(), fields.exchange, fields.routingKey, fields.redelivered],
        ['{}', '', queue, false]);
    assert.deepEqual({ ...properties, headers: { ...properties.headers } }, {
      contentType: 'application/json', contentEncoding: 'gzip', headers: { k: 'v' },
      deliveryMode: 2, priority: 9,
      correlationId: 'c-1', replyTo: 'answers', expiration: '60000', messageId: 'm-1',
      timestamp: 1700000000,
      type: 'kind', userId: 'guest', appId: 'app', clusterId: undefined });
  },

  async all_field_table_types_round_trip(scene) {
    const queue = await scene.queue();
    const typed = { int8: -128, uint8: 255, int16: -32768, uint16: 65535, int32: -(2 ** 31),
        uint32: 2 ** 32 - 1,
      int64: -(2 ** 53) + 1, float: 0.5, double: -1.5e300 }; // b, B, s, u, I, i, l, f, d
    const plain = { text: 'grün ☃', empty: '', yes: true, no: false, int: 42, negative: -1,
        fraction: 3.25, nothing: null,
      decimal: { '!': 'decimal', value: { places: 2, digits: 314 } },
      time: { '!': 'timestamp', value: 1700000000 },
      binary: Buffer.from([0, 255, 128]), list: [1, 'two', [3.5, [true]], { four: 4 }, null],
      none: [],
      table: { a: 1, deep: { deeper: { list: [1, 'x', null] } }, empty: {} } };
    const headers = { ...plain };
    for (const [type, value] of Object.entries(typed)) headers[type] = { '!': type, value };
    await scene.send('', queue, '', { headers });
    const { properties } = await scene.channel.get(queue, { noAck: true });
    assert.deepEqual({ ...properties.headers }, { ...plain, ...typed });
  },

  async empty_and_large_bodies_round_trip(scene) {
    const queue = await scene.queue();
    const bodies = [0, 1, 131072 - 8, 131072 - 7,
        3 * 2 ** 20].map((size) => crypto.randomBytes(size));
    await scene.publish(queue, bodies);
    const inbox = new Inbox();
    await scene.consume(queue, inbox, { noAck: true });
    await inbox.waitFor(bodies.length);
    inbox.messages.forEach((message, i) =>
        assert.ok(message.content.equals(bodies[i]), `body ${i}`));
    const small = await (await scene.connect({ frameMax: 4096 })).createChannel();
    const other = await scene.queue('small', {}, small);
    small.sendToQueue(other, bodies[4]);
    assert.ok((await small.get(other, { noAck: true })).content.equals(bodies[4]),
        'body in small frames');
  },

  async user_id_of_another_user_is_refused_406(scene) {
    const queue = await scene.queue();
    await scene.refused(406,
        "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
      (channel) => channel.sendToQueue(queue, Buffer.from('x'), { userId: 'other' }));
  },
};

const publishers = {
  async unroutable_mandatory_message_returns_before_its_confirm(scene) {
    const events = [];
    scene.publisher.on('return', (message) => events.push(message));
    await scene.send('', 'interop-missing', 'back', { mandatory: true, messageId: 'm' });
    assert.equal(events.length, 1); // the confirm resolved the send, and the return was there
    const [{ fields, properties, content }] = events;
    assert.deepEqual({ ...fields },
        { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'interop-missing' });
    assert.deepEqual([properties.messageId, content.toString()], ['m', 'back']);
    await scene.send('', 'interop-missing', 'gone'); // not mandatory: confirmed and dropped
    assert.equal(events.length, 1);
  },

  async every_publish_is_confirmed(scene) {
    const queue = await scene.queue();
    const confirmed = [];
    for (let i = 0; i < 500; i++) {
      scene.publisher.sendToQueue(queue, Buffer.from(String(i)), { persistent: true },
          (error) => confirmed.push(error));
    }
    await within(waitMs, 'confirms', scene.publisher.waitForConfirms());
    assert.deepEqual(confirmed, Array(500).fill(null));
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 500);
  },

  async publish_to_a_missing_exchange_closes_the_channel_404(scene) {
    await scene.refused(404, missingExchange,
        (channel) => channel.publish('interop-missing', 'key', Buffer.from('x')));
  },

  async direct_reply_to_answers_an_rpc(scene) {
    const server = await (await scene.connect()).createChannel();
    const queue = await scene.queue('rpc', {}, server);
    const [requests, answers] = [new Inbox(), new Inbox()];
    await scene.consume(queue, requests, { noAck: true }, server);
    await scene.consume(replyTo, answers, { noAck: true });
    scene.channel.sendToQueue(queue, Buffer.from('6*7'), { replyTo, correlationId: 'rpc-1' });
    await requests.waitFor(1);
    const { properties } = requests.messages[0];
    assert.ok(properties.replyTo.startsWith(`${replyTo}.`), properties.replyTo);
    server.sendToQueue(properties.replyTo, Buffer.from('42'),
        { correlationId: properties.correlationId });
    assert.deepEqual(await answers.waitFor(1), ['42']);
    assert.equal(answers.messages[0].properties.correlationId, 'rpc-1');
    await scene.refused(406, 'PRECONDITION_FAILED - reply consumer cannot acknowledge',
      (channel) => channel.consume(replyTo, () => {}, { noAck: false }));
    await scene.refused(406, 'PRECONDITION_FAILED - fast reply consumer does not exist',
      (channel) => channel.sendToQueue(queue, Buffer.from('x'), { replyTo }));
  },
};

const queues = {
  async server_named_queue_becomes_the_channels_last_queue(scene) {
    const { queue } = await scene.channel.assertQueue('', { exclusive: true });
    assert.match(queue, /^amq\.gen-.{22}$/);
    await scene.channel.bindQueue('', 'amq.direct', queue); // no name: the last declared
    await scene.send('amq.direct', queue, 'found');
    assert.deepEqual(await scene.drain(queue), ['found']);
    await scene.refused(404, 'NOT_FOUND - no previously declared queue',
        (channel) => channel.purgeQueue(''));
  },

  async exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it(scene) {
    const owner = await scene.connect();
    const queue = await scene.queue('exclusive', {}, await owner.createChannel());
    for (const action of [(channel) =>
        channel.assertQueue(queue, { exclusive: true, durable: false }),
      (channel) => channel.checkQueue(queue), (channel) => channel.purgeQueue(queue),
      (channel) => channel.get(queue),
      (channel) => channel.deleteQueue(queue), (channel) => channel.consume(queue, () => {})]) {
      await scene.refused(405, locked(queue), action);
    }
    await owner.close();
    for (const deadline = Date.now() + waitMs; ;) { // it may go a moment after close-ok
      const channel = await scene.connection.createChannel();
      channel.on('error', () => {});
      const code = await channel.checkQueue(queue).then(() => 0, (error) => error.code);
      if (code === 404) break;
      assert.ok(Date.now() < deadline, 'the queue outlived its connection');
    }
  },

  async missing_queue_is_refused_404(scene) {
    for (const action of [(channel) => channel.checkQueue('interop-missing'),
        (channel) => channel.get('interop-missing'),
      (channel) => channel.purgeQueue('interop-missing'),
      (channel) => channel.consume('interop-missing', () => {}),
      (channel) => channel.bindQueue('interop-missing', 'amq.direct', 'key')]) {
      await scene.refused(404, missingQueue, action);
    }
    assert.equal((await scene.channel.deleteQueue('interop-missing')).messageCount, 0);
  },

  async inequivalent_queue_declaration_is_refused_406(scene) {
    const queue = scene.name('plain');
    const current = { durable: false, maxLength: 10, expires: 60000 };
    await scene.channel.assertQueue(queue, current);
    await scene.channel.assertQueue(queue, current);
    for (const [argument, difference, options] of [
      ['durable', "'true' but current is 'false'", { ...current, durable: true }],
      ['auto_delete', "'true' but current is 'false'", { ...current, autoDelete: true }],
      ['x-max-length', "'11' but current is '10'", { ...current, maxLength: 11 }],
      ['x-expires', "none but current is the value '60000' of type 'signedint'", { durable: false, maxLength: 10 }]]) {
      await scene.refused(406,
          `PRECONDITION_FAILED - inequivalent arg '${argument}' for queue '${queue}' in vhost '/': ` +
        `received ${difference}`, (channel) => channel.assertQueue(queue, options));
    }
    await scene.refused(405, locked(queue),
        (channel) => channel.assertQueue(queue, { ...current, exclusive: true }));
    await scene.channel.deleteQueue(queue);
  },

  async purge_and_delete_tell_the_count(scene) {
    const queue = await scene.queue();
    await scene.publish(queue, ['1', '2', '3']);
    assert.equal((await scene.channel.purgeQueue(queue)).messageCount, 3);
    await scene.publish(queue, ['4', '5']);
    assert.deepEqual({ ...await scene.channel.checkQueue(queue) },
        { queue, messageCount: 2, consumerCount: 0 });
    assert.equal((await scene.channel.deleteQueue(queue)).messageCount, 2);
  },

  async queue_delete_if_unused_and_if_empty_refuse_406(scene) {
    const queue = await scene.queue();
    await scene.publish(queue, ['1']);
    await scene.refused(406, `PRECONDITION_FAILED - queue '${queue}' in vhost '/' not empty`,
      (channel) => channel.deleteQueue(queue, { ifEmpty: true }));
    await scene.consume(queue, new Inbox());
    await scene.refused(406, `PRECONDITION_FAILED - queue '${queue}' in vhost '/' in use`,
      (channel) => channel.deleteQueue(queue, { ifUnused: true }));
  },

  async auto_delete_queue_goes_with_its_last_consumer(scene) {
    const queue = await scene.queue('auto', { autoDelete: true });
    const tags = [await scene.consume(queue, new Inbox()), await scene.consume(queue, new Inbox())];
    await scene.channel.cancel(tags[0]);
    await scene.channel.checkQueue(queue);
    await scene.channel.cancel(tags[1]);
    await scene.refused(404, `NOT_FOUND - no queue '${queue}' in vhost '/'`,
        (channel) => channel.checkQueue(queue));
  },
};

const consumers = {
  async get_tells_the_count_and_empty(scene) {
    const queue = await scene.queue();
    await scene.publish(queue, ['1', '2', '3']);
    for (const expected of [['1', 1, 2], ['2', 2, 1], ['3', 3, 0]]) {
      const { content, fields } = await scene.channel.get(queue);
      assert.deepEqual([content.toString(), fields.deliveryTag, fields.messageCount], expected);
    }
    assert.equal(await scene.channel.get(queue), false);
  },

  async consumer_gets_a_server_named_tag_and_a_used_tag_closes_the_connection_530(scene) {
    const queue = await scene.queue();
    assert.match(await scene.consume(queue, new Inbox()), /^amq\.ctag-.{22}$/);
    const inbox = new Inbox();
    assert.equal(await scene.consume(scene.name('q'), inbox,
        { consumerTag: 'tag', noAck: true, priority: 1 }), 'tag');
    await scene.publish(queue, ['1']);
    await inbox.waitFor(1);
    assert.deepEqual([inbox.messages[0].fields.consumerTag, inbox.messages[0].fields.deliveryTag],
        ['tag', 1]);
    await scene.refusedConnection(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", async (channel) => {
      const other = await scene.queue('other', {}, channel);
      await channel.consume(other, () => {}, { consumerTag: 'tag' });
      await channel.consume(other, () => {}, { consumerTag: 'tag' });
    });
  },

  async exclusive_consumer_keeps_others_out_403(scene) {
    const queue = await scene.queue();
    const text = `ACCESS_REFUSED - queue '${queue}' in vhost '/' in exclusive use`;
    const tag = await scene.consume(queue, new Inbox(), { exclusive: true });
    await scene.refused(403, text, (channel) => channel.consume(queue, () => {}));
    await scene.channel.cancel(tag);
    await scene.consume(queue, new Inbox());
    await scene.refused(403, text,
        (channel) => channel.consume(queue, () => {}, { exclusive: true }));
  },

  async no_ack_consumer_leaves_nothing_behind(scene) {
    const [queue, inbox] = [await scene.queue(), new Inbox()];
    await scene.publish(queue, ['1', '2']);
    await scene.refused(406, 'PRECONDITION_FAILED - unknown delivery tag 1', async (channel) => {
      await scene.consume(queue, inbox, { noAck: true }, channel);
      await inbox.waitFor(2);
      channel.ack(inbox.messages[0]);
    });
    assert.deepEqual(inbox.bodies(), ['1', '2']);
    assert.deepEqual(await scene.drain(queue), []);
  },

  async cancelled_consumer_gets_no_more(scene) {
    const [queue, inbox] = [await scene.queue(), new Inbox()];
    const tag = await scene.consume(queue, inbox, { noAck: true });
    await scene.publish(queue, ['1']);
    await inbox.waitFor(1);
    await scene.channel.cancel(tag);
    await scene.publish(queue, ['2']);
    assert.deepEqual(await scene.drain(queue), ['2']);
    await inbox.waitFor(1);
  },

  async consumers_take_turns(scene) {
    const [queue, first, second] = [await scene.queue(), new Inbox(), new Inbox()];
    for (const inbox of [first, second]) await scene.consume(queue, inbox, { noAck: true });
    await scene.publish(queue, numbers(0, 5));
    assert.deepEqual([await first.waitFor(3), await second.waitFor(3)],
        [['0', '2', '4'], ['1', '3', '5']]);
  },

  async consumer_of_higher_priority_is_served_while_it_has_credit(scene) {
    const [queue, low, high] = [await scene.queue(), new Inbox(), new Inbox()];
    await scene.channel.prefetch(2);
    await scene.consume(queue, low);
    await scene.consume(queue, high, { priority: 5 });
    await scene.publish(queue, numbers(1, 5));
    assert.deepEqual([await high.waitFor(2), await low.waitFor(2)], [['1', '2'], ['3', '4']]);
    scene.channel.ack(high.messages[0]);
    assert.deepEqual(await high.waitFor(3), ['1', '2', '5']);
  },

  async qos_limits_each_consumer(scene) {
    const [queue, first, second] = [await scene.queue(), new Inbox(), new Inbox()];
    await scene.publish(queue, numbers(0, 8));
    await scene.channel.prefetch(2);
    await scene.consume(queue, first);
    await scene.channel.prefetch(3); // for consumers made from here on
    await scene.consume(queue, second);
    assert.deepEqual([await first.waitFor(2), await second.waitFor(3)],
        [['0', '1'], ['2', '3', '4']]);
    scene.channel.ack(first.messages[1], true);
    assert.deepEqual(await first.waitFor(4), ['0', '1', '5', '6']);
    await scene.channel.checkQueue(queue); // a round trip: all that it had for us is here
    assert.deepEqual([first.messages.length, second.messages.length], [4, 3]);
  },

  async global_qos_limits_the_channel(scene) {
    const [queue, inbox] = [await scene.queue(), new Inbox()];
    await scene.channel.prefetch(3, true);
    for (let i = 0; i < 2; i++) await scene.consume(queue, inbox);
    await scene.publish(queue, numbers(0, 4));
    assert.deepEqual(await inbox.waitFor(3), ['0', '1', '2']);
    await scene.channel.checkQueue(queue);
    await inbox.waitFor(3);
    scene.channel.ackAll();
    assert.deepEqual((await inbox.waitFor(5)).slice(3), ['3', '4']);
  },

  async ack_nack_and_reject_settle_one_or_many(scene) {
    const [queue, channel] = [await scene.queue(), await scene.connection.createChannel()];
    await scene.publish(queue, numbers(0, 7));
    const got = [];
    for (let i = 0; i < 8; i++) got.push(await channel.get(queue));
    channel.ack(got[1], true); // 0, 1 gone
    channel.nack(got[3], true, true); // 2, 3 back
    channel.reject(got[4], false); // 4 gone
    channel.reject(got[5], true); // 5 back
    channel.nack(got[6], false, false); // 6 gone, 7 stays unacked
    await channel.close(); // 7 back
    assert.deepEqual(await scene.drain(queue), ['2', '3', '5', '7']);
  },

  async unknown_or_settled_delivery_tag_is_refused_406(scene) {
    const queue = await scene.queue();
    await scene.publish(queue, ['1']);
    await scene.refused(406, 'PRECONDITION_FAILED - unknown delivery tag 1', async (channel) => {
      const message = await channel.get(queue);
      channel.ack(message);
      channel.ack(message);
    });
    const never = { fields: { deliveryTag: 99 } };
    for (const settle of ['ack', 'nack', 'reject']) {
      await scene.refused(406, 'PRECONDITION_FAILED - unknown delivery tag 99',
          (channel) => channel[settle](never));
    }
  },

  async requeued_messages_go_back_to_their_place_redelivered(scene) {
    const queue = await scene.queue();
    await scene.publish(queue, numbers(1, 4));
    const got = [];
    for (let i = 0; i < 3; i++) got.push(await scene.channel.get(queue));
    scene.channel.nack(got[1], false, true);
    scene.channel.reject(got[0], true);
    const again = [];
    for (let i = 0; i < 3; i++) again.push(bodyAndMark(await scene.channel.get(queue)));
    assert.deepEqual(again, [['1', true], ['2', true], ['4', false]]);
  },

  async unacked_messages_of_a_closed_channel_return_in_order(scene) {
    const [queue, channel, inbox] = [await scene.queue(), await scene.connection.createChannel(),
        new Inbox()];
    await scene.publish(queue, numbers(1, 5));
    await channel.prefetch(3);
    await scene.consume(queue, inbox, {}, channel);
    await inbox.waitFor(3);
    channel.ack(inbox.messages[1]);
    await inbox.waitFor(4);
    await channel.close();
    const got = [];
    for (let i = 0; i < 4; i++) got.push(bodyAndMark(await scene.channel.get(queue)));
    assert.deepEqual(got, [['1', true], ['3', true], ['4', true], ['5', false]]);
  },

  async recover_redelivers_what_is_unacked(scene) {
    const [queue, inbox] = [await scene.queue(), new Inbox()];
    await scene.consume(queue, inbox);
    await scene.publish(queue, ['1', '2']);
    await inbox.waitFor(2);
    scene.channel.ack(inbox.messages[0]);
    await scene.channel.recover();
    assert.deepEqual(await inbox.waitFor(3), ['1', '2', '2']);
    assert.deepEqual([inbox.messages[2].fields.deliveryTag, inbox.messages[2].fields.redelivered],
        [3, true]);
  },

  async consumer_is_told_when_its_queue_is_deleted(scene) {
    const [queue, inbox] = [await scene.queue(), new Inbox()];
    await scene.consume(queue, inbox);
    await (await scene.connection.createChannel()).deleteQueue(queue);
    assert.deepEqual(await inbox.waitFor(1), [null]);
    await scene.channel.assertQueue('', { exclusive: true }); // the channel lives on
  },
};

runChecks({ ...connections, ...exchanges, ...messages, ...publishers, ...queues, ...consumers });
