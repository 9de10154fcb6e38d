# SPDX-License-Identifier: Apache-2.0
# The interop scenario in Ruby, with bunny. test/interop/README.md tells what it covers.
# Each check gets a fresh scene (scene.rb). What is left to the other clients: bunny's API has no immediate
# bit and no prefetch size, it does not understand a connection's end by 540, and its basic_get waits in
# vain when the answer is a channel's end.
require "bigdecimal"
require_relative "scene"

$stdout.sync = true
REPLY_TO = "amq.rabbitmq.reply-to".freeze
MISSING_QUEUE = "NOT_FOUND - no queue 'interop-missing' in vhost '/'".freeze
MISSING_EXCHANGE = "NOT_FOUND - no exchange 'interop-missing' in vhost '/'".freeze

def locked(queue)
  "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '#{queue}' in vhost '/'. It could be " \
    "originally declared on another connection or the exclusive property value does not match that of " \
    "the original declaration."
end

# The ways to use a queue that are refused alike when it is missing or another connection's.
def queue_actions(queue)
  [->(channel) { channel.queue_declare(queue, passive: true) },
      ->(channel) { channel.queue_purge(queue) },
   ->(channel) { channel.basic_consume(queue, "tag") }]
end

# Connections

check "connection_is_tuned_and_shows_the_server_properties" do |s|
  connection = s.connect(heartbeat: 7, frame_max: 8192, channel_max: 100)
  same([7, 8192, 100], [connection.heartbeat, connection.frame_max, connection.channel_max])
  same(AGAINST == "rabbitmq" ? "RabbitMQ" : "StoatMQ", connection.server_properties["product"])
  capabilities = %w[publisher_confirms exchange_exchange_bindings basic.nack consumer_cancel_notify
                    connection.blocked consumer_priorities authentication_failure_close per_consumer_qos
                    direct_reply_to]
  same(capabilities.to_h { |name| [name, true] }, connection.server_properties["capabilities"])
end

check "heartbeats_keep_an_idle_connection_open" do |s|
  errors = ConnectionErrors.new
  connection = s.connect(heartbeat: 1, session_error_handler: errors)
  sleep 4 # no-sleep-ok: longer than either side waits for the other
  connection.create_channel.close
end

check "wrong_password_and_missing_vhost_are_refused" do |s|
  begin
    s.connect(password: "wrong")
    raise Failure, "was let in"
  rescue Bunny::AuthenticationFailureError => refused
    same(true,
        refused.message.start_with?("Authentication with RabbitMQ failed.")) # bunny's own words
  end
  begin
    s.connect(vhost: "nowhere")
    raise Failure, "was let in"
  rescue Bunny::NotAllowedError => refused
    same(true, refused.message.include?("vhost nowhere not found"))
  end
end

# Exchanges and bindings

check "direct_exchange_routes_by_the_exact_key" do |s|
  queue, exchange = s.queue, s.exchange("x", "direct")
  s.bind(queue, exchange, "red")
  %w[red re red. Red blue].each { |key| s.send_to(exchange, key, key) }
  same(["red"], s.drain(queue))
end

check "fanout_exchange_copies_to_every_queue" do |s|
  exchange, queues = s.exchange("x", "fanout"), %w[a b c].map { |word| s.queue(word) }
  queues.each { |queue| s.bind(queue, exchange, "ignored") }
  s.send_to(exchange, "any", "copy")
  queues.each { |queue| same(["copy"], s.drain(queue)) }
end

