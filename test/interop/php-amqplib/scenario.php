<?php
// SPDX-License-Identifier: Apache-2.0
// The interop scenario in PHP, with php-amqplib. test/interop/README.md tells what it covers.
// Each check gets a fresh scene (scene.php). The client logs in with AMQPLAIN. It has no setting for
// frame_max and channel_max, and registers no consumer tag twice.
declare(strict_types=1);

require __DIR__ . '/scene.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Exception\AMQPBasicCancelException;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPAbstractCollection as Type;
use PhpAmqpLib\Wire\AMQPDecimal;
use PhpAmqpLib\Wire\AMQPTable;

const REPLY_TO = 'amq.rabbitmq.reply-to';
const MISSING_QUEUE = "NOT_FOUND - no queue 'interop-missing' in vhost '/'";
const MISSING_EXCHANGE = "NOT_FOUND - no exchange 'interop-missing' in vhost '/'";

function locked(string $queue): string
{
    return "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '$queue' in vhost '/'. It "
        . 'could be originally declared on another connection or the exclusive property value does not '
        . 'match that of the original declaration.';
}

/** The ways to use a queue that are refused alike when it is missing or another connection's. */
function queueActions(string $queue): array
{
    return [fn (AMQPChannel $channel) => $channel->queue_declare($queue, true),
        fn (AMQPChannel $channel) => $channel->queue_purge($queue),
        fn (AMQPChannel $channel) => $channel->basic_get($queue),
        fn (AMQPChannel $channel) => $channel->basic_consume($queue)];
}

$connections = [
    'connection_is_tuned_and_shows_the_server_properties' => function (Scene $s): void {
        $connection = $s->connect(fn ($config) => $config->setHeartbeat(7));
        same(7, $connection->getHeartbeat());
        $properties = $connection->getServerProperties();
        same(getenv('AMQP_AGAINST') === 'rabbitmq' ? 'RabbitMQ' : 'StoatMQ',
            $properties['product'][1]);
        $capabilities = array_keys(array_filter($properties['capabilities'][1],
            fn ($value) => $value === true || $value[1] == true));
        sort($capabilities);
        same(['authentication_failure_close', 'basic.nack', 'connection.blocked',
            'consumer_cancel_notify', 'consumer_priorities',
            'direct_reply_to', 'exchange_exchange_bindings', 'per_consumer_qos',
            'publisher_confirms'], $capabilities);
    },

    'heartbeats_keep_an_idle_connection_open' => function (Scene $s): void {
        $connection = $s->connect(fn ($config) => $config->setHeartbeat(1));
        $channel = $connection->channel();
        try {
            $channel->wait(null, false, 4); // longer than either side waits for the other
        } catch (AMQPTimeoutException) {
        }
        $channel->close();
    },

    'wrong_password_is_refused_403' => function (Scene $s): void {
        foreach (['AMQPLAIN', 'PLAIN'] as $mechanism) {
            try {
                $s->connect(function ($config) use ($mechanism): void {
                    $config->setLoginMethod($mechanism);
                    $config->setPassword('wrong');
                });
                throw new Failure('was let in');
            } catch (AMQPConnectionClosedException $refused) {
                same([403,
                    "ACCESS_REFUSED - Login was refused using authentication mechanism $mechanism. For details see the broker "
                    . 'logfile.(0, 0)'], [$refused->getCode(), $refused->getMessage()]);
            }
        }
    },

    'missing_vhost_is_refused_530' => function (Scene $s): void {
        try {
            $s->connect(fn ($config) => $config->setVhost('nowhere'));
            throw new Failure('was let in');
        } catch (AMQPConnectionClosedException $refused) {
            same([530, 'NOT_ALLOWED - vhost nowhere not found(10, 40)'],
                [$refused->getCode(), $refused->getMessage()]);
        }
    },
];

