<?php
// SPDX-License-Identifier: Apache-2.0
// What a check stands on: connections, entity names, waiting, comparing, reporting.
declare(strict_types=1);

require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AbstractConnection;
use PhpAmqpLib\Connection\AMQPConnectionConfig;
use PhpAmqpLib\Connection\AMQPConnectionFactory;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPDecimal;
use PhpAmqpLib\Wire\AMQPTable;

const WAIT_S = 10;
const CHECK_LIMIT_S = 60;

final class Failure extends Exception
{
}

function same(mixed $expected, mixed $got): void
{
    if ($expected !== $got) {
        throw new Failure('expected ' . json_encode($expected) . ', got ' . json_encode($got));
    }
}

/** What a consumer was given, and waiting for it. */
final class Inbox
{
    public array $messages = [];
    public readonly string $tag;

    public function __construct(private AMQPChannel $channel, string $queue, bool $noAck = false,
        string $tag = '',
        bool $exclusive = false, array $arguments = [])
    {
        $this->tag = $channel->basic_consume($queue, $tag, false, $noAck, $exclusive, false,
            function (AMQPMessage $message): void { $this->messages[] = $message; }, null,
            new AMQPTable($arguments));
    }

    /** The next messages, once that many have come. */
    public function take(int $count): array
    {
        while (count($this->messages) < $count) {
            $this->channel->wait(null, false, WAIT_S);
        }
        return array_splice($this->messages, 0, $count);
    }

    public function bodies(int $count): array
    {
        return array_map(fn (AMQPMessage $message): string => $message->getBody(),
            $this->take($count));
    }
}

/** One check's connections, channels and entities' names. */
final class Scene
{
    public readonly AbstractConnection $connection;
    public readonly AMQPChannel $channel;
    public readonly AMQPChannel $publisher;
    private readonly string $suffix;
    private array $connections = [];

    public function __construct()
    {
        $this->suffix = bin2hex(random_bytes(4));
        $this->connection = $this->connect();
        $this->channel = $this->connection->channel();
        $this->publisher = $this->connection->channel();
        $this->publisher->confirm_select();
    }

    public function connect(?callable $change = null): AbstractConnection
    {
        $config = new AMQPConnectionConfig();
        $config->setHost(getenv('AMQP_HOST'));
        $config->setPort((int) getenv('AMQP_PORT'));
        $config->setConnectionName('interop php-amqplib');
        $config->setHeartbeat(10);
        $config->setReadTimeout(WAIT_S * 2);
        $config->setWriteTimeout(WAIT_S * 2);
        $config->setChannelRPCTimeout(WAIT_S);
        if ($change) {
            $change($config);
        }
        return $this->connections[] = AMQPConnectionFactory::create($config);
    }

    public function name(string $word): string
    {
        return "interop-php-$word-$this->suffix";
    }

    /** Declares a queue that dies with its connection. */
    public function queue(string $word = 'q', ?AMQPChannel $on = null): string
    {
        return ($on ?? $this->channel)->queue_declare($this->name($word), false, false, true,
            false)[0];
    }

    /** Declares an exchange that dies with its last binding. */
    public function exchange(string $word, string $type, array $arguments = [],
        bool $internal = false): string
    {
        $this->channel->exchange_declare($this->name($word), $type, false, false, true, $internal,
            false, new AMQPTable($arguments));
        return $this->name($word);
    }

    /** Publishes and waits for the confirm: the message is in its queues,
    for every other channel too. */
    public function send(string $exchange, string $key, string $body, array $properties = [],
        bool $mandatory = false): void
    {
        $this->publisher->basic_publish(new AMQPMessage($body, $properties), $exchange, $key,
            $mandatory);
        $this->publisher->wait_for_pending_acks_returns(WAIT_S);
    }

    public function publish(string $queue, string ...$bodies): void
    {
        foreach ($bodies as $body) {
            $this->send('', $queue, $body);
        }
    }