check "topic_exchange_matches_words_and_delivers_one_copy" do |s|
  exchange, queue, all = s.exchange("x", "topic"), s.queue, s.queue("all")
  %w[*.orange.* lazy.# #.rabbit].each { |pattern| s.bind(queue, exchange, pattern) }
  s.bind(all, exchange, "#")
  keys = ["quick.orange.rabbit", "lazy", "lazy.a.b.c", "rabbit", "lazy.orange.rabbit",
      "quick.orange", "a.b", ""]
  keys.each { |key| s.send_to(exchange, key, key) }
  same(keys.first(5), s.drain(queue))
  same(keys, s.drain(all))
end

check "headers_exchange_matches_all_any_and_presence" do |s|
  exchange = s.exchange("x", "headers")
  { all: { "x-match" => "all", "a" => 1, "b" => "two" },
      any: { "x-match" => "any", "a" => 1, "b" => "two" },
    default: { "a" => 1 }, present: { "x-match" => "all", "b" => nil } }.each do |word, arguments|
    s.bind(s.queue(word), exchange, "", arguments)
  end
  { both: { "a" => 1, "b" => "two" }, a: { "a" => 1 }, b: { "b" => "two", "c" => 1 },
      none: { "a" => 2, "c" => "two" } }
    .each { |body, headers| s.send_to(exchange, "", body.to_s, headers: headers) }
  { all: %w[both], any: %w[both a b], default: %w[both a], present: %w[both b] }
    .each { |word, expected| same(expected, s.drain(s.name(word))) }
end

check "exchange_to_exchange_binding_routes_until_unbound" do |s|
  source, destination, queue = s.exchange("source", "topic"), s.exchange("destination", "fanout"),
      s.queue
  %w[log.# keep].each { |key| s.channel.exchange_bind(source, destination, routing_key: key) }
  s.bind(queue, destination)
  s.send_to(source, "log.error", "1")
  s.send_to(source, "metric", "2")
  same(["1"], s.drain(queue))
  s.channel.exchange_unbind(source, destination, routing_key: "log.#")
  s.send_to(source, "log.error", "3")
  s.send_to(source, "keep", "4")
  same(["4"], s.drain(queue))
end

check "alternate_exchange_gets_what_was_not_routed" do |s|
  alternate, routed, rest = s.exchange("alternate", "fanout"), s.queue("routed"), s.queue("rest")
  main = s.exchange("main", "direct", arguments: { "alternate-exchange" => alternate })
  s.bind(rest, alternate)
  s.bind(routed, main, "known")
  %w[known unknown].each { |key| s.send_to(main, key, key) }
  same([["known"], ["unknown"]], [s.drain(routed), s.drain(rest)])
end

check "cc_and_bcc_headers_route_and_bcc_is_removed" do |s|
  to, cc, bcc = s.queue("to"), s.queue("cc"), s.queue("bcc")
  s.send_to("", to, "post", headers: { "CC" => [cc], "BCC" => [bcc] })
  [to, cc, bcc].each do |queue|
    got = s.get(queue, 1).first
    same(["post", to, { "CC" => [cc] }], [got.body, got.info.routing_key, got.properties.headers])
  end
end

check "exchange_declarations_are_refused_as_rabbitmq_does" do |s|
  x = s.exchange("x", "direct")
  inequivalent = "PRECONDITION_FAILED - inequivalent arg '%s' for exchange '#{x}' in vhost '/': " \
                 "received '%s' but current is '%s'"
  s.refused(406, format(inequivalent, "type", "fanout",
      "direct")) { |channel| channel.exchange_declare(x, "fanout", auto_delete: true) }
  s.refused(406, format(inequivalent, "durable", "true", "false")) do |channel|
    channel.exchange_declare(x, "direct", auto_delete: true, durable: true)
  end
  s.refused(404, MISSING_EXCHANGE) { |channel| channel.exchange_declare("interop-missing", "direct",
      passive: true) }
  s.refused(403, "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'") do |channel|
    channel.exchange_declare("amq.interop", "direct")
  end
  s.refused_connection(503, "COMMAND_INVALID - unknown exchange type 'nonsense'") do |channel|
    channel.exchange_declare("interop-x", "nonsense")
  end
  s.channel.exchange_delete(x)
end

check "default_and_internal_exchanges_refuse_403" do |s|
  queue, internal = s.queue, s.exchange("internal", "fanout", internal: true)
  s.refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange") do |channel|
    channel.queue_bind(queue, "", routing_key: "key")
  end
  s.refused(403, "ACCESS_REFUSED - cannot publish to internal exchange '#{internal}' in vhost '/'") do |channel|
    channel.basic_publish("", internal, "")
  end
  s.channel.exchange_delete(internal)
end

check "exchange_delete_if_unused_refuses_while_bound_406" do |s|
  queue, exchange = s.queue, s.exchange("x", "fanout")
  s.bind(queue, exchange)
  s.refused(406, "PRECONDITION_FAILED - exchange '#{exchange}' in vhost '/' in use") do |channel|
    channel.exchange_delete(exchange, if_unused: true)
  end
  s.channel.queue_unbind(queue, exchange,
      routing_key: "") # the last binding: auto-delete takes the exchange
  s.refused(404, "NOT_FOUND - no exchange '#{exchange}' in vhost '/'") do |channel|
    channel.exchange_declare(exchange, "fanout", passive: true)
  end
  s.channel.exchange_delete(exchange) # a missing one: fine
end

# Messages

check "all_properties_round_trip" do |s|
  queue = s.queue
  sent = { content_type: "application/json", content_encoding: "gzip", headers: { "k" => "v" },
      delivery_mode: 2, priority: 9,
           correlation_id: "c-1", reply_to: "answers", expiration: "60000", message_id: "m-1",
           timestamp: 1_700_000_000,
           type: "kind", user_id: "guest", app_id: "app", cluster_id: "cluster" }
  s.send_to("", queue, "{}", **sent)
  got = s.get(queue, 1).first
  same(sent.merge(timestamp: Time.at(1_700_000_000)), got.properties.to_hash)
  same(["{}", "", queue, false],
      [got.body, got.info.exchange, got.info.routing_key, got.info.redelivered])
end

check "all_field_table_types_round_trip" do |s|
  # bunny sends S, l, d, f, t, T, V, D, A and F; it cannot send b, B, s, u, i, I and x. Its decimals hold
  # no fraction, it reads no booleans and nothings in arrays, and gives strings as bytes.
  queue = s.queue
  headers = { "text" => "grün ☃".b, "empty" => "", "yes" => true, "no" => false, "int" => 42,
      "negative" => -1, "most" => 2**63 - 1,
              "least" => -2**63, "double" => -1.5e300, "decimal" => BigDecimal("314"),
              "time" => Time.at(1_700_000_000), "nothing" => nil,
              "table" => { "a" => 1, "deep" => { "list" => [1, "x", []] }, "empty" => {} },
              "array" => [1, "two", [3.5, ["x"]], { "four" => true }], "none" => [] }
  s.send_to("", queue, "", headers: headers.merge("float" => AMQ::Protocol::Float32Bit.new(0.5)))
  same(headers.merge("float" => 0.5), s.get(queue, 1).first.properties.headers)
end

check "empty_and_large_bodies_round_trip" do |s|
  queue = s.queue
  bodies = [0, 1, 131_072 - 8, 131_072 - 7, 3 << 20].map { |size| SecureRandom.bytes(size) }
  s.publish(queue, *bodies)
  got = Inbox.new(s.channel, queue, no_ack: true).bodies(bodies.size)
  bodies.zip(got) { |sent, received| same(true, sent == received) }
  small = s.connect(frame_max: 4096).create_channel
  other = s.queue("small", on: small)
  small.basic_publish(bodies.last, "", other)
  same(true, bodies.last == s.get(other, 1, on: small).first.body)
end

check "user_id_of_another_user_is_refused_406" do |s|
  queue = s.queue
  s.refused(406, "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'") do |channel|
    channel.basic_publish("", "", queue, user_id: "other")
  end
end

# Publishers

check "unroutable_mandatory_message_returns_before_its_confirm" do |s|
  returned = []
  s.publisher.default_exchange.on_return { |info, properties,
      body| returned << [info, properties, body] }
  s.send_to("", "interop-missing", "back", mandatory: true, message_id: "m")
  info, properties, body = returned.fetch(0) # it is there when the confirm is
  same([312, "NO_ROUTE", "", "interop-missing", "m", "back"],
       [info.reply_code, info.reply_text, info.exchange, info.routing_key, properties.message_id,
           body])
  s.send_to("", "interop-missing", "gone") # not mandatory: confirmed and dropped
  same(1, returned.size)
end

check "every_publish_is_confirmed" do |s|
  queue = s.queue
  500.times { s.publisher.basic_publish("x", "", queue, persistent: true) }
  Timeout.timeout(WAIT_S) { same(true, s.publisher.wait_for_confirms) }
  same([[], 500], [s.publisher.unconfirmed_set.to_a, s.ready(queue)])
end

check "transaction_publishes_and_acks_at_commit_and_forgets_at_rollback" do |s|
  queue, tx = s.queue, s.connection.create_channel
  tx.tx_select
  %w[1 2].each { |body| tx.basic_publish(body, "", queue) }
  same(0, s.ready(queue))
  tx.tx_commit
  same(2, s.ready(queue))
  tx.basic_publish("3", "", queue)
  tx.tx_rollback
  same(2, s.ready(queue))
  tag = s.get(queue, 1, on: tx).first.info.delivery_tag.to_i
  tx.basic_ack(tag)
  tx.tx_rollback # the ack is forgotten, the message still unacked
  tx.basic_ack(tag)
  tx.tx_commit
  tx.close
  same(["2"], s.drain(queue))
end

check "tx_and_confirm_exclude_each_other_406" do |s|
  s.refused(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode") do |channel|
    channel.tx_select && channel.confirm_select
  end
  s.refused(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode") do |channel|
    channel.confirm_select && channel.tx_select
  end
  s.refused(406, "PRECONDITION_FAILED - channel is not transactional", &:tx_commit)
end

check "publish_to_a_missing_exchange_closes_the_channel_404" do |s|
  s.refused(404,
      MISSING_EXCHANGE) { |channel| channel.basic_publish("x", "interop-missing", "key") }
end

check "direct_reply_to_answers_an_rpc" do |s|
  server = s.connect.create_channel
  queue = s.queue("rpc", on: server)
  requests, answers = Inbox.new(server, queue, no_ack: true),
      Inbox.new(s.channel, REPLY_TO, no_ack: true)
  s.channel.basic_publish("6*7", "", queue, reply_to: REPLY_TO, correlation_id: "rpc-1")
  request = requests.take(1).first.properties
  same(true, request.reply_to.start_with?("#{REPLY_TO}."))
  server.basic_publish("42", "", request.reply_to, correlation_id: request.correlation_id)
  answer = answers.take(1).first
  same(%w[rpc-1 42], [answer.properties.correlation_id, answer.body])
  s.refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge") do |channel|
    channel.basic_consume(REPLY_TO, "tag")
  end
  s.refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist") do |channel|
    channel.basic_publish("", "", queue, reply_to: REPLY_TO)
  end
end

check "channel_flow_is_answered" do |s|
  same(true, s.channel.channel_flow(true).active)
end

# Queues

check "server_named_queue_becomes_the_channels_last_queue" do |s|
  queue = s.channel.queue_declare("", exclusive: true).queue
  same(true, queue.match?(/\Aamq\.gen-.{22}\z/))
  s.bind("", "amq.direct", queue) # no name: the last declared
  s.send_to("amq.direct", queue, "found")
  same(["found"], s.drain(queue))
  s.refused(404, "NOT_FOUND - no previously declared queue") { |channel| channel.queue_purge("") }
end

check "exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it" do |s|
  owner = s.connect
  queue = s.queue("exclusive", on: owner.create_channel)
  queue_actions(queue).each { |action| s.refused(405, locked(queue), &action) }
  owner.close
  Timeout.timeout(WAIT_S, Failure,
      "the queue outlived its connection") do # the broker may take it away a moment after close-ok
    s.connection.create_channel.queue_declare(queue, passive: true)
  rescue Bunny::ResourceLocked
    retry
  rescue Bunny::NotFound
    break
  end
end

check "missing_queue_is_refused_404" do |s|
  queue_actions("interop-missing").each { |action| s.refused(404, MISSING_QUEUE, &action) }
  s.refused(404, MISSING_QUEUE) { |channel| channel.queue_bind("interop-missing", "amq.direct",
      routing_key: "key") }
  same(0, s.channel.queue_delete("interop-missing").message_count)
end

check "inequivalent_queue_declaration_is_refused_406" do |s|
  queue = s.name("plain")
  current = { "x-max-length" => 10, "x-expires" => 60_000 }
  2.times { s.channel.queue_declare(queue, arguments: current) }
  [["durable", "'true' but current is 'false'", { durable: true, arguments: current }],
   ["auto_delete", "'true' but current is 'false'", { auto_delete: true, arguments: current }],
   ["x-max-length", "'11' but current is '10'", { arguments: current.merge("x-max-length" => 11) }],
   ["x-expires", "none but current is the value '60000' of type 'long'",
       { arguments: { "x-max-length" => 10 } }]]
    .each do |argument, difference, declaration|
    text = "PRECONDITION_FAILED - inequivalent arg '#{argument}' for queue '#{queue}' in vhost '/': " \
           "received #{difference}"
    s.refused(406, text) do |channel|
      channel.queue_declare(queue, declaration)
    end
  end
  s.refused(405,
      locked(queue)) { |channel| channel.queue_declare(queue, exclusive: true, arguments: current) }
  s.channel.queue_delete(queue)
end

check "purge_and_delete_tell_the_count" do |s|
  queue = s.queue
  s.publish(queue, 1, 2, 3)
  same(3, s.channel.queue_purge(queue).message_count)
  s.publish(queue, 4, 5)
  declared = s.channel.queue_declare(queue, passive: true)
  same([2, 0], [declared.message_count, declared.consumer_count])
  same(2, s.channel.queue_delete(queue).message_count)
end

check "queue_delete_if_unused_and_if_empty_refuse_406" do |s|
  queue = s.queue
  s.publish(queue, 1)
  s.refused(406, "PRECONDITION_FAILED - queue '#{queue}' in vhost '/' not empty") do |channel|
    channel.queue_delete(queue, if_empty: true)
  end
  Inbox.new(s.channel, queue)
  s.refused(406, "PRECONDITION_FAILED - queue '#{queue}' in vhost '/' in use") do |channel|
    channel.queue_delete(queue, if_unused: true)
  end
end

check "auto_delete_queue_goes_with_its_last_consumer" do |s|
  queue = s.queue("auto", auto_delete: true)
  inboxes = Array.new(2) { Inbox.new(s.channel, queue) }
  s.channel.basic_cancel(inboxes[0].tag)
  s.ready(queue)
  s.channel.basic_cancel(inboxes[1].tag)
  s.refused(404,
      "NOT_FOUND - no queue '#{queue}' in vhost '/'") { |channel| channel.queue_declare(queue,
          passive: true) }
end

# Consumers

check "get_tells_the_count_and_empty" do |s|
  queue = s.queue
  s.publish(queue, 1, 2, 3)
  same([["1", 1, 2], ["2", 2, 1], ["3", 3, 0]],
       s.get(queue, 3).map { |got| [got.body, got.info.delivery_tag.to_i, got.info.message_count] })
  same([nil, nil, nil], s.channel.basic_get(queue))
end

check "consumer_gets_a_server_named_tag_and_a_used_tag_closes_the_connection_530" do |s|
  queue = s.queue
  same(true, Inbox.new(s.channel, queue, tag: "").tag.match?(/\Aamq\.ctag-.{22}\z/))
  s.refused_connection(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'") do |channel|
    other = s.queue("other", on: channel)
    2.times { channel.basic_consume(other, "tag") }
  end
end

check "exclusive_consumer_keeps_others_out_403" do |s|
  queue = s.queue
  text = "ACCESS_REFUSED - queue '#{queue}' in vhost '/' in exclusive use"
  inbox = Inbox.new(s.channel, queue, exclusive: true)
  s.refused(403, text) { |channel| channel.basic_consume(queue, "tag") }
  s.channel.basic_cancel(inbox.tag)
  Inbox.new(s.channel, queue)
  s.refused(403, text) { |channel| channel.basic_consume(queue, "tag", false, true) }
end

check "no_ack_consumer_leaves_nothing_behind" do |s|
  queue = s.queue
  s.publish(queue, 1, 2)
  s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1") do |channel|
    same(%w[1 2], Inbox.new(channel, queue, no_ack: true).bodies(2))
    channel.basic_ack(1)
  end
  same([], s.drain(queue))
end

check "cancelled_consumer_gets_no_more" do |s|
  queue = s.queue
  inbox = Inbox.new(s.channel, queue, no_ack: true)
  s.publish(queue, 1)
  inbox.take(1)
  s.channel.basic_cancel(inbox.tag)
  s.publish(queue, 2)
  same([["2"], true], [s.drain(queue), inbox.empty?])
end

check "consumers_take_turns" do |s|
  queue = s.queue
  first, second = Array.new(2) { Inbox.new(s.channel, queue, no_ack: true) }
  s.publish(queue, 0, 1, 2, 3, 4, 5)
  same([%w[0 2 4], %w[1 3 5]], [first.bodies(3), second.bodies(3)])
end

check "consumer_of_higher_priority_is_served_while_it_has_credit" do |s|
  queue = s.queue
  s.channel.basic_qos(2)
  low, high = Inbox.new(s.channel, queue),
      Inbox.new(s.channel, queue, arguments: { "x-priority" => 5 })
  s.publish(queue, 1, 2, 3, 4, 5)
  served = high.take(2)
  same([%w[1 2], %w[3 4]], [served.map(&:body), low.bodies(2)])
  s.channel.ack(served[0].info.delivery_tag)
  same(%w[5], high.bodies(1))
end

check "qos_limits_each_consumer" do |s|
  queue = s.queue
  s.publish(queue, *0..8)
  s.channel.basic_qos(2)
  first = Inbox.new(s.channel, queue)
  s.channel.basic_qos(3) # for consumers made from here on
  second = Inbox.new(s.channel, queue)
  same([%w[0 1], %w[2 3 4], 4], [first.bodies(2), second.bodies(3), s.ready(queue)])
  s.channel.basic_ack(2, true) # the first's: tags 1 and 2
  same([%w[5 6], 2], [first.bodies(2), s.ready(queue)])
end

check "global_qos_limits_the_channel" do |s|
  queue = s.queue
  s.channel.basic_qos(3, true)
  first, second = Array.new(2) { Inbox.new(s.channel, queue) }
  s.publish(queue, *0..4)
  same([%w[0 2], %w[1], 2], [first.bodies(2), second.bodies(1), s.ready(queue)])
  s.channel.basic_ack(0, true) # all that was delivered
  same([1, 1, 0], [first.take(1).size, second.take(1).size, s.ready(queue)])
end

check "ack_nack_and_reject_settle_one_or_many" do |s|
  queue, channel = s.queue, s.connection.create_channel
  s.publish(queue, *0..7)
  s.get(queue, 8, on: channel)
  channel.basic_ack(2, true) # 0, 1 gone
  channel.basic_nack(4, true, true) # 2, 3 back
  channel.basic_reject(5, false) # 4 gone
  channel.basic_reject(6, true) # 5 back
  channel.basic_nack(7, false, false) # 6 gone, 7 stays unacked
  channel.close # 7 back
  same(%w[2 3 5 7], s.drain(queue))
end

check "unknown_or_settled_delivery_tag_is_refused_406" do |s|
  queue = s.queue
  s.publish(queue, 1)
  s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1") do |channel|
    s.get(queue, 1, on: channel)
    2.times { channel.basic_ack(1, false) }
  end
  [->(channel) { channel.basic_ack(99) }, ->(channel) { channel.basic_nack(99, false, true) },
   ->(channel) { channel.basic_reject(99, true) }]
    .each { |settle| s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99", &settle) }
end

check "requeued_messages_go_back_to_their_place_redelivered" do |s|
  queue = s.queue
  s.publish(queue, 1, 2, 3, 4)
  same(%w[1 2 3], s.marked(queue, 3))
  s.channel.basic_nack(2, false, true)
  s.channel.basic_reject(1, true)
  same(%w[1* 2* 4], s.marked(queue, 3))
end

check "unacked_messages_of_a_closed_channel_return_in_order" do |s|
  queue, channel = s.queue, s.connection.create_channel
  s.publish(queue, 1, 2, 3, 4, 5)
  channel.basic_qos(3)
  inbox = Inbox.new(channel, queue)
  inbox.take(3)
  channel.basic_ack(2)
  inbox.take(1)
  channel.close
  same(%w[1* 3* 4* 5], s.marked(queue, 4))
end

check "recover_redelivers_what_is_unacked" do |s|
  queue = s.queue
  s.publish(queue, 1, 2)
  inbox = Inbox.new(s.channel, queue)
  inbox.take(2)
  s.channel.basic_ack(1)
  s.channel.basic_recover(true)
  again = inbox.take(1).first
  same(["2", true, 3], [again.body, again.info.redelivered, again.info.delivery_tag.to_i])
end

check "consumer_is_told_when_its_queue_is_deleted" do |s|
  queue, cancelled = s.queue, Queue.new
  consumer = Bunny::Consumer.new(s.channel, queue, "tag")
  consumer.on_cancellation { |cancel| cancelled << cancel.consumer_tag }
  s.channel.basic_consume_with(consumer)
  s.connection.create_channel.queue_delete(queue)
  same("tag", Timeout.timeout(WAIT_S) { cancelled.pop })
  s.queue # the channel lives on
end

run_checks