$exchanges = [
    'direct_exchange_routes_by_the_exact_key' => function (Scene $s): void {
        [$queue, $exchange] = [$s->queue(), $s->exchange('x', 'direct')];
        $s->channel->queue_bind($queue, $exchange, 'red');
        foreach (['red', 're', 'red.', 'Red', 'blue'] as $key) {
            $s->send($exchange, $key, $key);
        }
        same(['red'], $s->drain($queue));
    },

    'fanout_exchange_copies_to_every_queue' => function (Scene $s): void {
        $exchange = $s->exchange('x', 'fanout');
        foreach (['a', 'b', 'c'] as $word) {
            $s->channel->queue_bind($s->queue($word), $exchange, 'ignored');
        }
        $s->send($exchange, 'any', 'copy');
        foreach (['a', 'b', 'c'] as $word) {
            same(['copy'], $s->drain($s->name($word)));
        }
    },

    'topic_exchange_matches_words_and_delivers_one_copy' => function (Scene $s): void {
        [$exchange, $queue, $all] = [$s->exchange('x', 'topic'), $s->queue(), $s->queue('all')];
        foreach (['*.orange.*', 'lazy.#', '#.rabbit'] as $pattern) {
            $s->channel->queue_bind($queue, $exchange, $pattern);
        }
        $s->channel->queue_bind($all, $exchange, '#');
        $keys = ['quick.orange.rabbit', 'lazy', 'lazy.a.b.c', 'rabbit', 'lazy.orange.rabbit',
            'quick.orange', 'a.b', ''];
        foreach ($keys as $key) {
            $s->send($exchange, $key, $key);
        }
        same([array_slice($keys, 0, 5), $keys], [$s->drain($queue), $s->drain($all)]);
    },

    'headers_exchange_matches_all_any_and_presence' => function (Scene $s): void {
        $exchange = $s->exchange('x', 'headers');
        foreach (['all' => ['x-match' => 'all', 'a' => 1, 'b' => 'two'],
            'any' => ['x-match' => 'any', 'a' => 1, 'b' => 'two'],
            'default' => ['a' => 1], 'present' => ['x-match' => 'all', 'b' => null]] as $word => $table) {
            $s->channel->queue_bind($s->queue($word), $exchange, '', false, new AMQPTable($table));
        }
        foreach (['both' => ['a' => 1, 'b' => 'two'], 'a' => ['a' => 1],
            'b' => ['b' => 'two', 'c' => 1],
            'none' => ['a' => 2, 'c' => 'two']] as $body => $headers) {
            $s->send($exchange, '', $body, ['application_headers' => new AMQPTable($headers)]);
        }
        foreach (['all' => ['both'], 'any' => ['both', 'a', 'b'], 'default' => ['both', 'a'],
            'present' => ['both', 'b']]
            as $word => $expected) {
            same($expected, $s->drain($s->name($word)));
        }
    },

    'exchange_to_exchange_binding_routes_until_unbound' => function (Scene $s): void {
        [$source, $destination, $queue] = [$s->exchange('source', 'topic'),
            $s->exchange('destination', 'fanout'), $s->queue()];
        $s->channel->exchange_bind($destination, $source, 'log.#');
        $s->channel->exchange_bind($destination, $source, 'keep');
        $s->channel->queue_bind($queue, $destination);
        $s->send($source, 'log.error', '1');
        $s->send($source, 'metric', '2');
        same(['1'], $s->drain($queue));
        $s->channel->exchange_unbind($destination, $source, 'log.#');
        $s->send($source, 'log.error', '3');
        $s->send($source, 'keep', '4');
        same(['4'], $s->drain($queue));
    },

    'alternate_exchange_gets_what_was_not_routed' => function (Scene $s): void {
        $alternate = $s->exchange('alternate', 'fanout');
        $main = $s->exchange('main', 'direct', ['alternate-exchange' => $alternate]);
        $s->channel->queue_bind($s->queue('rest'), $alternate);
        $s->channel->queue_bind($s->queue('routed'), $main, 'known');
        foreach (['known', 'unknown'] as $key) {
            $s->send($main, $key, $key);
        }
        same([['known'], ['unknown']],
            [$s->drain($s->name('routed')), $s->drain($s->name('rest'))]);
    },

    'cc_and_bcc_headers_route_and_bcc_is_removed' => function (Scene $s): void {
        [$to, $cc, $bcc] = [$s->queue('to'), $s->queue('cc'), $s->queue('bcc')];
        $s->send('', $to, 'post',
            ['application_headers' => new AMQPTable(['CC' => [$cc], 'BCC' => [$bcc]])]);
        foreach ([$to, $cc, $bcc] as $queue) {
            [$got] = $s->get($queue, 1);
            same(['post', $to, ['CC' => [$cc]]],
                [$got->getBody(), $got->getRoutingKey(),
                    $got->get('application_headers')->getNativeData()]);
        }
    },

    'exchange_declarations_are_refused_as_rabbitmq_does' => function (Scene $s): void {
        $x = $s->exchange('x', 'direct');
        $declare = fn (string $name, string $type, bool $passive = false, bool $durable = false) =>
            fn (AMQPChannel $channel) =>
                $channel->exchange_declare($name, $type, $passive, $durable, true);
        $inequivalent = "PRECONDITION_FAILED - inequivalent arg '%s' for exchange '$x' in vhost '/': "
            . "received '%s' but current is '%s'";
        $s->refused(406, sprintf($inequivalent, 'type', 'fanout', 'direct'),
            $declare($x, 'fanout'));
        $s->refused(406, sprintf($inequivalent, 'durable', 'true', 'false'),
            $declare($x, 'direct', durable: true));
        $s->refused(404, MISSING_EXCHANGE, $declare('interop-missing', 'direct', passive: true));
        $s->refused(403,
            "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'",
            $declare('amq.interop', 'direct'));
        $s->refusedConnection(503, "COMMAND_INVALID - unknown exchange type 'nonsense'",
            $declare('interop-x', 'nonsense'));
        $s->channel->exchange_delete($x);
    },

    'default_and_internal_exchanges_refuse_403' => function (Scene $s): void {
        [$queue, $internal] = [$s->queue(), $s->exchange('internal', 'fanout', [], true)];
        $s->refused(403, 'ACCESS_REFUSED - operation not permitted on the default exchange',
            fn (AMQPChannel $channel) => $channel->queue_bind($queue, '', 'key'));
        $s->refused(403,
            "ACCESS_REFUSED - cannot publish to internal exchange '$internal' in vhost '/'",
            fn (AMQPChannel $channel) => $channel->basic_publish(new AMQPMessage(''), $internal));
        $s->channel->exchange_delete($internal);
    },

    'exchange_delete_if_unused_refuses_while_bound_406' => function (Scene $s): void {
        [$queue, $exchange] = [$s->queue(), $s->exchange('x', 'fanout')];
        $s->channel->queue_bind($queue, $exchange);
        $s->refused(406, "PRECONDITION_FAILED - exchange '$exchange' in vhost '/' in use",
            fn (AMQPChannel $channel) => $channel->exchange_delete($exchange, true));
        $s->channel->queue_unbind($queue,
            $exchange); // the last binding: auto-delete takes the exchange
        $s->refused(404, "NOT_FOUND - no exchange '$exchange' in vhost '/'",
            fn (AMQPChannel $channel) => $channel->exchange_declare($exchange, 'fanout', true));
        $s->channel->exchange_delete($exchange); // a missing one: fine
    },
];