    public function publishNumbers(string $queue, int $first, int $last): void
    {
        $this->publish($queue, ...array_map('strval', range($first, $last)));
    }

    /** How many messages wait in the queue. */
    public function ready(string $queue): int
    {
        return $this->channel->queue_declare($queue, true)[1];
    }

    public function get(string $queue, int $count, ?AMQPChannel $on = null): array
    {
        $messages = [];
        while (count($messages) < $count) {
            $messages[] = ($on ?? $this->channel)->basic_get($queue)
                ?? throw new Failure('the queue is empty');
        }
        return $messages;
    }

    /** Gets messages without acknowledging them: each body, with a * when it was redelivered. */
    public function marked(string $queue, int $count): array
    {
        return array_map(fn (AMQPMessage $message): string =>
            $message->getBody() . ($message->isRedelivered() ? '*' : ''),
            $this->get($queue, $count));
    }

    /** The bodies of all that the queue holds. */
    public function drain(string $queue): array
    {
        $bodies = [];
        while ($message = $this->channel->basic_get($queue, true)) {
            $bodies[] = $message->getBody();
        }
        return $bodies;
    }

    /** The broker closes a new channel with exactly this code and text when the action uses it. */
    public function refused(int $code, string $text, callable $action): void
    {
        $channel = $this->connection->channel();
        try {
            $action($channel);
            $channel->wait(null, false, WAIT_S); // for calls without an answer
        } catch (AMQPProtocolChannelException $closed) {
            same([$code, $text], [$closed->amqp_reply_code, $closed->amqp_reply_text]);
            return;
        } catch (AMQPTimeoutException) {
        }
        throw new Failure("expected $code $text, was allowed");
    }

    /** The same for errors that close the connection. */
    public function refusedConnection(int $code, string $text, callable $action): void
    {
        $channel = $this->connect()->channel();
        try {
            $action($channel);
            $channel->wait(null, false, WAIT_S);
        } catch (AMQPConnectionClosedException $closed) { // the client adds "(class, method)"
            same([$code, $text],
                [$closed->getCode(), preg_replace('/\(\d+, \d+\)$/', '', $closed->getMessage())]);
            return;
        } catch (AMQPTimeoutException) {
        }
        throw new Failure("expected $code $text, was allowed");
    }

    public function close(): void
    {
        foreach ($this->connections as $connection) {
            if ($connection->isConnected()) {
                $connection->close();
            }
        }
    }
}

/** A field value that can be compared and printed, each with its type. */
function comparable(mixed $value): mixed
{
    return match (true) {
        $value instanceof AMQPTable => comparable($value->getNativeData()),
        $value instanceof AMQPDecimal => 'decimal ' . $value->getN() . 'e-' . $value->getE(),
        $value instanceof DateTimeInterface => 'time ' . $value->getTimestamp(),
        is_array($value) && array_is_list($value) => array_map('comparable', $value),
        is_array($value) => (function () use ($value): array {
            ksort($value);
            return array_map('comparable', $value);
        })(),
        default =>
            get_debug_type($value) . ' ' . (is_string($value) ? bin2hex($value) : var_export($value,
                true)),
    };
}

function runChecks(array $checks): never
{
    pcntl_async_signals(true);
    pcntl_signal(SIGALRM, fn () => throw new Failure('not done within ' . CHECK_LIMIT_S . ' s'));
    $failed = 0;
    foreach ($checks as $name => $check) {
        pcntl_alarm(CHECK_LIMIT_S);
        try {
            $scene = new Scene();
            $check($scene);
            $scene->close();
            echo "ok - $name\n";
        } catch (Throwable $error) { // any failure of a check is reported; the next check goes on
            echo "not ok - $name: ", get_class($error), ': ', $error->getMessage(), "\n";
            fwrite(STDERR, "$error\n");
            $failed++;
        }
        pcntl_alarm(0);
    }
    echo count($checks) - $failed, " passed, $failed failed\n";
    exit($failed === 0 ? 0 : 1);
}
