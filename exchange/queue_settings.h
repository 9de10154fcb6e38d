/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_settings: what a queue's arguments and the policies in force for it come to. Worked out
 * when the queue is declared and when its policies change, never for a message. Belongs to its
 * queue; engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_QUEUE_SETTINGS_H
#define STOATMQ_EXCHANGE_QUEUE_SETTINGS_H

#include "exchange/policy_keys.h"

struct policy;
struct queue;

/* What happens to a message that is too much. */
enum overflow { OVERFLOW_DROP_HEAD, OVERFLOW_REJECT_PUBLISH, OVERFLOW_REJECT_PUBLISH_DLX };

/* In place of a number: no limit. */
#define QUEUE_SETTING_NONE INT64_C(-1)

struct queue_settings {
    int64_t message_ttl_ms, expires_ms; /* these and the next: QUEUE_SETTING_NONE, or from 0 on */
    int64_t max_length, max_length_bytes;
    int64_t delivery_limit;
    int64_t consumer_timeout_ms;
    struct slice dead_letter_exchange; /* with dead_letters; borrowed from arguments or policy */
    struct slice dead_letter_key;      /* with has_dead_letter_key; borrowed likewise */
    enum overflow overflow;
    bool dead_letters;
    bool has_dead_letter_key;
    bool single_active;
    bool is_quorum;
    uint8_t max_priority; /* 0: messages have no priority */
};

/* Fills in SETTINGS from ARGUMENTS, a valid table that was checked, and POLICIES (each may be
 * NULL). Of two numbers the least holds (of delivery limits a negative one is none), of two strings
 * the argument. The slices are borrowed from both. */
void queue_settings_merge(struct queue_settings *settings, struct slice arguments,
                          struct policy *const policies[POLICY_KINDS]);

/* The highest priority of messages in a queue declared with ARGUMENTS, a valid table; 0: they have
 * none. It is the queue's for life. */
uint8_t queue_settings_max_priority(struct slice arguments);

/* The arguments or policies of QUEUE are not what they were: works out its settings, and lets each
 * feature do what follows at once for what is in the queue. */
void queue_settings_changed(struct queue *queue);

#endif