$messages = [
    'all_properties_round_trip' => function (Scene $s): void {
        $queue = $s->queue();
        $sent = ['content_type' => 'application/json', 'content_encoding' => 'gzip',
            'delivery_mode' => 2, 'priority' => 9,
            'correlation_id' => 'c-1', 'reply_to' => 'answers', 'expiration' => '60000',
            'message_id' => 'm-1',
            'timestamp' => 1700000000, 'type' => 'kind', 'user_id' => 'guest', 'app_id' => 'app',
            'cluster_id' => 'cluster'];
        $s->send('', $queue, '{}', $sent + ['application_headers' => new AMQPTable(['k' => 'v'])]);
        [$got] = $s->get($queue, 1);
        same(['{}', '', $queue, false],
            [$got->getBody(), $got->getExchange(), $got->getRoutingKey(), $got->isRedelivered()]);
        $expected = $sent + ['application_headers' => ['k' => 'v']];
        $properties = ['application_headers' =>
            $got->get('application_headers')->getNativeData()] + $got->get_properties();
        ksort($expected);
        ksort($properties);
        same($expected, $properties);
        $s->publish($queue, 'bare');
        same([], $s->get($queue, 1)[0]->get_properties());
    },

    'all_field_table_types_round_trip' => function (Scene $s): void {
        // php-amqplib sends floating point numbers as strings: f and d are left to others.
        $queue = $s->queue();
        $plain = ['text' => 'grün ☃', 'empty' => '', 'yes' => true, 'no' => false, 'int' => 42,
            'negative' => -1, 'long' => 2 ** 40,
            'least' => PHP_INT_MIN, 'decimal' => new AMQPDecimal(314, 2),
            'time' => new DateTime('@1700000000'), 'nothing' => null,
            'table' => ['a' => 1, 'deep' => ['list' => [1, 'x', null]]],
            'array' => [1, 'two', [[true]], ['four' => 4], null], 'none' => []];
        $typed = [Type::T_INT_SHORTSHORT => -128, Type::T_INT_SHORTSHORT_U => 255,
            Type::T_INT_SHORT => -32768,
            Type::T_INT_SHORT_U => 65535, Type::T_INT_LONG => -(2 ** 31),
            Type::T_INT_LONG_U => 2 ** 32 - 1, Type::T_INT_LONGLONG => -1,
            Type::T_BYTES => "\0\xff\x80"]; // b, B, s, u, I, i, l, x
        $headers = new AMQPTable($plain);
        $expected = $plain;
        foreach ($typed as $type => $value) {
            $headers->set("type $type", $value, $type);
            $expected["type $type"] = $value;
        }
        $s->send('', $queue, '', ['application_headers' => $headers]);
        same(comparable($expected), comparable($s->get($queue, 1)[0]->get('application_headers')));
    },

    'empty_and_large_bodies_round_trip' => function (Scene $s): void {
        $queue = $s->queue();
        $bodies = array_map(fn (int $size): string => $size ? random_bytes($size) : '',
            [0, 1, 131072 - 8, 131072 - 7, 3 << 20]);
        $s->publish($queue, ...$bodies);
        foreach ((new Inbox($s->channel, $queue, true))->bodies(count($bodies)) as $i => $body) {
            same([$i, true], [$i, $body === $bodies[$i]]);
        }
    },

    'user_id_of_another_user_is_refused_406' => function (Scene $s): void {
        $queue = $s->queue();
        $s->refused(406,
            "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
            fn (AMQPChannel $channel) =>
                $channel->basic_publish(new AMQPMessage('', ['user_id' => 'other']), '', $queue));
    },
];

