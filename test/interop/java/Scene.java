// SPDX-License-Identifier: Apache-2.0

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.ShutdownNotifier;
import com.rabbitmq.client.ShutdownSignalException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** What one check stands on: its connections,
channels and entities' names, waiting and comparing. */
final class Scene implements AutoCloseable {
  static final int WAIT_MS = 10_000;
  static final String AGAINST = System.getenv("AMQP_AGAINST");

  interface Action {
    void on(Channel channel) throws Exception;
  }

  interface Settings {
    void on(ConnectionFactory factory) throws Exception;
  }

  private final String suffix = Integer.toHexString(ThreadLocalRandom.current().nextInt());
  private final List<Connection> connections = new ArrayList<>();
  final Connection connection = connect(factory -> { });
  final Channel channel = connection.createChannel();
  final Channel publisher = connection.createChannel();

  Scene() throws Exception {
    publisher.confirmSelect();
  }

  Connection connect(Settings settings) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setHost(System.getenv("AMQP_HOST"));
    factory.setPort(Integer.parseInt(System.getenv("AMQP_PORT")));
    factory.setAutomaticRecoveryEnabled(false);
    factory.setRequestedHeartbeat(10);
    factory.setChannelRpcTimeout(WAIT_MS);
    factory.setConnectionTimeout(WAIT_MS);
    settings.on(factory);
    Connection connected = factory.newConnection("interop java");
    connections.add(connected);
    return connected;
  }

  String name(String word) {
    return "interop-java-" + word + "-" + suffix;
  }

  /** Declares a queue that dies with its connection. */
  String queue(String word) throws Exception {
    return queue(channel, word, null);
  }

  String queue(Channel on, String word, Map<String, Object> arguments) throws Exception {
    return on.queueDeclare(name(word), false, true, false, arguments).getQueue();
  }

  /** Declares an exchange that dies with its last binding. */
  String exchange(String word, String type, Map<String, Object> arguments) throws Exception {
    channel.exchangeDeclare(name(word), type, false, true, arguments);
    return name(word);
  }

  String exchange(String word, String type) throws Exception {
    return exchange(word, type, null);
  }

  /** Publishes and waits for the confirm: the message is in its queues,
  for every other channel too. */
  void send(String exchange, String key, AMQP.BasicProperties properties, byte[] body) throws Exception {
    publisher.basicPublish(exchange, key, properties, body);
    publisher.waitForConfirmsOrDie(WAIT_MS);
  }

  void send(String exchange, String key, String body) throws Exception {
    send(exchange, key, null, body.getBytes(StandardCharsets.UTF_8));
  }

  void publish(String queue, String... bodies) throws Exception {
    for (String body : bodies) {
      send("", queue, body);
    }
  }

  /** A consumer that keeps what it is given until the check takes it. */
  static final class Inbox extends DefaultConsumer {
    private final BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
    final CompletableFuture<String> cancelled = new CompletableFuture<>();
    String tag;

    Inbox(Channel channel) {
      super(channel);
    }

    @Override
    public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
      deliveries.add(new Delivery(envelope, properties, body));
    }

    @Override
    public void handleCancel(String tag) {
      cancelled.complete(tag);
    }

    List<Delivery> take(int count) throws InterruptedException {
      List<Delivery> taken = new ArrayList<>();
      while (taken.size() < count) {
        Delivery delivery = deliveries.poll(WAIT_MS, TimeUnit.MILLISECONDS);
        if (delivery == null) {
          throw new AssertionError(taken.size() + " of " + count + " messages within " + WAIT_MS + " ms");
        }
        taken.add(delivery);
      }
      return taken;
    }

    List<String> bodies(int count) throws InterruptedException {
      return take(count).stream().map(delivery -> text(delivery.getBody())).toList();
    }

    boolean isEmpty() {
      return deliveries.isEmpty();
    }
  }

  Inbox consume(Channel on, String queue, boolean autoAck, Map<String, Object> arguments) throws Exception {
    Inbox inbox = new Inbox(on);
    inbox.tag = on.basicConsume(queue, autoAck, arguments == null ? Map.of() : arguments, inbox);
    return inbox;
  }

  Inbox consume(String queue, boolean autoAck) throws Exception {
    return consume(channel, queue, autoAck, null);
  }

  /** How many messages wait in the queue. */
  int ready(String queue) throws Exception {
    return channel.queueDeclarePassive(queue).getMessageCount();
  }

  /** The bodies of all that the queue holds. */
  List<String> drain(String queue) throws Exception {
    List<String> bodies = new ArrayList<>();
    for (GetResponse got; (got = channel.basicGet(queue, true)) != null;) {
      bodies.add(text(got.getBody()));
    }
    return bodies;
  }

  /** Gets messages without acknowledging them: each body, with a * when it was redelivered. */
  List<String> marked(String queue, int count) throws Exception {
    List<String> marked = new ArrayList<>();
    while (marked.size() < count) {
      GetResponse got = Objects.requireNonNull(channel.basicGet(queue, false),
          "the queue is empty");
      marked.add(text(got.getBody()) + (got.getEnvelope().isRedeliver() ? "*" : ""));
    }
    return marked;
  }

  /** The broker closes a new channel with exactly this code and text when the action uses it. */
  void refused(int code, String text, Action action) throws Exception {
    Channel refused = connection.createChannel();
    closedWith(code, text, refused, () -> action.on(refused));
  }

  /** The same for errors that close the connection. */
  void refusedConnection(int code, String text, Action action) throws Exception {
    Connection refused = connect(factory -> { });
    Channel on = refused.createChannel();
    closedWith(code, text, refused, () -> action.on(on));
  }

  private interface Step {
    void run() throws Exception;
  }

  private static void closedWith(int code, String text, ShutdownNotifier notifier, Step step) throws Exception {
    CompletableFuture<ShutdownSignalException> closed = new CompletableFuture<>();
    notifier.addShutdownListener(closed::complete);
    try {
      step.run();
    } catch (java.io.IOException | ShutdownSignalException expected) {
      // The close reason tells the same, and also for calls without an answer.
    }
    same(code + " " + text, reason(closed.get(WAIT_MS, TimeUnit.MILLISECONDS)));
  }

  static String reason(ShutdownSignalException closed) {
    if (closed.getReason() instanceof AMQP.Channel.Close close) {
      return close.getReplyCode() + " " + close.getReplyText();
    }
    AMQP.Connection.Close close = (AMQP.Connection.Close) closed.getReason();
    return close.getReplyCode() + " " + close.getReplyText();
  }

  static void same(Object expected, Object got) {
    if (!Objects.equals(expected, got)) {
      throw new AssertionError("expected " + expected + ", got " + got);
    }
  }

  static String text(byte[] body) {
    return new String(body, StandardCharsets.UTF_8);
  }

  /** A field value that can be compared and printed, each with its type. */
  static Object comparable(Object value) {
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> table = new TreeMap<>();
      map.forEach((key, field) -> table.put((String) key, comparable(field)));
      return table;
    }
    if (value instanceof List<?> list) {
      return list.stream().map(Scene::comparable).toList();
    }
    if (value instanceof byte[] bytes) {
      return "bytes " + Arrays.toString(bytes);
    }
    if (value instanceof LongString text) {
      return "String " + text;
    }
    return value == null ? "nothing" : value.getClass().getSimpleName() + " " + value;
  }

  /** A table from keys and values in turn; values may be null. */
  static Map<String, Object> table(Object... keysAndValues) {
    Map<String, Object> table = new HashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      table.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return table;
  }

  @Override
  public void close() throws Exception {
    for (Connection opened : connections) {
      if (opened.isOpen()) {
        opened.close(WAIT_MS);
      }
    }
  }
}
