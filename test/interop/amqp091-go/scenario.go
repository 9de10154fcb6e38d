// SPDX-License-Identifier: Apache-2.0

// The interop scenario in Go, with amqp091-go. test/interop/README.md tells what it covers.
package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	replyTo         = "amq.rabbitmq.reply-to"
	missingQueue    = "NOT_FOUND - no queue 'interop-missing' in vhost '/'"
	missingExchange = "NOT_FOUND - no exchange 'interop-missing' in vhost '/'"
)

func locked(queue string) string {
	return "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue + "' in vhost '/'. It could be " +
		"originally declared on another connection or the exclusive property value does not match that of the original declaration."
}

// Each check gets a fresh scene (scene.go).
var checks = []check{
	// Connections
	{"connection_is_tuned_and_shows_the_server_properties", func(s *scene) {
		connection := s.connect(amqp.Config{Heartbeat: 7 * time.Second, FrameSize: 8192, ChannelMax: 100})
		tuned := connection.Config
		same([]any{7 * time.Second, 8192, uint16(100)}, []any{tuned.Heartbeat, tuned.FrameSize, tuned.ChannelMax})
		same(map[bool]string{true: "RabbitMQ", false: "StoatMQ"}[against == "rabbitmq"], connection.Properties["product"])
		same(amqp.Table{"publisher_confirms": true, "exchange_exchange_bindings": true, "basic.nack": true,
			"consumer_cancel_notify": true, "connection.blocked": true, "consumer_priorities": true,
			"authentication_failure_close": true, "per_consumer_qos": true, "direct_reply_to": true},
			connection.Properties["capabilities"])
	}},
	{"heartbeats_keep_an_idle_connection_open", func(s *scene) {
		connection := s.connect(amqp.Config{Heartbeat: time.Second})
		select {
		case err := <-connection.NotifyClose(make(chan *amqp.Error, 1)):
			fail("closed: %v", err)
		case <-time.After(4 * time.Second): // longer than either side waits for the other
		}
		ok(must(connection.Channel()).Close())
	}},
	{"wrong_password_and_missing_vhost_are_refused", func(s *scene) {
		_, err := dial(amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "guest", Password: "wrong"}}})
		same(amqp.ErrCredentials, err) // the client's own words
		_, err = dial(amqp.Config{Vhost: "nowhere"})
		same(amqp.ErrVhost, err)
	}},

	// Exchanges and bindings
	{"direct_exchange_routes_by_the_exact_key", func(s *scene) {
		queue, exchange := s.queue("q"), s.exchange("x", "direct", nil)
		s.bind(queue, exchange, "red")
		for _, key := range []string{"red", "re", "red.", "Red", "blue"} {
			s.send(exchange, key, amqp.Publishing{Body: []byte(key)})
		}
		same([]string{"red"}, s.drain(queue))
	}},
	{"fanout_exchange_copies_to_every_queue", func(s *scene) {
		exchange, words := s.exchange("x", "fanout", nil), []string{"a", "b", "c"}
		for _, word := range words {
			s.bind(s.queue(word), exchange, "ignored")
		}
		s.send(exchange, "any", amqp.Publishing{Body: []byte("copy")})
		for _, word := range words {
			same([]string{"copy"}, s.drain(s.name(word)))
		}
	}},
	{"topic_exchange_matches_words_and_delivers_one_copy", func(s *scene) {
		exchange, queue, all := s.exchange("x", "topic", nil), s.queue("q"), s.queue("all")
		for _, pattern := range []string{"*.orange.*", "lazy.#", "#.rabbit"} {
			s.bind(queue, exchange, pattern)
		}
		s.bind(all, exchange, "#")
		keys := []string{"quick.orange.rabbit", "lazy", "lazy.a.b.c", "rabbit", "lazy.orange.rabbit", "quick.orange", "a.b", ""}
		for _, key := range keys {
			s.send(exchange, key, amqp.Publishing{Body: []byte(key)})
		}
		same(keys[:5], s.drain(queue))
		same(keys, s.drain(all))
	}},
	{"headers_exchange_matches_all_any_and_presence", func(s *scene) {
		exchange := s.exchange("x", "headers", nil)
		for word, arguments := range map[string]amqp.Table{
			"all": {"x-match": "all", "a": 1, "b": "two"}, "any": {"x-match": "any", "a": 1, "b": "two"},
			"default": {"a": 1}, "present": {"x-match": "all", "b": nil}} {
			ok(s.channel.QueueBind(s.queue(word), "", exchange, false, arguments))
		}
		s.send(exchange, "", amqp.Publishing{Body: []byte("both"), Headers: amqp.Table{"a": 1, "b": "two"}})
		s.send(exchange, "", amqp.Publishing{Body: []byte("a"), Headers: amqp.Table{"a": 1}})
		s.send(exchange, "", amqp.Publishing{Body: []byte("b"), Headers: amqp.Table{"b": "two", "c": 1}})
		s.send(exchange, "", amqp.Publishing{Body: []byte("none"), Headers: amqp.Table{"a": 2, "c": "two"}})
		for word, expected := range map[string][]string{"all": {"both"}, "any": {"both", "a", "b"},
			"default": {"both", "a"}, "present": {"both", "b"}} {
			same(expected, s.drain(s.name(word)))
		}
	}},
	{"exchange_to_exchange_binding_routes_until_unbound", func(s *scene) {
		source, destination, queue := s.exchange("source", "topic", nil), s.exchange("destination", "fanout", nil), s.queue("q")
		ok(s.channel.ExchangeBind(destination, "log.#", source, false, nil))
		ok(s.channel.ExchangeBind(destination, "keep", source, false, nil))
		s.bind(queue, destination, "")
		s.send(source, "log.error", amqp.Publishing{Body: []byte("1")})
		s.send(source, "metric", amqp.Publishing{Body: []byte("2")})
		same([]string{"1"}, s.drain(queue))
		ok(s.channel.ExchangeUnbind(destination, "log.#", source, false, nil))
		s.send(source, "log.error", amqp.Publishing{Body: []byte("3")})
		s.send(source, "keep", amqp.Publishing{Body: []byte("4")})
		same([]string{"4"}, s.drain(queue))
	}},
	{"alternate_exchange_gets_what_was_not_routed", func(s *scene) {
		alternate, routed, rest := s.exchange("alternate", "fanout", nil), s.queue("routed"), s.queue("rest")
		main := s.exchange("main", "direct", amqp.Table{"alternate-exchange": alternate})
		s.bind(rest, alternate, "")
		s.bind(routed, main, "known")
		s.send(main, "known", amqp.Publishing{Body: []byte("known")})
		s.send(main, "unknown", amqp.Publishing{Body: []byte("unknown")})
		same([]string{"known"}, s.drain(routed))
		same([]string{"unknown"}, s.drain(rest))
	}},
	{"cc_and_bcc_headers_route_and_bcc_is_removed", func(s *scene) {
		to, cc, bcc := s.queue("to"), s.queue("cc"), s.queue("bcc")
		s.send("", to, amqp.Publishing{Headers: amqp.Table{"CC": []any{cc}, "BCC": []any{bcc}}})
		for _, queue := range []string{to, cc, bcc} {
			message := get(s.channel, queue, 1)[0]
			same(to, message.RoutingKey)
			same(amqp.Table{"CC": []any{cc}}, message.Headers)
		}
	}},
	{"exchange_declarations_are_refused_as_rabbitmq_does", func(s *scene) {
		x := s.exchange("x", "direct", nil)
		declare := func(name, kind string, durable bool) func(*amqp.Channel) error {
			return func(channel *amqp.Channel) error {
				return channel.ExchangeDeclare(name, kind, durable, true, false, false, nil)
			}
		}
		inequivalent := "PRECONDITION_FAILED - inequivalent arg '%s' for exchange '" + x + "' in vhost '/': received '%s' but current is '%s'"
		s.refused(406, fmt.Sprintf(inequivalent, "type", "fanout", "direct"), declare(x, "fanout", false))
		s.refused(406, fmt.Sprintf(inequivalent, "durable", "true", "false"), declare(x, "direct", true))
		s.refused(404, missingExchange, func(channel *amqp.Channel) error {
			return channel.ExchangeDeclarePassive("interop-missing", "direct", false, false, false, false, nil)
		})
		s.refused(403, "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'", declare("amq.interop", "direct", false))
		s.refusedConnection(503, "COMMAND_INVALID - unknown exchange type 'nonsense'", declare("interop-x", "nonsense", false))
		ok(s.channel.ExchangeDelete(x, false, false))
	}},
	{"default_and_internal_exchanges_refuse_403", func(s *scene) {
		queue, internal := s.queue("q"), s.name("internal")
		ok(s.channel.ExchangeDeclare(internal, "fanout", false, true, true, false, nil))
		s.refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange", func(channel *amqp.Channel) error {
			return channel.QueueBind(queue, "key", "", false, nil)
		})
		s.refused(403, "ACCESS_REFUSED - cannot publish to internal exchange '"+internal+"' in vhost '/'", func(channel *amqp.Channel) error {
			return channel.Publish(internal, "", false, false, amqp.Publishing{})
		})
		ok(s.channel.ExchangeDelete(internal, false, false))
	}},
	{"exchange_delete_if_unused_refuses_while_bound_406", func(s *scene) {
		queue, exchange := s.queue("q"), s.exchange("x", "fanout", nil)
		s.bind(queue, exchange, "")
		s.refused(406, "PRECONDITION_FAILED - exchange '"+exchange+"' in vhost '/' in use", func(channel *amqp.Channel) error {
			return channel.ExchangeDelete(exchange, true, false)
		})
		ok(s.channel.QueueUnbind(queue, "", exchange, nil)) // the last binding: auto-delete takes the exchange
		s.refused(404, "NOT_FOUND - no exchange '"+exchange+"' in vhost '/'", func(channel *amqp.Channel) error {
			return channel.ExchangeDeclarePassive(exchange, "fanout", false, false, false, false, nil)
		})
		ok(s.channel.ExchangeDelete(exchange, false, false)) // a missing one: fine
	}},

	// Messages
	{"all_properties_round_trip", func(s *scene) {
		queue := s.queue("q")
		sent := amqp.Publishing{Headers: amqp.Table{"k": "v"}, ContentType: "application/json", ContentEncoding: "gzip",
			DeliveryMode: 2, Priority: 9, CorrelationId: "c-1", ReplyTo: "answers", Expiration: "60000", MessageId: "m-1",
			Timestamp: time.Unix(1700000000, 0), Type: "kind", UserId: "guest", AppId: "app", Body: []byte("{}")}
		s.send("", queue, sent)
		got := get(s.channel, queue, 1)[0]
		same(sent, amqp.Publishing{Headers: got.Headers, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding,
			DeliveryMode: got.DeliveryMode, Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo,
			Expiration: got.Expiration, MessageId: got.MessageId, Timestamp: got.Timestamp, Type: got.Type, UserId: got.UserId,
			AppId: got.AppId, Body: got.Body})
		same([]any{"", queue, false}, []any{got.Exchange, got.RoutingKey, got.Redelivered})
	}},
	{"all_field_table_types_round_trip", func(s *scene) {
		// amqp091-go cannot send u (uint16) and i (uint32).
		queue := s.queue("q")
		headers := amqp.Table{"text": "grün ☃", "empty": "", "binary": []byte{0, 255, 128}, "yes": true, "no": false,
			"b": int8(-128), "B": byte(255), "s": int16(-32768), "I": int32(-1 << 31), "l": int64(-1 << 63),
			"f": float32(0.5), "d": -1.5e300, "D": amqp.Decimal{Scale: 2, Value: 314}, "T": time.Unix(1700000000, 0), "V": nil,
			"table": amqp.Table{"a": int32(1), "deep": amqp.Table{"list": []any{int64(1), "x", nil}}, "empty": amqp.Table{}},
			"array": []any{int32(1), "two", []any{3.5, []any{true}}, amqp.Table{"four": int16(4)}, nil, []byte{0}}}
		s.send("", queue, amqp.Publishing{Headers: headers})
		same(headers, get(s.channel, queue, 1)[0].Headers)
	}},
	{"empty_and_large_bodies_round_trip", func(s *scene) {
		queue := s.queue("q")
		var sent []string
		for _, size := range []int{0, 1, 131072 - 8, 131072 - 7, 3 << 20} {
			body := make([]byte, size)
			must(rand.Read(body))
			s.publish(queue, string(body))
			sent = append(sent, string(body))
		}
		for i, body := range bodies(take(s.consume(s.channel, queue, true), len(sent))) {
			same(true, body == sent[i])
		}
		small := must(s.connect(amqp.Config{FrameSize: 4096}).Channel())
		other := s.queueOn(small, "small", nil)
		ok(small.Publish("", other, false, false, amqp.Publishing{Body: []byte(sent[4])}))
		same(true, bytes.Equal([]byte(sent[4]), get(small, other, 1)[0].Body))
	}},
	{"user_id_of_another_user_is_refused_406", func(s *scene) {
		queue := s.queue("q")
		s.refused(406, "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'", func(channel *amqp.Channel) error {
			return channel.Publish("", queue, false, false, amqp.Publishing{UserId: "other"})
		})
	}},

	// Publishers
	{"unroutable_mandatory_message_returns_before_its_confirm", func(s *scene) {
		returns, confirms := s.publisher.NotifyReturn(make(chan amqp.Return, 1)), s.publisher.NotifyPublish(make(chan amqp.Confirmation, 1))
		ok(s.publisher.Publish("", "interop-missing", true, false, amqp.Publishing{MessageId: "m", Body: []byte("back")}))
		select {
		case confirm := <-confirms:
			same(amqp.Confirmation{DeliveryTag: 1, Ack: true}, confirm)
		case <-time.After(waitLimit):
			fail("no confirm")
		}
		select {
		case back := <-returns: // it is there already
			same([]any{uint16(312), "NO_ROUTE", "", "interop-missing", "m", "back"},
				[]any{back.ReplyCode, back.ReplyText, back.Exchange, back.RoutingKey, back.MessageId, string(back.Body)})
		default:
			fail("the confirm came before the return")
		}
	}},
	{"every_publish_is_confirmed", func(s *scene) {
		queue, count := s.queue("q"), 500
		confirms := s.publisher.NotifyPublish(make(chan amqp.Confirmation, count))
		for i := 0; i < count; i++ {
			ok(s.publisher.Publish("", queue, false, false, amqp.Publishing{DeliveryMode: 2, Body: []byte("x")}))
		}
		for i := 1; i <= count; i++ { // the client sorts them and unfolds multiple
			select {
			case confirm := <-confirms:
				same(amqp.Confirmation{DeliveryTag: uint64(i), Ack: true}, confirm)
			case <-time.After(waitLimit):
				fail("%d of %d confirms", i-1, count)
			}
		}
		same(count, s.ready(queue))
	}},
	{"transaction_publishes_and_acks_at_commit_and_forgets_at_rollback", func(s *scene) {
		queue, tx := s.queue("q"), must(s.connection.Channel())
		publish := func(body string) {
			ok(tx.Publish("", queue, false, false, amqp.Publishing{Body: []byte(body)}))
		}
		ok(tx.Tx())
		publish("1")
		publish("2")
		same(0, s.ready(queue))
		ok(tx.TxCommit())
		same(2, s.ready(queue))
		publish("3")
		ok(tx.TxRollback())
		same(2, s.ready(queue))
		message := get(tx, queue, 1)[0]
		ok(message.Ack(false))
		ok(tx.TxRollback()) // the ack is forgotten, the message still unacked
		ok(message.Ack(false))
		ok(tx.TxCommit())
		ok(tx.Close())
		same([]string{"2"}, s.drain(queue))
	}},
	{"tx_and_confirm_exclude_each_other_406", func(s *scene) {
		s.refused(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", func(channel *amqp.Channel) error {
			ok(channel.Tx())
			return channel.Confirm(false)
		})
		s.refused(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", func(channel *amqp.Channel) error {
			ok(channel.Confirm(false))
			return channel.Tx()
		})
		s.refused(406, "PRECONDITION_FAILED - channel is not transactional", (*amqp.Channel).TxCommit)
	}},
	{"publish_to_a_missing_exchange_closes_the_channel_404", func(s *scene) {
		s.refused(404, missingExchange, func(channel *amqp.Channel) error {
			return channel.Publish("interop-missing", "key", false, false, amqp.Publishing{})
		})
	}},
	{"direct_reply_to_answers_an_rpc", func(s *scene) {
		server := must(s.connect(amqp.Config{}).Channel())
		queue := s.queueOn(server, "rpc", nil)
		requests, answers := s.consume(server, queue, true), s.consume(s.channel, replyTo, true)
		ok(s.channel.Publish("", queue, false, false, amqp.Publishing{ReplyTo: replyTo, CorrelationId: "rpc-1", Body: []byte("6*7")}))
		request := take(requests, 1)[0]
		same(true, strings.HasPrefix(request.ReplyTo, replyTo+"."))
		ok(server.Publish("", request.ReplyTo, false, false, amqp.Publishing{CorrelationId: request.CorrelationId, Body: []byte("42")}))
		answer := take(answers, 1)[0]
		same([]any{"rpc-1", "42"}, []any{answer.CorrelationId, string(answer.Body)})
		s.refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge", func(channel *amqp.Channel) error {
			_, err := channel.Consume(replyTo, "", false, false, false, false, nil)
			return err
		})
		s.refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist", func(channel *amqp.Channel) error {
			return channel.Publish("", queue, false, false, amqp.Publishing{ReplyTo: replyTo})
		})
	}},
	{"unsupported_bits_close_the_connection_540", func(s *scene) {
		s.refusedConnection(540, "NOT_IMPLEMENTED - immediate=true", func(channel *amqp.Channel) error {
			return channel.Publish("", "interop-missing", false, true, amqp.Publishing{})
		})
		s.refusedConnection(540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)", func(channel *amqp.Channel) error {
			return channel.Qos(1, 10, false)
		})
		s.refusedConnection(540, "NOT_IMPLEMENTED - active=false", func(channel *amqp.Channel) error { return channel.Flow(false) })
		s.refusedConnection(540, "NOT_IMPLEMENTED - requeue=false", func(channel *amqp.Channel) error { return channel.Recover(false) })
		ok(s.channel.Flow(true))
	}},

	// Queues
	{"server_named_queue_becomes_the_channels_last_queue", func(s *scene) {
		queue := must(s.channel.QueueDeclare("", false, false, true, false, nil)).Name
		same([]any{true, 30}, []any{strings.HasPrefix(queue, "amq.gen-"), len(queue)})
		s.bind("", "amq.direct", queue) // no name: the last declared
		s.send("amq.direct", queue, amqp.Publishing{Body: []byte("found")})
		same([]string{"found"}, s.drain(queue))
		s.refused(404, "NOT_FOUND - no previously declared queue", func(channel *amqp.Channel) error {
			_, err := channel.QueuePurge("", false)
			return err
		})
	}},
	{"exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it", func(s *scene) {
		owner := s.connect(amqp.Config{})
		queue := s.queueOn(must(owner.Channel()), "exclusive", nil)
		for _, action := range queueActions(queue) {
			s.refused(405, locked(queue), action)
		}
		ok(owner.Close())
		for deadline := time.Now().Add(waitLimit); ; { // the broker may take it away a moment after close-ok
			_, err := must(s.connection.Channel()).QueueDeclarePassive(queue, false, false, false, false, nil)
			if closed, is := err.(*amqp.Error); is && closed.Code == 404 {
				return
			}
			if time.Now().After(deadline) {
				fail("the queue outlived its connection: %v", err)
			}
		}
	}},
	{"missing_queue_is_refused_404", func(s *scene) {
		for _, action := range queueActions("interop-missing") {
			s.refused(404, missingQueue, action)
		}
		s.refused(404, missingQueue, func(channel *amqp.Channel) error {
			return channel.QueueBind("interop-missing", "key", "amq.direct", false, nil)
		})
		same(0, must(s.channel.QueueDelete("interop-missing", false, false, false)))
	}},
	{"inequivalent_queue_declaration_is_refused_406", func(s *scene) {
		queue, current := s.name("plain"), amqp.Table{"x-max-length": 10, "x-expires": 60000}
		must(s.channel.QueueDeclare(queue, false, false, false, false, current))
		must(s.channel.QueueDeclare(queue, false, false, false, false, amqp.Table{"x-expires": int64(60000), "x-max-length": int8(10)}))
		refused := func(code int, text string, durable, autoDelete, exclusive bool, arguments amqp.Table) {
			s.refused(code, text, func(channel *amqp.Channel) error {
				_, err := channel.QueueDeclare(queue, durable, autoDelete, exclusive, false, arguments)
				return err
			})
		}
		inequivalent := "PRECONDITION_FAILED - inequivalent arg '%s' for queue '" + queue + "' in vhost '/': received %s"
		refused(406, fmt.Sprintf(inequivalent, "durable", "'true' but current is 'false'"), true, false, false, current)
		refused(406, fmt.Sprintf(inequivalent, "auto_delete", "'true' but current is 'false'"), false, true, false, current)
		refused(406, fmt.Sprintf(inequivalent, "x-max-length", "'11' but current is '10'"), false, false, false,
			amqp.Table{"x-max-length": 11, "x-expires": 60000})
		refused(406, fmt.Sprintf(inequivalent, "x-expires", "none but current is the value '60000' of type 'signedint'"),
			false, false, false, amqp.Table{"x-max-length": 10})
		refused(405, locked(queue), false, false, true, current)
		must(s.channel.QueueDelete(queue, false, false, false))
	}},
	{"purge_and_delete_tell_the_count", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1", "2", "3")
		same(3, must(s.channel.QueuePurge(queue, false)))
		s.publish(queue, "4", "5")
		same(amqp.Queue{Name: queue, Messages: 2}, must(s.channel.QueueDeclarePassive(queue, false, false, false, false, nil)))
		same(2, must(s.channel.QueueDelete(queue, false, false, false)))
	}},
	{"queue_delete_if_unused_and_if_empty_refuse_406", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1")
		s.refused(406, "PRECONDITION_FAILED - queue '"+queue+"' in vhost '/' not empty", func(channel *amqp.Channel) error {
			_, err := channel.QueueDelete(queue, false, true, false)
			return err
		})
		s.consume(s.channel, queue, false)
		s.refused(406, "PRECONDITION_FAILED - queue '"+queue+"' in vhost '/' in use", func(channel *amqp.Channel) error {
			_, err := channel.QueueDelete(queue, true, false, false)
			return err
		})
	}},
	{"auto_delete_queue_goes_with_its_last_consumer", func(s *scene) {
		queue := must(s.channel.QueueDeclare(s.name("auto"), false, true, true, false, nil)).Name
		for _, tag := range []string{"one", "two"} {
			must(s.channel.Consume(queue, tag, false, false, false, false, nil))
		}
		ok(s.channel.Cancel("one", false))
		s.ready(queue)
		ok(s.channel.Cancel("two", false))
		s.refused(404, "NOT_FOUND - no queue '"+queue+"' in vhost '/'", queueActions(queue)[0])
	}},

	// Consumers. The client makes a tag of its own when none is given, so that a server-named one can't be asked for.
	{"get_tells_the_count_and_empty", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1", "2", "3")
		for i, message := range get(s.channel, queue, 3) {
			same([]any{uint64(i + 1), uint32(2 - i), fmt.Sprint(i + 1)}, []any{message.DeliveryTag, message.MessageCount, string(message.Body)})
		}
		_, found, err := s.channel.Get(queue, false)
		same([]any{false, nil}, []any{found, err})
	}},
	{"used_consumer_tag_closes_the_connection_530", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1")
		deliveries := must(s.channel.Consume(queue, "tag", true, false, false, false, amqp.Table{"x-priority": 1}))
		delivery := take(deliveries, 1)[0]
		same([]any{"tag", uint64(1)}, []any{delivery.ConsumerTag, delivery.DeliveryTag})
		s.refusedConnection(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", func(channel *amqp.Channel) error {
			other := s.queueOn(channel, "other", nil)
			must(channel.Consume(other, "tag", true, false, false, false, nil))
			_, err := channel.Consume(other, "tag", true, false, false, false, nil)
			return err
		})
	}},
	{"exclusive_consumer_keeps_others_out_403", func(s *scene) {
		queue := s.queue("q")
		text := "ACCESS_REFUSED - queue '" + queue + "' in vhost '/' in exclusive use"
		consume := func(exclusive bool) func(*amqp.Channel) error {
			return func(channel *amqp.Channel) error {
				_, err := channel.Consume(queue, "tag", false, exclusive, false, false, nil)
				return err
			}
		}
		ok(consume(true)(s.channel))
		s.refused(403, text, consume(false))
		ok(s.channel.Cancel("tag", false))
		ok(consume(false)(s.channel))
		s.refused(403, text, consume(true))
	}},
	{"no_ack_consumer_leaves_nothing_behind", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1", "2")
		s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", func(channel *amqp.Channel) error {
			deliveries := take(s.consume(channel, queue, true), 2)
			same([]string{"1", "2"}, bodies(deliveries))
			return deliveries[0].Ack(false)
		})
		same([]string{}, s.drain(queue))
	}},
	{"cancelled_consumer_gets_no_more", func(s *scene) {
		queue := s.queue("q")
		deliveries := must(s.channel.Consume(queue, "tag", true, false, false, false, nil))
		s.publish(queue, "1")
		take(deliveries, 1)
		ok(s.channel.Cancel("tag", false))
		s.publish(queue, "2")
		same([]string{"2"}, s.drain(queue))
		_, open := <-deliveries
		same(false, open)
	}},
	{"consumers_take_turns", func(s *scene) {
		queue := s.queue("q")
		first, second := s.consume(s.channel, queue, true), s.consume(s.channel, queue, true)
		s.publish(queue, "0", "1", "2", "3", "4", "5")
		same([]string{"0", "2", "4"}, bodies(take(first, 3)))
		same([]string{"1", "3", "5"}, bodies(take(second, 3)))
	}},
	{"consumer_of_higher_priority_is_served_while_it_has_credit", func(s *scene) {
		queue := s.queue("q")
		ok(s.channel.Qos(2, 0, false))
		low := s.consume(s.channel, queue, false)
		high := must(s.channel.Consume(queue, "", false, false, false, false, amqp.Table{"x-priority": 5}))
		s.publish(queue, "1", "2", "3", "4", "5")
		served := take(high, 2)
		same([]string{"1", "2", "3", "4"}, append(bodies(served), bodies(take(low, 2))...))
		ok(served[0].Ack(false))
		same([]string{"5"}, bodies(take(high, 1)))
	}},
	{"qos_limits_each_consumer", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "0", "1", "2", "3", "4", "5", "6", "7", "8")
		ok(s.channel.Qos(2, 0, false))
		first := s.consume(s.channel, queue, false)
		ok(s.channel.Qos(3, 0, false)) // for consumers made from here on
		second := s.consume(s.channel, queue, false)
		got := take(first, 2)
		same([]string{"0", "1", "2", "3", "4"}, append(bodies(got), bodies(take(second, 3))...))
		same(4, s.ready(queue))
		ok(got[1].Ack(true))
		same([]string{"5", "6"}, bodies(take(first, 2)))
		same(2, s.ready(queue))
	}},
	{"global_qos_limits_the_channel", func(s *scene) {
		queue := s.queue("q")
		ok(s.channel.Qos(3, 0, true))
		first, second := s.consume(s.channel, queue, false), s.consume(s.channel, queue, false)
		s.publish(queue, "0", "1", "2", "3", "4")
		same([]string{"0", "2", "1"}, append(bodies(take(first, 2)), bodies(take(second, 1))...))
		same(2, s.ready(queue))
		ok(s.channel.Ack(0, true)) // all that was delivered
		same(2, len(append(take(first, 1), take(second, 1)...)))
		same(0, s.ready(queue))
	}},
	{"ack_nack_and_reject_settle_one_or_many", func(s *scene) {
		queue, channel := s.queue("q"), must(s.connection.Channel())
		s.publish(queue, "0", "1", "2", "3", "4", "5", "6", "7")
		got := get(channel, queue, 8)
		ok(got[1].Ack(true))          // 0, 1 gone
		ok(got[3].Nack(true, true))   // 2, 3 back
		ok(got[4].Reject(false))      // 4 gone
		ok(got[5].Reject(true))       // 5 back
		ok(got[6].Nack(false, false)) // 6 gone, 7 stays unacked
		ok(channel.Close())           // 7 back
		same([]string{"2", "3", "5", "7"}, s.drain(queue))
	}},
	{"unknown_or_settled_delivery_tag_is_refused_406", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1")
		s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", func(channel *amqp.Channel) error {
			message := get(channel, queue, 1)[0]
			ok(message.Ack(false))
			return message.Ack(false)
		})
		for _, settle := range []func(*amqp.Channel) error{
			func(channel *amqp.Channel) error { return channel.Ack(99, false) },
			func(channel *amqp.Channel) error { return channel.Nack(99, false, true) },
			func(channel *amqp.Channel) error { return channel.Reject(99, true) }} {
			s.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99", settle)
		}
	}},
	{"requeued_messages_go_back_to_their_place_redelivered", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1", "2", "3", "4")
		got := get(s.channel, queue, 3)
		ok(got[1].Nack(false, true))
		ok(got[0].Reject(true))
		same([]string{"1*", "2*", "4"}, marked(get(s.channel, queue, 3)))
	}},
	{"unacked_messages_of_a_closed_channel_return_in_order", func(s *scene) {
		queue, channel := s.queue("q"), must(s.connection.Channel())
		s.publish(queue, "1", "2", "3", "4", "5")
		ok(channel.Qos(3, 0, false))
		deliveries := s.consume(channel, queue, false)
		ok(take(deliveries, 3)[1].Ack(false))
		take(deliveries, 1)
		ok(channel.Close())
		same([]string{"1*", "3*", "4*", "5"}, marked(get(s.channel, queue, 4)))
	}},
	{"recover_redelivers_what_is_unacked", func(s *scene) {
		queue := s.queue("q")
		s.publish(queue, "1", "2")
		deliveries := s.consume(s.channel, queue, false)
		ok(take(deliveries, 2)[0].Ack(false))
		ok(s.channel.Recover(true))
		again := take(deliveries, 1)
		same([]string{"2*"}, marked(again))
		same(uint64(3), again[0].DeliveryTag)
	}},
	{"consumer_is_told_when_its_queue_is_deleted", func(s *scene) {
		queue, cancels := s.queue("q"), s.channel.NotifyCancel(make(chan string, 1))
		must(s.channel.Consume(queue, "tag", false, false, false, false, nil))
		must(must(s.connection.Channel()).QueueDelete(queue, false, false, false))
		select {
		case tag := <-cancels:
			same("tag", tag)
		case <-time.After(waitLimit):
			fail("was not told")
		}
		s.queue("q") // the channel lives on
	}},
}

// queueActions are the ways to use a queue that are refused alike when it is missing or another connection's.
func queueActions(queue string) []func(*amqp.Channel) error {
	return []func(*amqp.Channel) error{
		func(channel *amqp.Channel) error {
			_, err := channel.QueueDeclarePassive(queue, false, false, false, false, nil)
			return err
		},
		func(channel *amqp.Channel) error {
			_, err := channel.QueuePurge(queue, false)
			return err
		},
		func(channel *amqp.Channel) error {
			_, _, err := channel.Get(queue, false)
			return err
		},
		func(channel *amqp.Channel) error {
			_, err := channel.Consume(queue, "", false, false, false, false, nil)
			return err
		},
	}
}
