// SPDX-License-Identifier: Apache-2.0

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.ShutdownSignalException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The interop scenario in Java,
with RabbitMQ's client. test/interop/README.md tells what it covers. */
public final class Scenario {
  private static final int CHECK_LIMIT_S = 60;
  private static final byte[] EMPTY = {};
  private static final String REPLY_TO = "amq.rabbitmq.reply-to";
  private static final String MISSING_QUEUE = "NOT_FOUND - no queue 'interop-missing' in vhost '/'";
  private static final String MISSING_EXCHANGE = "NOT_FOUND - no exchange 'interop-missing' in vhost '/'";
  private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

  private interface Check {
    void play(Scene s) throws Exception;
  }

  private static void check(String name, Check check) {
    CHECKS.put(name, check);
  }

  private static void same(Object expected, Object got) {
    Scene.same(expected, got);
  }

  private static String locked(String queue) {
    return "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue
        + "' in vhost '/'. It could be originally declared on another connection or the exclusive "
        + "property value does not match that of the original declaration.";
  }

  private static AMQP.BasicProperties.Builder properties() {
    return new AMQP.BasicProperties.Builder();
  }

  private static void connections() {
    check("connection_is_tuned_and_shows_the_server_properties", s -> {
      Connection connection = s.connect(factory -> {
        factory.setRequestedHeartbeat(7);
        factory.setRequestedFrameMax(8192);
        factory.setRequestedChannelMax(100);
      });
      same(List.of(7, 8192, 100),
          List.of(connection.getHeartbeat(), connection.getFrameMax(), connection.getChannelMax()));
      same("rabbitmq".equals(Scene.AGAINST) ? "RabbitMQ" : "StoatMQ",
          connection.getServerProperties().get("product").toString());
      same(Scene.table("publisher_confirms", true, "exchange_exchange_bindings", true, "basic.nack",
          true,
          "consumer_cancel_notify", true, "connection.blocked", true, "consumer_priorities", true,
          "authentication_failure_close", true, "per_consumer_qos", true, "direct_reply_to", true),
          connection.getServerProperties().get("capabilities"));
    });
    check("heartbeats_keep_an_idle_connection_open", s -> {
      Connection connection = s.connect(factory -> factory.setRequestedHeartbeat(1));
      CompletableFuture<ShutdownSignalException> closed = new CompletableFuture<>();
      connection.addShutdownListener(closed::complete);
      try {
        throw closed.get(4, TimeUnit.SECONDS); // longer than either side waits for the other
      } catch (TimeoutException expected) {
        connection.createChannel().close();
      }
    });
    check("wrong_password_is_refused_403", s -> {
      try {
        s.connect(factory -> factory.setPassword("wrong"));
        throw new AssertionError("was let in");
      } catch (com.rabbitmq.client.AuthenticationFailureException refused) {
        same("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
            refused.getMessage());
      }
    });
    check("missing_vhost_is_refused_530", s -> {
      try {
        s.connect(factory -> factory.setVirtualHost("nowhere"));
        throw new AssertionError("was let in");
      } catch (java.io.IOException refused) {
        same("530 NOT_ALLOWED - vhost nowhere not found",
            Scene.reason((ShutdownSignalException) refused.getCause()));
      }
    });
  }

