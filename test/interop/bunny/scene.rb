# SPDX-License-Identifier: Apache-2.0
# What a check stands on: connections, entity names, waiting, comparing, reporting.
require "bunny"
require "logger"
require "securerandom"
require "timeout"

WAIT_S = 10
CHECK_LIMIT_S = 60
AGAINST = ENV.fetch("AMQP_AGAINST", "stoatmq")

class Failure < StandardError; end

def same(expected, got)
  raise Failure, "expected #{expected.inspect}, got #{got.inspect}" unless expected == got
end

# What the broker told a connection at its end; bunny would raise it in the thread that connected.
class ConnectionErrors
  attr_reader :queue

  def initialize
    @queue = Queue.new
  end

  def raise(error, *)
    @queue << error
  end
end

Delivery = Struct.new(:info, :properties, :body)

# What a consumer was given, and waiting for it.
class Inbox
  attr_reader :tag

  def initialize(channel, queue, tag: channel.generate_consumer_tag, no_ack: false,
      exclusive: false, arguments: {})
    @deliveries = Queue.new
    @tag = channel.basic_consume(queue, tag, no_ack, exclusive, arguments) do |*delivery|
      @deliveries << Delivery.new(*delivery)
    end.consumer_tag
  end

  def take(count)
    Timeout.timeout(WAIT_S, Failure,
        "not #{count} messages within #{WAIT_S} s") { Array.new(count) { @deliveries.pop } }
  end

  def bodies(count)
    take(count).map(&:body)
  end

  def empty?
    @deliveries.empty?
  end
end

# One check's connections, channels and entities' names.
class Scene
  attr_reader :connection, :channel, :publisher

  def initialize
    @suffix = SecureRandom.hex(4)
    @connections = []
    @background = []
    @connection = connect
    @channel = @connection.create_channel
    @publisher = @connection.create_channel
    @publisher.confirm_select
  end

  def connect(**settings)
    connection = Bunny.new({ host: ENV.fetch("AMQP_HOST"), port: Integer(ENV.fetch("AMQP_PORT")),
        user: "guest", password: "guest",
                             heartbeat: 10, automatically_recover: false,
                             recover_from_connection_close: false,
                             connection_name: "interop bunny", logger: Logger.new(IO::NULL),
                             continuation_timeout: WAIT_S * 1000 }.merge(settings))
    connection.start
    @connections << connection
    connection
  end

  def name(word)
    "interop-bunny-#{word}-#{@suffix}"
  end

  # Declares a queue that dies with its connection.
  def queue(word = "q", on: @channel, **options)
    on.queue_declare(name(word), { exclusive: true }.merge(options)).queue
  end

  # Declares an exchange that dies with its last binding.
  def exchange(word, type, **options)
    @channel.exchange_declare(name(word), type, { auto_delete: true }.merge(options))
    name(word)
  end

  def bind(queue, exchange, key = "", arguments = {})
    @channel.queue_bind(queue, exchange, routing_key: key, arguments: arguments)
  end

  # Publishes and waits for the confirm: the message is in its queues, for every other channel too.
  def send_to(exchange, key, body, **options)
    @publisher.basic_publish(body, exchange, key, options)
    Timeout.timeout(WAIT_S, Failure, "no confirm") { same(true, @publisher.wait_for_confirms) }
  end

  def publish(queue, *bodies)
    bodies.each { |body| send_to("", queue, body.to_s) }
  end

  # How many messages wait in the queue.
  def ready(queue)
    @channel.queue_declare(queue, passive: true).message_count
  end

  def get(queue, count, on: @channel)
    Array.new(count) do
      info, properties, body = on.basic_get(queue, manual_ack: true)
      raise Failure, "the queue is empty" unless info

      Delivery.new(info, Bunny::MessageProperties.new(properties), body)
    end
  end

  # Gets messages without acknowledging them: each body, with a * when it was redelivered.
  def marked(queue, count)
    get(queue, count).map { |got| got.body + (got.info.redelivered ? "*" : "") }
  end

  # The bodies of all that the queue holds.
  def drain(queue)
    bodies = []
    while (body = @channel.basic_get(queue, manual_ack: false).last)
      bodies << body
    end
    bodies
  end

  # The broker closes a new channel with exactly this code and text when the block uses it.
  def refused(code, text, &action)
    channel = @connection.create_channel
    outcome = Queue.new
    channel.on_error { |_channel, close| outcome << close }
    in_background(outcome) do
      action.call(channel)
      channel.basic_qos(1) # an answer is waited for, in which bunny finds the close
    rescue Bunny::ChannelLevelException => closed
      outcome << closed.channel_close
    rescue Bunny::ChannelAlreadyClosed
      error = channel.instance_variable_get(:@last_channel_error) # bunny has no public name for it
      outcome << error.channel_close if error
    end
    close = closed_with(outcome, "#{code} #{text}")
    same([code, text], [close.reply_code, close.reply_text])
  end

  # The same for errors that close the connection.
  def refused_connection(code, text, &action)
    errors = ConnectionErrors.new
    connection = connect(session_error_handler: errors)
    in_background(errors.queue) { action.call(connection.create_channel) }
    close = closed_with(errors.queue, "#{code} #{text}").connection_close
    same([code, text], [close.reply_code, close.reply_text])
  end

  # After an error some calls of bunny wait for an answer in vain: in a thread of their own.
  def in_background(outcome, &action)
    @background << Thread.new do
      action.call
    rescue Failure => failure
      outcome << failure
    rescue StandardError
      nil # the broker's close tells the same
    end
  end

  def closed_with(outcome, what)
    close = Timeout.timeout(WAIT_S, Failure, "expected #{what}, was allowed") { outcome.pop }
    raise close if close.is_a?(Failure)

    close
  end

  def close
    @background.each(&:kill)
    @connections.each { |connection| connection.close if connection.open? }
  end
end

CHECKS = {}

def check(name, &play)
  CHECKS[name] = play
end

def run_checks
  failed = CHECKS.count do |name, play|
    Timeout.timeout(CHECK_LIMIT_S) do
      scene = Scene.new
      play.call(scene)
      scene.close
    end
    puts "ok - #{name}"
    false
  rescue StandardError => error # any failure of a check is reported; the next check goes on
    puts "not ok - #{name}: #{error.class}: #{error.message}"
    warn error.full_message
    true
  end
  puts "#{CHECKS.size - failed} passed, #{failed} failed"
  exit(failed.zero? ? 0 : 1)
end