$publishers = [
    'unroutable_mandatory_message_returns_before_its_confirm' => function (Scene $s): void {
        $events = [];
        $s->publisher->set_return_listener(function (...$return) use (&$events): void {
            $message = array_pop($return);
            $events[] = [...$return, $message->get('message_id'), $message->getBody()];
        });
        $s->publisher->set_ack_handler(function () use (&$events): void { $events[] = 'ack'; });
        $s->send('', 'interop-missing', 'back', ['message_id' => 'm'], true);
        same([[312, 'NO_ROUTE', '', 'interop-missing', 'm', 'back'], 'ack'], $events);
        $s->send('', 'interop-missing', 'gone'); // not mandatory: confirmed and dropped
        same('ack', end($events));
        same(3, count($events));
    },

    'every_publish_is_confirmed' => function (Scene $s): void {
        [$queue, $acked] = [$s->queue(), []];
        $s->publisher->set_ack_handler(function (AMQPMessage $message) use (&$acked): void {
            $acked[] = $message->getBody();
        });
        for ($i = 0; $i < 500; $i++) {
            $s->publisher->basic_publish(new AMQPMessage((string) $i, ['delivery_mode' => 2]), '',
                $queue);
        }
        $s->publisher->wait_for_pending_acks(WAIT_S);
        sort($acked, SORT_NUMERIC);
        same([array_map('strval', range(0, 499)), 500], [$acked, $s->ready($queue)]);
    },

    'transaction_publishes_and_acks_at_commit_and_forgets_at_rollback' => function (Scene $s): void {
        [$queue, $tx] = [$s->queue(), $s->connection->channel()];
        $tx->tx_select();
        $tx->basic_publish(new AMQPMessage('1'), '', $queue);
        $tx->basic_publish(new AMQPMessage('2'), '', $queue);
        same(0, $s->ready($queue));
        $tx->tx_commit();
        same(2, $s->ready($queue));
        $tx->basic_publish(new AMQPMessage('3'), '', $queue);
        $tx->tx_rollback();
        same(2, $s->ready($queue));
        $tag = $s->get($queue, 1, $tx)[0]->getDeliveryTag();
        $tx->basic_ack($tag);
        $tx->tx_rollback(); // the ack is forgotten, the message still unacked
        $tx->basic_ack($tag);
        $tx->tx_commit();
        $tx->close();
        same(['2'], $s->drain($queue));
    },

    'tx_and_confirm_exclude_each_other_406' => function (Scene $s): void {
        $s->refused(406, 'PRECONDITION_FAILED - cannot switch from tx to confirm mode', function (AMQPChannel $channel): void {
            $channel->tx_select();
            $channel->confirm_select();
        });
        $s->refused(406, 'PRECONDITION_FAILED - cannot switch from confirm to tx mode', function (AMQPChannel $channel): void {
            $channel->confirm_select();
            $channel->tx_select();
        });
        $s->refused(406, 'PRECONDITION_FAILED - channel is not transactional',
            fn (AMQPChannel $channel) => $channel->tx_commit());
    },

    'publish_to_a_missing_exchange_closes_the_channel_404' => function (Scene $s): void {
        $s->refused(404, MISSING_EXCHANGE, fn (AMQPChannel $channel) =>
            $channel->basic_publish(new AMQPMessage('x'), 'interop-missing', 'key'));
    },

    'direct_reply_to_answers_an_rpc' => function (Scene $s): void {
        $server = $s->connect()->channel();
        $queue = $s->queue('rpc', $server);
        [$requests, $answers] = [new Inbox($server, $queue, true),
            new Inbox($s->channel, REPLY_TO, true)];
        $s->channel->basic_publish(new AMQPMessage('6*7',
            ['reply_to' => REPLY_TO, 'correlation_id' => 'rpc-1']), '', $queue);
        [$request] = $requests->take(1);
        same(true, str_starts_with($request->get('reply_to'), REPLY_TO . '.'));
        $answer = new AMQPMessage('42', ['correlation_id' => $request->get('correlation_id')]);
        $server->basic_publish($answer, '', $request->get('reply_to'));
        [$answer] = $answers->take(1);
        same(['rpc-1', '42'], [$answer->get('correlation_id'), $answer->getBody()]);
        $s->refused(406, 'PRECONDITION_FAILED - reply consumer cannot acknowledge',
            fn (AMQPChannel $channel) => $channel->basic_consume(REPLY_TO));
        $s->refused(406, 'PRECONDITION_FAILED - fast reply consumer does not exist',
            fn (AMQPChannel $channel) =>
                $channel->basic_publish(new AMQPMessage('', ['reply_to' => REPLY_TO]), '', $queue));
    },

    'unsupported_bits_close_the_connection_540' => function (Scene $s): void {
        $s->refusedConnection(540, 'NOT_IMPLEMENTED - immediate=true',
            fn (AMQPChannel $channel) =>
                $channel->basic_publish(new AMQPMessage(''), '', 'interop-missing', false, true));
        $s->refusedConnection(540, 'NOT_IMPLEMENTED - prefetch_size!=0 (10)',
            fn (AMQPChannel $channel) => $channel->basic_qos(10, 1, false));
        $s->refusedConnection(540, 'NOT_IMPLEMENTED - active=false',
            fn (AMQPChannel $channel) => $channel->flow(false));
        $s->refusedConnection(540, 'NOT_IMPLEMENTED - requeue=false',
            fn (AMQPChannel $channel) => $channel->basic_recover(false));
        $s->channel->flow(true);
    },
];

