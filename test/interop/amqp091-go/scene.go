// SPDX-License-Identifier: Apache-2.0

// What a check stands on: connections, entity names, waiting, comparing, reporting.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	waitLimit  = 10 * time.Second
	checkLimit = 60 * time.Second
)

var against = os.Getenv("AMQP_AGAINST")

// A check fails by panicking with a failure.
type failure string

func fail(format string, values ...any) {
	panic(failure(fmt.Sprintf(format, values...)))
}

func same(expected, got any) {
	if !reflect.DeepEqual(expected, got) {
		fail("expected %#v, got %#v", expected, got)
	}
}

func ok(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// must unwraps a result that has to be there.
func must[T any](value T, err error) T {
	ok(err)
	return value
}

// scene is one check's connections, channels and entities' names.
type scene struct {
	suffix      string
	connections []*amqp.Connection
	connection  *amqp.Connection
	channel     *amqp.Channel
	publisher   *amqp.Channel
}

func dial(config amqp.Config) (*amqp.Connection, error) {
	config.Properties = amqp.NewConnectionProperties()
	config.Properties.SetClientConnectionName("interop amqp091-go")
	if config.Heartbeat == 0 {
		config.Heartbeat = waitLimit
	}
	if config.Vhost == "" {
		config.Vhost = "/"
	}
	if config.SASL == nil {
		config.SASL = []amqp.Authentication{&amqp.PlainAuth{Username: "guest", Password: "guest"}}
	}
	return amqp.DialConfig("amqp://"+os.Getenv("AMQP_HOST")+":"+os.Getenv("AMQP_PORT"), config)
}

func newScene() *scene {
	var random [4]byte
	must(rand.Read(random[:]))
	s := &scene{suffix: hex.EncodeToString(random[:])}
	s.connection = s.connect(amqp.Config{})
	s.channel = must(s.connection.Channel())
	s.publisher = must(s.connection.Channel())
	ok(s.publisher.Confirm(false))
	return s
}

func (s *scene) connect(config amqp.Config) *amqp.Connection {
	connection := must(dial(config))
	s.connections = append(s.connections, connection)
	return connection
}

func (s *scene) close() {
	for _, connection := range s.connections {
		if !connection.IsClosed() {
			ok(connection.Close())
		}
	}
}

func (s *scene) name(word string) string {
	return "interop-go-" + word + "-" + s.suffix
}

// queue declares a queue that dies with its connection.
func (s *scene) queue(word string) string {
	return s.queueOn(s.channel, word, nil)
}

func (s *scene) queueOn(channel *amqp.Channel, word string, arguments amqp.Table) string {
	return must(channel.QueueDeclare(s.name(word), false, false, true, false, arguments)).Name
}

// exchange declares an exchange that dies with its last binding.
func (s *scene) exchange(word, kind string, arguments amqp.Table) string {
	ok(s.channel.ExchangeDeclare(s.name(word), kind, false, true, false, false, arguments))
	return s.name(word)
}

func (s *scene) bind(queue, exchange, key string) {
	ok(s.channel.QueueBind(queue, key, exchange, false, nil))
}

// send publishes and waits for the confirm: the message is in its queues, for every other channel too.
func (s *scene) send(exchange, key string, message amqp.Publishing) {
	limit, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	confirmation := must(s.publisher.PublishWithDeferredConfirm(exchange, key, false, false, message))
	same(true, must(confirmation.WaitContext(limit)))
}

func (s *scene) publish(queue string, bodies ...string) {
	for _, body := range bodies {
		s.send("", queue, amqp.Publishing{Body: []byte(body)})
	}
}

func (s *scene) consume(channel *amqp.Channel, queue string, autoAck bool) <-chan amqp.Delivery {
	return must(channel.Consume(queue, "", autoAck, false, false, false, nil))
}

// ready tells how many messages wait in the queue.
func (s *scene) ready(queue string) int {
	return must(s.channel.QueueDeclarePassive(queue, false, false, false, false, nil)).Messages
}

// take waits for the next count deliveries.
func take(deliveries <-chan amqp.Delivery, count int) []amqp.Delivery {
	limit := time.After(waitLimit)
	var taken []amqp.Delivery
	for len(taken) < count {
		select {
		case delivery, open := <-deliveries:
			if !open {
				fail("the consumer ended after %d of %d messages", len(taken), count)
			}
			taken = append(taken, delivery)
		case <-limit:
			fail("%d of %d messages within %v", len(taken), count, waitLimit)
		}
	}
	return taken
}

func get(channel *amqp.Channel, queue string, count int) []amqp.Delivery {
	var got []amqp.Delivery
	for len(got) < count {
		message, found, err := channel.Get(queue, false)
		ok(err)
		same(true, found)
		got = append(got, message)
	}
	return got
}

// drain takes all that the queue holds.
func (s *scene) drain(queue string) []string {
	bodies := []string{}
	for {
		message, found, err := s.channel.Get(queue, true)
		ok(err)
		if !found {
			return bodies
		}
		bodies = append(bodies, string(message.Body))
	}
}

func bodies(deliveries []amqp.Delivery) (texts []string) {
	for _, delivery := range deliveries {
		texts = append(texts, string(delivery.Body))
	}
	return texts
}

// marked is the bodies with a * after what was redelivered.
func marked(deliveries []amqp.Delivery) (texts []string) {
	for _, delivery := range deliveries {
		texts = append(texts, string(delivery.Body)+map[bool]string{true: "*"}[delivery.Redelivered])
	}
	return texts
}

// refused expects the broker to close a new channel with exactly this code and text when action uses it.
func (s *scene) refused(code int, text string, action func(*amqp.Channel) error) {
	channel := must(s.connection.Channel())
	closes := channel.NotifyClose(make(chan *amqp.Error, 1))
	_ = action(channel) // the event tells the same, and also for calls without an answer
	closedWith(code, text, closes)
}

// refusedConnection is the same for errors that close the connection.
func (s *scene) refusedConnection(code int, text string, action func(*amqp.Channel) error) {
	connection := s.connect(amqp.Config{})
	closes := connection.NotifyClose(make(chan *amqp.Error, 1))
	_ = action(must(connection.Channel()))
	closedWith(code, text, closes)
}

func closedWith(code int, text string, closes <-chan *amqp.Error) {
	select {
	case err := <-closes:
		same([]any{code, text}, []any{err.Code, err.Reason})
	case <-time.After(waitLimit):
		fail("expected close %d %q, was allowed", code, text)
	}
}

type check struct {
	name string
	play func(*scene)
}

func run(c check) (passed bool) {
	done := make(chan string, 1)
	go func() {
		defer func() {
			switch reason := recover().(type) {
			case nil:
				done <- ""
			case failure:
				done <- string(reason)
			default:
				panic(reason)
			}
		}()
		s := newScene()
		defer s.close()
		c.play(s)
	}()
	reason := fmt.Sprintf("not done within %v", checkLimit)
	select {
	case reason = <-done:
	case <-time.After(checkLimit):
	}
	if reason != "" {
		fmt.Printf("not ok - %s: %s\n", c.name, reason)
		return false
	}
	fmt.Printf("ok - %s\n", c.name)
	return true
}

func main() {
	passed, failed := 0, 0
	for _, c := range checks {
		if run(c) {
			passed++
		} else {
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
