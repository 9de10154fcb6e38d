// SPDX-License-Identifier: Apache-2.0
// What a check of the rabbitmq-c scenario stands on: connections, entity names, waiting, comparing.
// A check runs on the main thread and ends at its first failure, with a jump back to the runner
// (main.c); what the scene holds is released there. Texts that the functions return live as long as
// the scene.
#ifndef INTEROP_SCENE_H
#define INTEROP_SCENE_H

#include <amqp.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

enum {
    WAIT_S = 10,
    CHECK_LIMIT_S = 60,
    MAIN = 1, // the channel that is open on each connection
};

struct settings {
    int channel_max;
    int frame_max;
    int heartbeat;
    const char *vhost;
    const char *password;
};

#define DEFAULT_SETTINGS ((struct settings){2047, 131072, 10, "/", "guest"})

struct scene {
    amqp_connection_state_t connection; // channel MAIN is open
    amqp_connection_state_t
        publisher; // of its own, so that confirms and deliveries do not mix; channel MAIN confirms
    amqp_connection_state_t opened[12];
    size_t opened_count;
    amqp_channel_t channels_used;
    char suffix[9];
    char *texts[512];
    size_t texts_count;
    jmp_buf failed;
    char reason[4096];
};

struct check {
    const char *name;
    void (*play)(struct scene *s);
};

extern const struct check connection_and_exchange_checks[]; // these end with a null name
extern const struct check message_and_publisher_checks[];
extern const struct check queue_and_consumer_checks[];

_Noreturn void fail(struct scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *text(struct scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *text_of(struct scene *s, amqp_bytes_t bytes);
amqp_bytes_t bytes(const char *text);
void same(struct scene *s, const char *expected, const char *got);
void same_number(struct scene *s, uint64_t expected, uint64_t got);
void ok(struct scene *s, amqp_connection_state_t connection); // the last call got its answer
void sent(struct scene *s, int status);                       // a call without an answer was sent

// Logs in; the reply is what the broker said. scene_connect() expects success and opens MAIN.
amqp_connection_state_t scene_dial(struct scene *s, struct settings settings,
                                   amqp_rpc_reply_t *reply);
amqp_connection_state_t scene_connect(struct scene *s, struct settings settings);
amqp_channel_t scene_channel(struct scene *s); // a new one of the main connection
void scene_close(struct scene *s);

const char *scene_name(struct scene *s, const char *word);
const char *scene_queue(struct scene *s, const char *word); // dies with the main connection
const char *scene_exchange(struct scene *s, const char *word, const char *type,
                           amqp_table_t arguments); // dies with its last binding
void scene_bind(struct scene *s, const char *queue, const char *exchange, const char *key);

// Publishes and waits for the confirm: the message is in its queues, for every other channel too.
void scene_send(struct scene *s, const char *exchange, const char *key, amqp_bytes_t body,
                const amqp_basic_properties_t *properties);
void scene_publish(struct scene *s, const char *queue, int first, int last); // numbers as bodies

void scene_consume(struct scene *s, amqp_channel_t channel, const char *queue, const char *tag,
                   bool no_ack);
// The next deliveries of the main connection: "tag=body tag=body*", * for redelivered.
const char *scene_take(struct scene *s, int count);
// Gets messages without acknowledgement: "body body*".
const char *scene_get(struct scene *s, amqp_channel_t channel, const char *queue, int count);
const char *scene_drain(struct scene *s, const char *queue); // the bodies of all it holds
uint32_t scene_ready(struct scene *s, const char *queue);    // messages that wait in it

// Gets one message, acknowledged by that; the caller destroys it.
void scene_get_message(struct scene *s, amqp_connection_state_t connection, const char *queue,
                       amqp_message_t *message);

// The broker closed the channel, or the connection, with exactly this "CODE TEXT": as the answer
// to the last call (closed_by_answer), or as what comes next (closed_next).
void closed_by_answer(struct scene *s, amqp_connection_state_t connection, amqp_channel_t channel,
                      const char *expected);
void closed_next(struct scene *s, amqp_connection_state_t connection, amqp_channel_t channel,
                 const char *expected);
const char *close_text(struct scene *s, amqp_method_t method);

// The next method of the connection; valid until its buffers are released.
amqp_method_t scene_next_method(struct scene *s, amqp_connection_state_t connection,
                                amqp_channel_t *channel);

#endif