$queues = [
    'server_named_queue_becomes_the_channels_last_queue' => function (Scene $s): void {
        [$queue] = $s->channel->queue_declare('', false, false, true);
        same(1, preg_match('/^amq\.gen-.{22}$/', $queue));
        $s->channel->queue_bind('', 'amq.direct', $queue); // no name: the last declared
        $s->send('amq.direct', $queue, 'found');
        same(['found'], $s->drain($queue));
        $s->refused(404, 'NOT_FOUND - no previously declared queue',
            fn (AMQPChannel $channel) => $channel->queue_purge(''));
    },

    'exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it' => function (Scene $s): void {
        $owner = $s->connect();
        $queue = $s->queue('exclusive', $owner->channel());
        foreach (queueActions($queue) as $action) {
            $s->refused(405, locked($queue), $action);
        }
        $owner->close(); // the broker may take the queue away a moment after close-ok
        for ($deadline = microtime(true) + WAIT_S; microtime(true) < $deadline;) {
            try {
                $s->connection->channel()->queue_declare($queue, true);
            } catch (AMQPProtocolChannelException $closed) {
                if ($closed->amqp_reply_code === 404) {
                    return;
                }
            }
        }
        throw new Failure('the queue outlived its connection');
    },

    'missing_queue_is_refused_404' => function (Scene $s): void {
        foreach (queueActions('interop-missing') as $action) {
            $s->refused(404, MISSING_QUEUE, $action);
        }
        $s->refused(404, MISSING_QUEUE, fn (AMQPChannel $channel) =>
            $channel->queue_bind('interop-missing', 'amq.direct', 'key'));
        same(0, $s->channel->queue_delete('interop-missing'));
    },

    'inequivalent_queue_declaration_is_refused_406' => function (Scene $s): void {
        [$queue, $current] = [$s->name('plain'), ['x-max-length' => 10, 'x-expires' => 60000]];
        $declare = fn (array $arguments, bool $durable = false, bool $exclusive = false,
            bool $autoDelete = false) =>
            fn (AMQPChannel $channel) =>
                $channel->queue_declare($queue, false, $durable, $exclusive, $autoDelete, false,
                    new AMQPTable($arguments));
        $declare($current)($s->channel);
        $declare(array_reverse($current))($s->channel);
        foreach ([['durable', "'true' but current is 'false'", $declare($current, durable: true)],
            ['auto_delete', "'true' but current is 'false'", $declare($current, autoDelete: true)],
            ['x-max-length', "'11' but current is '10'",
                $declare(['x-max-length' => 11] + $current)],
            ['x-expires', "none but current is the value '60000' of type 'signedint'",
                $declare(['x-max-length' => 10])],
        ] as [$argument, $difference, $action]) {
            $s->refused(406,
                "PRECONDITION_FAILED - inequivalent arg '$argument' for queue '$queue' in vhost '/': received $difference", $action);
        }
        $s->refused(405, locked($queue), $declare($current, exclusive: true));
        $s->channel->queue_delete($queue);
    },

    'purge_and_delete_tell_the_count' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publish($queue, '1', '2', '3');
        same(3, $s->channel->queue_purge($queue));
        $s->publish($queue, '4', '5');
        same([$queue, 2, 0], $s->channel->queue_declare($queue, true));
        same(2, $s->channel->queue_delete($queue));
    },

    'queue_delete_if_unused_and_if_empty_refuse_406' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publish($queue, '1');
        $s->refused(406, "PRECONDITION_FAILED - queue '$queue' in vhost '/' not empty",
            fn (AMQPChannel $channel) => $channel->queue_delete($queue, false, true));
        new Inbox($s->channel, $queue);
        $s->refused(406, "PRECONDITION_FAILED - queue '$queue' in vhost '/' in use",
            fn (AMQPChannel $channel) => $channel->queue_delete($queue, true));
    },

    'auto_delete_queue_goes_with_its_last_consumer' => function (Scene $s): void {
        [$queue] = $s->channel->queue_declare($s->name('auto'), false, false, true, true);
        $inboxes = [new Inbox($s->channel, $queue), new Inbox($s->channel, $queue)];
        $s->channel->basic_cancel($inboxes[0]->tag);
        $s->ready($queue);
        $s->channel->basic_cancel($inboxes[1]->tag);
        $s->refused(404, "NOT_FOUND - no queue '$queue' in vhost '/'",
            fn (AMQPChannel $channel) => $channel->queue_declare($queue, true));
    },
];