  private static void exchanges() {
    check("direct_exchange_routes_by_the_exact_key", s -> {
      String queue = s.queue("q");
      String exchange = s.exchange("x", "direct");
      s.channel.queueBind(queue, exchange, "red");
      for (String key : List.of("red", "re", "red.", "Red", "blue")) {
        s.send(exchange, key, key);
      }
      same(List.of("red"), s.drain(queue));
    });
    check("fanout_exchange_copies_to_every_queue", s -> {
      String exchange = s.exchange("x", "fanout");
      for (String word : List.of("a", "b", "c")) {
        s.channel.queueBind(s.queue(word), exchange, "ignored");
      }
      s.send(exchange, "any", "copy");
      for (String word : List.of("a", "b", "c")) {
        same(List.of("copy"), s.drain(s.name(word)));
      }
    });
    check("topic_exchange_matches_words_and_delivers_one_copy", s -> {
      String exchange = s.exchange("x", "topic");
      String queue = s.queue("q");
      for (String pattern : List.of("*.orange.*", "lazy.#", "#.rabbit")) {
        s.channel.queueBind(queue, exchange, pattern);
      }
      s.channel.queueBind(s.queue("all"), exchange, "#");
      List<String> keys = List.of("quick.orange.rabbit", "lazy", "lazy.a.b.c", "rabbit",
          "lazy.orange.rabbit", "quick.orange", "a.b", "");
      for (String key : keys) {
        s.send(exchange, key, key);
      }
      same(keys.subList(0, 5), s.drain(queue));
      same(keys, s.drain(s.name("all")));
    });
    check("headers_exchange_matches_all_any_and_presence", s -> {
      String exchange = s.exchange("x", "headers");
      s.channel.queueBind(s.queue("all"), exchange, "",
          Scene.table("x-match", "all", "a", 1, "b", "two"));
      s.channel.queueBind(s.queue("any"), exchange, "",
          Scene.table("x-match", "any", "a", 1, "b", "two"));
      s.channel.queueBind(s.queue("default"), exchange, "", Scene.table("a", 1));
      s.channel.queueBind(s.queue("present"), exchange, "",
          Scene.table("x-match", "all", "b", null));
      s.send(exchange, "", properties().headers(Scene.table("a", 1, "b", "two")).build(),
          "both".getBytes());
      s.send(exchange, "", properties().headers(Scene.table("a", 1)).build(), "a".getBytes());
      s.send(exchange, "", properties().headers(Scene.table("b", "two", "c", 1)).build(),
          "b".getBytes());
      s.send(exchange, "", properties().headers(Scene.table("a", 2, "c", "two")).build(),
          "none".getBytes());
      same(List.of("both"), s.drain(s.name("all")));
      same(List.of("both", "a", "b"), s.drain(s.name("any")));
      same(List.of("both", "a"), s.drain(s.name("default")));
      same(List.of("both", "b"), s.drain(s.name("present")));
    });
    check("exchange_to_exchange_binding_routes_until_unbound", s -> {
      String source = s.exchange("source", "topic");
      String destination = s.exchange("destination", "fanout");
      String queue = s.queue("q");
      s.channel.exchangeBind(destination, source, "log.#");
      s.channel.exchangeBind(destination, source, "keep");
      s.channel.queueBind(queue, destination, "");
      s.send(source, "log.error", "1");
      s.send(source, "metric", "2");
      same(List.of("1"), s.drain(queue));
      s.channel.exchangeUnbind(destination, source, "log.#");
      s.send(source, "log.error", "3");
      s.send(source, "keep", "4");
      same(List.of("4"), s.drain(queue));
    });
    check("alternate_exchange_gets_what_was_not_routed", s -> {
      String alternate = s.exchange("alternate", "fanout");
      String main = s.exchange("main", "direct", Scene.table("alternate-exchange", alternate));
      s.channel.queueBind(s.queue("rest"), alternate, "");
      s.channel.queueBind(s.queue("routed"), main, "known");
      s.send(main, "known", "known");
      s.send(main, "unknown", "unknown");
      same(List.of("known"), s.drain(s.name("routed")));
      same(List.of("unknown"), s.drain(s.name("rest")));
    });
    check("cc_and_bcc_headers_route_and_bcc_is_removed", s -> {
      String to = s.queue("to");
      String cc = s.queue("cc");
      String bcc = s.queue("bcc");
      s.send("", to,
          properties().headers(Scene.table("CC", List.of(cc), "BCC", List.of(bcc))).build(), EMPTY);
      for (String queue : List.of(to, cc, bcc)) {
        GetResponse got = s.channel.basicGet(queue, true);
        same(to, got.getEnvelope().getRoutingKey());
        same(Map.of("CC", List.of("String " + cc)), Scene.comparable(got.getProps().getHeaders()));
      }
    });
    check("exchange_declarations_are_refused_as_rabbitmq_does", s -> {
      String x = s.exchange("x", "direct");
      String inequivalent = "PRECONDITION_FAILED - inequivalent arg '%s' for exchange '" + x
          + "' in vhost '/': received '%s' but current is '%s'";
      s.refused(406, inequivalent.formatted("type", "fanout", "direct"),
          channel -> channel.exchangeDeclare(x, "fanout", false, true, null));
      s.refused(406, inequivalent.formatted("durable", "true", "false"),
          channel -> channel.exchangeDeclare(x, "direct", true, true, null));
      s.refused(404, MISSING_EXCHANGE,
          channel -> channel.exchangeDeclarePassive("interop-missing"));
      s.refused(403,
          "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'",
          channel -> channel.exchangeDeclare("amq.interop", "direct"));
      s.refusedConnection(503, "COMMAND_INVALID - unknown exchange type 'nonsense'",
          channel -> channel.exchangeDeclare("interop-x", "nonsense"));
      s.channel.exchangeDelete(x);
    });
    check("default_and_internal_exchanges_refuse_403", s -> {
      String queue = s.queue("q");
      String internal = s.name("internal");
      s.channel.exchangeDeclare(internal, "fanout", false, true, true, null);
      s.refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange",
          channel -> channel.queueBind(queue, "", "key"));
      s.refused(403,
          "ACCESS_REFUSED - cannot publish to internal exchange '" + internal + "' in vhost '/'",
          channel -> channel.basicPublish(internal, "", null, EMPTY));
      s.channel.exchangeDelete(internal);
    });
    check("exchange_delete_if_unused_refuses_while_bound_406", s -> {
      String queue = s.queue("q");
      String exchange = s.exchange("x", "fanout");
      s.channel.queueBind(queue, exchange, "");
      s.refused(406, "PRECONDITION_FAILED - exchange '" + exchange + "' in vhost '/' in use",
          channel -> channel.exchangeDelete(exchange, true));
      s.channel.queueUnbind(queue, exchange,
          ""); // the last binding: auto-delete takes the exchange
      s.refused(404, "NOT_FOUND - no exchange '" + exchange + "' in vhost '/'",
          channel -> channel.exchangeDeclarePassive(exchange));
      s.channel.exchangeDelete(exchange); // a missing one: fine
    });
  }

  private static void messages() {
    check("all_properties_round_trip", s -> {
      String queue = s.queue("q");
      AMQP.BasicProperties sent = properties().contentType("application/json").contentEncoding("gzip")
          .headers(Scene.table("k", 1))
          .deliveryMode(2).priority(9).correlationId("c-1").replyTo("answers").expiration("60000")
          .messageId("m-1").timestamp(new Date(1700000000000L)).type("kind").userId("guest")
          .appId("app").clusterId("cluster").build();
      s.send("", queue, sent, EMPTY);
      GetResponse got = s.channel.basicGet(queue, true);
      same(sent, got.getProps());
      same(List.of("", queue, false), List.of(got.getEnvelope().getExchange(),
          got.getEnvelope().getRoutingKey(), got.getEnvelope().isRedeliver()));
      s.send("", queue, "bare");
      same(properties().build(), s.channel.basicGet(queue, true).getProps());
    });
    check("all_field_table_types_round_trip", s -> {
      // The client cannot send B, u and i.
      String queue = s.queue("q");
      Map<String, Object> headers = Scene.table("text", "grün ☃", "empty", "", "binary",
          new byte[] {0, -1, -128}, "yes", true,
          "no", false, "b", (byte) -128, "s", (short) -32768, "I", Integer.MIN_VALUE, "l",
          Long.MIN_VALUE, "f", 0.5f, "d", -1.5e300,
          "D", new BigDecimal("3.14"), "T", new Date(1700000000000L), "V", null,
          "table", Scene.table("a", 1, "deep", Scene.table("list", Arrays.asList(1L, "x", null)),
              "empty", Map.of()),
          "array", Arrays.asList(1, "two", List.of(3.5, List.of(true)), Map.of("four", (short) 4),
              null, new byte[] {0}, List.of()));
      s.send("", queue, properties().headers(headers).build(), EMPTY);
      same(Scene.comparable(headers),
          Scene.comparable(s.channel.basicGet(queue, true).getProps().getHeaders()));
    });
    check("empty_and_large_bodies_round_trip", s -> {
      String queue = s.queue("q");
      List<byte[]> bodies = new ArrayList<>();
      for (int size : new int[] {0, 1, 131072 - 8, 131072 - 7, 3 << 20}) {
        byte[] body = new byte[size];
        new Random(size).nextBytes(body);
        bodies.add(body);
        s.send("", queue, null, body);
      }
      List<Delivery> got = s.consume(queue, true).take(bodies.size());
      for (int i = 0; i < bodies.size(); i++) {
        same(true, Arrays.equals(bodies.get(i), got.get(i).getBody()));
      }
      Channel small = s.connect(factory -> factory.setRequestedFrameMax(4096)).createChannel();
      String other = s.queue(small, "small", null);
      small.basicPublish("", other, null, bodies.get(4));
      same(true, Arrays.equals(bodies.get(4), small.basicGet(other, true).getBody()));
    });
    check("user_id_of_another_user_is_refused_406", s -> {
      String queue = s.queue("q");
      s.refused(406,
          "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
          channel -> channel.basicPublish("", queue, properties().userId("other").build(), EMPTY));
    });
  }

  private static void publishers() {
    check("unroutable_mandatory_message_returns_before_its_confirm", s -> {
      BlockingQueue<String> events = new LinkedBlockingQueue<>();
      s.publisher.addReturnListener(back ->
          events.add(back.getReplyCode() + " " + back.getReplyText() + " '" + back.getExchange() + "' "
          + back.getRoutingKey() + " " + back.getProperties().getMessageId() + " " + Scene.text(back.getBody())));
      s.publisher.addConfirmListener((tag, multiple) -> events.add("ack " + tag),
          (tag, multiple) -> events.add("nack " + tag));
      s.publisher.basicPublish("", "interop-missing", true, properties().messageId("m").build(),
          "back".getBytes());
      s.publisher.waitForConfirmsOrDie(Scene.WAIT_MS);
      same("312 NO_ROUTE '' interop-missing m back",
          events.poll(Scene.WAIT_MS, TimeUnit.MILLISECONDS));
      same("ack 1", events.poll(Scene.WAIT_MS, TimeUnit.MILLISECONDS));
    });
    check("every_publish_is_confirmed", s -> {
      String queue = s.queue("q");
      for (int i = 0; i < 500; i++) {
        s.publisher.basicPublish("", queue, properties().deliveryMode(2).build(), "x".getBytes());
      }
      same(501L, s.publisher.getNextPublishSeqNo());
      same(true, s.publisher.waitForConfirms(Scene.WAIT_MS));
      same(500, s.ready(queue));
    });
    check("transaction_publishes_and_acks_at_commit_and_forgets_at_rollback", s -> {
      String queue = s.queue("q");
      Channel tx = s.connection.createChannel();
      tx.txSelect();
      tx.basicPublish("", queue, null, "1".getBytes());
      tx.basicPublish("", queue, null, "2".getBytes());
      same(0, s.ready(queue));
      tx.txCommit();
      same(2, s.ready(queue));
      tx.basicPublish("", queue, null, "3".getBytes());
      tx.txRollback();
      same(2, s.ready(queue));
      long tag = tx.basicGet(queue, false).getEnvelope().getDeliveryTag();
      tx.basicAck(tag, false);
      tx.txRollback(); // the ack is forgotten, the message still unacked
      tx.basicAck(tag, false);
      tx.txCommit();
      tx.close();
      same(List.of("2"), s.drain(queue));
    });
    check("tx_and_confirm_exclude_each_other_406", s -> {
      s.refused(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", channel -> {
        channel.txSelect();
        channel.confirmSelect();
      });
      s.refused(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", channel -> {
        channel.confirmSelect();
        channel.txSelect();
      });
      s.refused(406, "PRECONDITION_FAILED - channel is not transactional", Channel::txCommit);
    });
    check("publish_to_a_missing_exchange_closes_the_channel_404", s ->
        s.refused(404, MISSING_EXCHANGE,
            channel -> channel.basicPublish("interop-missing", "key", null, EMPTY)));
    check("direct_reply_to_answers_an_rpc", s -> {
      Channel server = s.connect(factory -> { }).createChannel();
      String queue = s.queue(server, "rpc", null);
      Scene.Inbox requests = s.consume(server, queue, true, null);
      Scene.Inbox answers = s.consume(REPLY_TO, true);
      s.channel.basicPublish("", queue,
          properties().replyTo(REPLY_TO).correlationId("rpc-1").build(), "6*7".getBytes());
      AMQP.BasicProperties request = requests.take(1).get(0).getProperties();
      same(true, request.getReplyTo().startsWith(REPLY_TO + "."));
      server.basicPublish("", request.getReplyTo(),
          properties().correlationId(request.getCorrelationId()).build(), "42".getBytes());
      Delivery answer = answers.take(1).get(0);
      same("rpc-1 42",
          answer.getProperties().getCorrelationId() + " " + Scene.text(answer.getBody()));
      s.refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge",
          channel -> s.consume(channel, REPLY_TO, false, null));
      s.refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist",
          channel ->
              channel.basicPublish("", queue, properties().replyTo(REPLY_TO).build(), EMPTY));
    });
    check("unsupported_bits_close_the_connection_540", s -> {
      // The client's API has no channel.flow.
      s.refusedConnection(540, "NOT_IMPLEMENTED - immediate=true",
          channel -> channel.basicPublish("", "interop-missing", false, true, null, EMPTY));
      s.refusedConnection(540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)",
          channel -> channel.basicQos(10, 1, false));
      s.refusedConnection(540, "NOT_IMPLEMENTED - requeue=false",
          channel -> channel.basicRecover(false));
    });
  }

  private static void queues() {
    check("server_named_queue_becomes_the_channels_last_queue", s -> {
      String queue = s.channel.queueDeclare().getQueue();
      same(true, queue.matches("amq\\.gen-.{22}"));
      s.channel.queueBind("", "amq.direct", queue); // no name: the last declared
      s.send("amq.direct", queue, "found");
      same(List.of("found"), s.drain(queue));
      s.refused(404, "NOT_FOUND - no previously declared queue", channel -> channel.queuePurge(""));
    });
    check("exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it", s -> {
      Connection owner = s.connect(factory -> { });
      String queue = s.queue(owner.createChannel(), "exclusive", null);
      for (Scene.Action action : queueActions(s, queue)) {
        s.refused(405, locked(queue), action);
      }
      owner.close(); // the broker may take the queue away a moment after close-ok
      for (long deadline = System.nanoTime() + Scene.WAIT_MS * 1_000_000L;;) {
        try {
          s.connection.createChannel().queueDeclarePassive(queue);
        } catch (java.io.IOException refused) {
          if (Scene.reason((ShutdownSignalException) refused.getCause()).startsWith("404 ")) {
            break;
          }
        }
        same(true, System.nanoTime() < deadline);
      }
    });
    check("missing_queue_is_refused_404", s -> {
      for (Scene.Action action : queueActions(s, "interop-missing")) {
        s.refused(404, MISSING_QUEUE, action);
      }
      s.refused(404, MISSING_QUEUE,
          channel -> channel.queueBind("interop-missing", "amq.direct", "key"));
      same(0, s.channel.queueDelete("interop-missing").getMessageCount());
    });
    check("inequivalent_queue_declaration_is_refused_406", s -> {
      String queue = s.name("plain");
      Map<String, Object> current = Scene.table("x-max-length", 10, "x-expires", 60000);
      String inequivalent = "PRECONDITION_FAILED - inequivalent arg '%s' for queue '" + queue
          + "' in vhost '/': received %s";
      s.channel.queueDeclare(queue, false, false, false, current);
      s.channel.queueDeclare(queue, false, false, false,
          Scene.table("x-max-length", (short) 10, "x-expires", 60000L));
      s.refused(406, inequivalent.formatted("durable", "'true' but current is 'false'"),
          channel -> channel.queueDeclare(queue, true, false, false, current));
      s.refused(406, inequivalent.formatted("auto_delete", "'true' but current is 'false'"),
          channel -> channel.queueDeclare(queue, false, false, true, current));
      s.refused(406, inequivalent.formatted("x-max-length", "'11' but current is '10'"),
          channel -> channel.queueDeclare(queue, false, false, false,
              Scene.table("x-max-length", 11, "x-expires", 60000)));
      s.refused(406, inequivalent.formatted("x-expires",
          "none but current is the value '60000' of type 'signedint'"),
          channel ->
              channel.queueDeclare(queue, false, false, false, Scene.table("x-max-length", 10)));
      s.refused(405, locked(queue),
          channel -> channel.queueDeclare(queue, false, true, false, current));
      s.channel.queueDelete(queue);
    });
    check("purge_and_delete_tell_the_count", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1", "2", "3");
      same(3, s.channel.queuePurge(queue).getMessageCount());
      s.publish(queue, "4", "5");
      AMQP.Queue.DeclareOk declared = s.channel.queueDeclarePassive(queue);
      same(List.of(2, 0), List.of(declared.getMessageCount(), declared.getConsumerCount()));
      same(2, s.channel.queueDelete(queue).getMessageCount());
    });
    check("queue_delete_if_unused_and_if_empty_refuse_406", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1");
      s.refused(406, "PRECONDITION_FAILED - queue '" + queue + "' in vhost '/' not empty",
          channel -> channel.queueDelete(queue, false, true));
      s.consume(queue, false);
      s.refused(406, "PRECONDITION_FAILED - queue '" + queue + "' in vhost '/' in use",
          channel -> channel.queueDelete(queue, true, false));
    });
    check("auto_delete_queue_goes_with_its_last_consumer", s -> {
      String queue = s.channel.queueDeclare(s.name("auto"), false, true, true, null).getQueue();
      Scene.Inbox first = s.consume(queue, true);
      Scene.Inbox second = s.consume(queue, true);
      s.channel.basicCancel(first.tag);
      s.ready(queue);
      s.channel.basicCancel(second.tag);
      s.refused(404, "NOT_FOUND - no queue '" + queue + "' in vhost '/'",
          channel -> channel.queueDeclarePassive(queue));
    });
  }

  /** The ways to use a queue that are refused alike when it is missing or another connection's. */
  private static List<Scene.Action> queueActions(Scene s, String queue) {
    return List.of(channel -> channel.queueDeclarePassive(queue),
        channel -> channel.queuePurge(queue),
        channel -> channel.basicGet(queue, true), channel -> s.consume(channel, queue, true, null));
  }

  private static void consumers() {
    check("get_tells_the_count_and_empty", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1", "2", "3");
      for (int i = 1; i <= 3; i++) {
        GetResponse got = s.channel.basicGet(queue, false);
        same(List.of("" + i, (long) i, 3 - i), List.of(Scene.text(got.getBody()),
            got.getEnvelope().getDeliveryTag(), got.getMessageCount()));
      }
      same(null, s.channel.basicGet(queue, false));
    });
    check("consumer_gets_a_server_named_tag_and_a_used_tag_closes_the_connection_530", s -> {
      String queue = s.queue("q");
      same(true, s.consume(queue, false).tag.matches("amq\\.ctag-.{22}"));
      s.refusedConnection(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", channel -> {
        String other = s.queue(channel, "other", null);
        channel.basicConsume(other, true, "tag", new Scene.Inbox(channel));
        channel.basicConsume(other, true, "tag", new Scene.Inbox(channel));
      });
    });
    check("exclusive_consumer_keeps_others_out_403", s -> {
      String queue = s.queue("q");
      String text = "ACCESS_REFUSED - queue '" + queue + "' in vhost '/' in exclusive use";
      s.channel.basicConsume(queue, true, "tag", false, true, null, new Scene.Inbox(s.channel));
      s.refused(403, text, channel -> s.consume(channel, queue, true, null));
      s.channel.basicCancel("tag");
      s.consume(queue, true);
      s.refused(403, text, channel ->
          channel.basicConsume(queue, true, "tag", false, true, null, new Scene.Inbox(channel)));
    });
    check("no_ack_consumer_leaves_nothing_behind", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1", "2");
      s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", channel -> {
        same(List.of("1", "2"), s.consume(channel, queue, true, null).bodies(2));
        channel.basicAck(1, false);
      });
      same(List.of(), s.drain(queue));
    });
    check("cancelled_consumer_gets_no_more", s -> {
      String queue = s.queue("q");
      Scene.Inbox inbox = s.consume(queue, true);
      s.publish(queue, "1");
      inbox.take(1);
      s.channel.basicCancel(inbox.tag);
      s.publish(queue, "2");
      same(List.of("2"), s.drain(queue));
      same(true, inbox.isEmpty());
    });
    check("consumers_take_turns", s -> {
      String queue = s.queue("q");
      Scene.Inbox first = s.consume(queue, true);
      Scene.Inbox second = s.consume(queue, true);
      s.publish(queue, "0", "1", "2", "3", "4", "5");
      same(List.of("0", "2", "4"), first.bodies(3));
      same(List.of("1", "3", "5"), second.bodies(3));
    });
    check("consumer_of_higher_priority_is_served_while_it_has_credit", s -> {
      String queue = s.queue("q");
      s.channel.basicQos(2);
      Scene.Inbox low = s.consume(queue, false);
      Scene.Inbox high = s.consume(s.channel, queue, false, Scene.table("x-priority", 5));
      s.publish(queue, "1", "2", "3", "4", "5");
      List<Delivery> served = high.take(2);
      same("1 2", Scene.text(served.get(0).getBody()) + " " + Scene.text(served.get(1).getBody()));
      same(List.of("3", "4"), low.bodies(2));
      s.channel.basicAck(served.get(0).getEnvelope().getDeliveryTag(), false);
      same(List.of("5"), high.bodies(1));
    });
    check("qos_limits_each_consumer", s -> {
      String queue = s.queue("q");
      s.publish(queue, "0", "1", "2", "3", "4", "5", "6", "7", "8");
      s.channel.basicQos(2);
      Scene.Inbox first = s.consume(queue, false);
      s.channel.basicQos(3); // for consumers made from here on
      Scene.Inbox second = s.consume(queue, false);
      same(List.of("0", "1"), first.bodies(2));
      same(List.of("2", "3", "4"), second.bodies(3));
      same(4, s.ready(queue));
      s.channel.basicAck(2, true); // the first's: tags 1 and 2
      same(List.of("5", "6"), first.bodies(2));
      same(2, s.ready(queue));
    });
    check("global_qos_limits_the_channel", s -> {
      String queue = s.queue("q");
      s.channel.basicQos(3, true);
      Scene.Inbox first = s.consume(queue, false);
      Scene.Inbox second = s.consume(queue, false);
      s.publish(queue, "0", "1", "2", "3", "4");
      same(List.of("0", "2"), first.bodies(2));
      same(List.of("1"), second.bodies(1));
      same(2, s.ready(queue));
      s.channel.basicAck(0, true); // all that was delivered
      first.take(1);
      second.take(1);
      same(0, s.ready(queue));
    });
    check("ack_nack_and_reject_settle_one_or_many", s -> {
      String queue = s.queue("q");
      Channel channel = s.connection.createChannel();
      s.publish(queue, "0", "1", "2", "3", "4", "5", "6", "7");
      for (int i = 1; i <= 8; i++) {
        same((long) i, channel.basicGet(queue, false).getEnvelope().getDeliveryTag());
      }
      channel.basicAck(2, true); // 0, 1 gone
      channel.basicNack(4, true, true); // 2, 3 back
      channel.basicReject(5, false); // 4 gone
      channel.basicReject(6, true); // 5 back
      channel.basicNack(7, false, false); // 6 gone, 7 stays unacked
      channel.close(); // 7 back
      same(List.of("2", "3", "5", "7"), s.drain(queue));
    });
    check("unknown_or_settled_delivery_tag_is_refused_406", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1");
      s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", channel -> {
        channel.basicGet(queue, false);
        channel.basicAck(1, false);
        channel.basicAck(1, false);
      });
      s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99",
          channel -> channel.basicAck(99, false));
      s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99",
          channel -> channel.basicNack(99, false, true));
      s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99",
          channel -> channel.basicReject(99, true));
    });
    check("requeued_messages_go_back_to_their_place_redelivered", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1", "2", "3", "4");
      same(List.of("1", "2", "3"), s.marked(queue, 3));
      s.channel.basicNack(2, false, true);
      s.channel.basicReject(1, true);
      same(List.of("1*", "2*", "4"), s.marked(queue, 3));
    });
    check("unacked_messages_of_a_closed_channel_return_in_order", s -> {
      String queue = s.queue("q");
      Channel channel = s.connection.createChannel();
      s.publish(queue, "1", "2", "3", "4", "5");
      channel.basicQos(3);
      Scene.Inbox inbox = s.consume(channel, queue, false, null);
      inbox.take(3);
      channel.basicAck(2, false);
      inbox.take(1);
      channel.close();
      same(List.of("1*", "3*", "4*", "5"), s.marked(queue, 4));
    });
    check("recover_redelivers_what_is_unacked", s -> {
      String queue = s.queue("q");
      s.publish(queue, "1", "2");
      Scene.Inbox inbox = s.consume(queue, false);
      inbox.take(2);
      s.channel.basicAck(1, false);
      s.channel.basicRecover(true);
      Delivery again = inbox.take(1).get(0);
      same(List.of("2", true, 3L), List.of(Scene.text(again.getBody()),
          again.getEnvelope().isRedeliver(), again.getEnvelope().getDeliveryTag()));
    });
    check("consumer_is_told_when_its_queue_is_deleted", s -> {
      String queue = s.queue("q");
      Scene.Inbox inbox = s.consume(queue, false);
      s.connection.createChannel().queueDelete(queue);
      same(inbox.tag, inbox.cancelled.get(Scene.WAIT_MS, TimeUnit.MILLISECONDS));
      s.queue("q"); // the channel lives on
    });
  }

  private static boolean run(String name, Check check, ExecutorService executor) {
    try {
      executor.submit(() -> {
        try (Scene scene = new Scene()) {
          check.play(scene);
        }
        return null;
      }).get(CHECK_LIMIT_S, TimeUnit.SECONDS);
      System.out.println("ok - " + name);
      return true;
    } catch (Exception failure) { // any failure of a check is reported; the next check goes on
      Throwable cause = failure.getCause() == null ? failure : failure.getCause();
      System.out.println("not ok - " + name + ": " + cause);
      cause.printStackTrace();
      return false;
    }
  }

  public static void main(String[] arguments) {
    connections();
    exchanges();
    messages();
    publishers();
    queues();
    consumers();
    ExecutorService executor = Executors.newCachedThreadPool();
    int passed = 0;
    for (Map.Entry<String, Check> entry : CHECKS.entrySet()) {
      passed += run(entry.getKey(), entry.getValue(), executor) ? 1 : 0;
    }
    System.out.println(passed + " passed, " + (CHECKS.size() - passed) + " failed");
    System.exit(passed == CHECKS.size() ? 0 : 1);
  }
}