$consumers = [
    'get_tells_the_count_and_empty' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publishNumbers($queue, 1, 3);
        foreach ($s->get($queue, 3) as $i => $message) {
            same([(string) ($i + 1), $i + 1, 2 - $i], [$message->getBody(),
                (int) $message->getDeliveryTag(), $message->getMessageCount()]);
        }
        same(null, $s->channel->basic_get($queue));
    },

    'consumer_gets_a_server_named_tag_or_its_own' => function (Scene $s): void {
        [$queue, $other] = [$s->queue(), $s->queue('other')];
        same(1, preg_match('/^amq\.ctag-.{22}$/', (new Inbox($s->channel, $queue))->tag));
        $inbox = new Inbox($s->channel, $other, true, 'tag');
        $s->publish($other, '1');
        same('tag', $inbox->take(1)[0]->getConsumerTag());
    },

    'exclusive_consumer_keeps_others_out_403' => function (Scene $s): void {
        $queue = $s->queue();
        $text = "ACCESS_REFUSED - queue '$queue' in vhost '/' in exclusive use";
        $inbox = new Inbox($s->channel, $queue, exclusive: true);
        $s->refused(403, $text, fn (AMQPChannel $channel) => new Inbox($channel, $queue));
        $s->channel->basic_cancel($inbox->tag);
        new Inbox($s->channel, $queue);
        $s->refused(403, $text,
            fn (AMQPChannel $channel) => new Inbox($channel, $queue, exclusive: true));
    },

    'no_ack_consumer_leaves_nothing_behind' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publish($queue, '1', '2');
        $s->refused(406, 'PRECONDITION_FAILED - unknown delivery tag 1', function (AMQPChannel $channel) use ($queue): void {
            same(['1', '2'], (new Inbox($channel, $queue, true))->bodies(2));
            $channel->basic_ack(1);
        });
        same([], $s->drain($queue));
    },

    'cancelled_consumer_gets_no_more' => function (Scene $s): void {
        $queue = $s->queue();
        $inbox = new Inbox($s->channel, $queue, true);
        $s->publish($queue, '1');
        $inbox->take(1);
        $s->channel->basic_cancel($inbox->tag);
        $s->publish($queue, '2');
        same([['2'], []], [$s->drain($queue), $inbox->messages]);
    },

    'consumers_take_turns' => function (Scene $s): void {
        $queue = $s->queue();
        [$first, $second] = [new Inbox($s->channel, $queue, true),
            new Inbox($s->channel, $queue, true)];
        $s->publishNumbers($queue, 0, 5);
        same([['0', '2', '4'], ['1', '3', '5']], [$first->bodies(3), $second->bodies(3)]);
    },

    'consumer_of_higher_priority_is_served_while_it_has_credit' => function (Scene $s): void {
        $queue = $s->queue();
        $s->channel->basic_qos(0, 2, false);
        [$low, $high] = [new Inbox($s->channel, $queue),
            new Inbox($s->channel, $queue, arguments: ['x-priority' => 5])];
        $s->publishNumbers($queue, 1, 5);
        $served = $high->take(2);
        same(['1', '2', '3', '4'],
            [$served[0]->getBody(), $served[1]->getBody(), ...$low->bodies(2)]);
        $served[0]->ack();
        same(['5'], $high->bodies(1));
    },

    'qos_limits_each_consumer' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publishNumbers($queue, 0, 8);
        $s->channel->basic_qos(0, 2, false);
        $first = new Inbox($s->channel, $queue);
        $s->channel->basic_qos(0, 3, false); // for consumers made from here on
        $second = new Inbox($s->channel, $queue);
        same([['0', '1'], ['2', '3', '4'], 4],
            [$first->bodies(2), $second->bodies(3), $s->ready($queue)]);
        $s->channel->basic_ack(2, true); // the first's: tags 1 and 2
        same([['5', '6'], 2], [$first->bodies(2), $s->ready($queue)]);
    },

    'global_qos_limits_the_channel' => function (Scene $s): void {
        $queue = $s->queue();
        $s->channel->basic_qos(0, 3, true);
        [$first, $second] = [new Inbox($s->channel, $queue), new Inbox($s->channel, $queue)];
        $s->publishNumbers($queue, 0, 4);
        same([['0', '2'], ['1'], 2], [$first->bodies(2), $second->bodies(1), $s->ready($queue)]);
        $s->channel->basic_ack(0, true); // all that was delivered
        same([1, 1, 0], [count($first->take(1)), count($second->take(1)), $s->ready($queue)]);
    },

    'ack_nack_and_reject_settle_one_or_many' => function (Scene $s): void {
        [$queue, $channel] = [$s->queue(), $s->connection->channel()];
        $s->publishNumbers($queue, 0, 7);
        $s->get($queue, 8, $channel);
        $channel->basic_ack(2, true); // 0, 1 gone
        $channel->basic_nack(4, true, true); // 2, 3 back
        $channel->basic_reject(5, false); // 4 gone
        $channel->basic_reject(6, true); // 5 back
        $channel->basic_nack(7, false, false); // 6 gone, 7 stays unacked
        $channel->close(); // 7 back
        same(['2', '3', '5', '7'], $s->drain($queue));
    },

    'unknown_or_settled_delivery_tag_is_refused_406' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publish($queue, '1');
        $s->refused(406, 'PRECONDITION_FAILED - unknown delivery tag 1', function (AMQPChannel $channel) use ($s, $queue): void {
            $s->get($queue, 1, $channel);
            $channel->basic_ack(1);
            $channel->basic_ack(1);
        });
        foreach ([fn (AMQPChannel $channel) => $channel->basic_ack(99),
            fn (AMQPChannel $channel) => $channel->basic_nack(99, false, true),
            fn (AMQPChannel $channel) => $channel->basic_reject(99, true)] as $settle) {
            $s->refused(406, 'PRECONDITION_FAILED - unknown delivery tag 99', $settle);
        }
    },

    'requeued_messages_go_back_to_their_place_redelivered' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publishNumbers($queue, 1, 4);
        same(['1', '2', '3'], $s->marked($queue, 3));
        $s->channel->basic_nack(2, false, true);
        $s->channel->basic_reject(1, true);
        same(['1*', '2*', '4'], $s->marked($queue, 3));
    },

    'unacked_messages_of_a_closed_channel_return_in_order' => function (Scene $s): void {
        [$queue, $channel] = [$s->queue(), $s->connection->channel()];
        $s->publishNumbers($queue, 1, 5);
        $channel->basic_qos(0, 3, false);
        $inbox = new Inbox($channel, $queue);
        $inbox->take(3);
        $channel->basic_ack(2);
        $inbox->take(1);
        $channel->close();
        same(['1*', '3*', '4*', '5'], $s->marked($queue, 4));
    },

    'recover_redelivers_what_is_unacked' => function (Scene $s): void {
        $queue = $s->queue();
        $s->publish($queue, '1', '2');
        $inbox = new Inbox($s->channel, $queue);
        $inbox->take(2);
        $s->channel->basic_ack(1);
        $s->channel->basic_recover(true);
        [$again] = $inbox->take(1);
        same(['2', true, 3],
            [$again->getBody(), $again->isRedelivered(), (int) $again->getDeliveryTag()]);
    },

    'consumer_is_told_when_its_queue_is_deleted' => function (Scene $s): void {
        $queue = $s->queue();
        $inbox = new Inbox($s->channel, $queue);
        $s->connection->channel()->queue_delete($queue);
        try {
            $inbox->take(1);
            throw new Failure('was not told');
        } catch (AMQPBasicCancelException $cancelled) {
            same($inbox->tag, $cancelled->getConsumerTag());
        }
        $s->queue(); // the channel lives on
    },
];

runChecks([...$connections, ...$exchanges, ...$messages, ...$publishers, ...$queues,
    ...$consumers]);
