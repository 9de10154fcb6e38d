/* SPDX-License-Identifier: Apache-2.0
 *
 * model: a broker as its rules say it, in plain arrays and loops, beside the engine. Random
 * operations happen to both; after each, what the engine's clients saw, what its store was told and
 * what it counts must be what the model says. Which of several consumers that may take a message
 * gets it is the engine's choice: the model checks that it was one of them.
 *
 *   model.c        the program: options, steps
 *   model_ops.c, model_messages.c, model_topology.c
 *                  operations: what they change in the model, what is to be seen, the command
 *   model_state.c  queues, exchanges, bindings, channels coming and going; routing
 *   model_stock.c  messages in queues: order, time, limits; what is on its way there
 *   model_letter.c dead letters: what is written on them, where they go
 *   model_later.c  messages that wait in exchanges
 *   model_settings.c
 *                  what queues are declared with, policies, and what both come to
 *   model_content.c
 *                  properties and headers of messages
 *   model_watch.c  what happens in the engine's queues, as far as that is its choice
 *   model_check.c  what clients saw; what must hold after each step
 *   model_store.c  what the store was told
 *   model_hold.c   sessions that are held while replies wait for the store
 *   model_paging.c messages that leave memory; basic.get of those
 */
#ifndef STOATMQ_TEST_SIM_MODEL_H
#define STOATMQ_TEST_SIM_MODEL_H

#include "exchange/dead_letter.h"
#include "test/unit/exchange/harness.h"

enum {
    SESSIONS = 3,
    CHANNELS = 3, /* of a session: numbers 1 to 3 */
    TAGS = 3,     /* consumer tags of a channel */
    QUEUES = 6,
    EXCHANGES = 10, /* the default one, amq.*, and x0 to x4 */
    FIRST_OWN_EXCHANGE = 5,
    PLACES = QUEUES + EXCHANGES, /* where messages go: queues, and exchanges that delay them */
    BINDINGS_MAX = 256,
    EXPECTED_MAX = 256,
    COMING_MAX = 8192,
    SETTLED_MAX = 1 << 16,
    DEATHS_MAX = 4 * QUEUES, /* kinds of death: queues and reasons */
    POLICIES = 3,            /* of a kind */
    WAITING_MAX = 64,
    KEYS = 18,         /* texts of model_keys; */
    PUBLISH_KEYS = 10, /* the first of them are used for publishing */
    HEADERS = 7,       /* choices of a message's headers, and of a binding's arguments */
    NONE = -1,
};

enum exchange_kind { KIND_DIRECT, KIND_FANOUT, KIND_TOPIC, KIND_HEADERS };

/* A death in a queue for a reason, and how often. */
struct m_death {
    int8_t queue, reason, exchange, key;
    bool has_cc;
    uint16_t count;
    int16_t expiration; /* or NONE */
    uint32_t time_s;
};

struct m_message {
    uint32_t id, size; /* its body is a text of SIZE octets that starts with its id */
    int exchange, key, headers;
    int priority, expiration; /* or NONE */
    int delay;                /* x-delay, or 0; below 0: it is over */
    bool persistent, mandatory;
    uint8_t death_count;
    struct m_death deaths[DEATHS_MAX]; /* the newest first */
    struct m_death first, last;        /* exchange, queue and reason only; with any deaths */
};

/* A message in a queue, or out of it and unsettled. */
struct m_entry {
    struct m_message message;
    int level;        /* what its priority comes to in the queue */
    uint64_t number;  /* in order of arrival */
    uint64_t time_ms; /* at which it was put there, or 0: that was not noted */
    uint64_t step;    /* in which that was */
    uint32_t count;   /* how often it was delivered before */
};

/* What may be an argument of a queue, and in a policy. */
enum setting {
    SETTING_TTL,
    SETTING_EXPIRES,
    SETTING_LENGTH,
    SETTING_BYTES,
    SETTING_DELIVERIES,
    SETTING_OVERFLOW, /* enum overflow */
    SETTING_DLX,      /* exchange */
    SETTING_DLK,      /* key */
    SETTINGS,
    SETTING_NUMBERS = SETTING_OVERFLOW, /* the first so many are numbers */
};

/* Each is NONE when it is not set. */
struct m_settings {
    int of[SETTINGS];
};

struct m_policy {
    bool alive;
    int scope, priority;
    uint32_t uid; /* another one each time that it is set */
    struct m_settings settings;
};

/* What a queue is declared with. */
struct m_features {
    bool single_active;
    int max_priority; /* or 0 */
    struct m_settings arguments;
};

struct m_queue {
    bool alive, durable, auto_delete;
    int owner; /* session, or NONE */
    uint32_t uid;
    struct m_features features;
    struct m_settings settings;      /* in force */
    uint32_t policies[POLICY_KINDS]; /* in force, their uid; or 0 */
    uint64_t ttl_since_ms;           /* messages whose time was not noted count from here on */
    uint64_t used_ms;                /* when somebody did something with it */
    uint64_t awaited_ms;   /* when a basic.get last waited for it, which may have asked again */
    struct m_entry *ready; /* in order of level and number */
    size_t ready_count, ready_capacity;
    uint64_t last_number;
    uint64_t entered; /* messages that were put there */
    uint32_t unacked;
    uint32_t
        active_uid;   /* of the consumer whose turn it is, with single_active; 0: there is none */
    bool is_dying;    /* deleted in this step */
    bool has_changed; /* its settings have, since the last tick: it may be too long */
    uint64_t overdue; /* number of its first message, whose time was over at the last tick */
};

struct m_exchange {
    bool alive, durable, auto_delete, internal;
    enum exchange_kind kind;
    int alternate; /* exchange, or NONE */
    enum { DELAYS_NOT, DELAYS_BY_ARGUMENT, DELAYS_BY_TYPE } delays;
    bool has_delayed; /* at least once */
    struct m_entry *waiting;
    size_t waiting_count, waiting_capacity;
    uint64_t last_number;
};

struct m_binding {
    int source, queue, exchange; /* one of the latter two is NONE */
    int key, arguments;
};

struct m_consumer {
    bool alive, announced, no_ack, exclusive;
    uint32_t uid; /* in order of creation */
    int queue, priority;
    uint32_t prefetch, unacked;
};

struct m_unacked {
    uint64_t tag;
    struct m_entry entry;
    int queue;
    uint32_t queue_uid, consumer_uid; /* 0: of a get */
    uint32_t held;                    /* settled so in a transaction, as the so manieth; or 0 */
    bool acked, requeue;
};

struct m_confirm {
    uint64_t lsn; /* that it waits for, or 0 */
    bool refused; /* by a queue that is full */
};

struct m_channel {
    bool open;
    enum channel_mode mode;
    struct m_consumer consumers[TAGS];
    struct m_unacked *unacked; /* in order of tag */
    size_t unacked_count, unacked_capacity;
    uint64_t last_tag;
    uint32_t consumer_unacked;
    uint16_t prefetch, prefetch_global;
    int last_queue;             /* or NONE */
    struct m_confirm *confirms; /* by number - 1 */
    size_t published, confirm_capacity, confirmed;
    uint32_t held_count;
    struct m_message *tx_publishes;
    size_t tx_count, tx_capacity;
};

/* What a client must see, beside deliveries. */
struct m_expected {
    int session;
    uint16_t channel;
    enum method_id id;         /* METHOD_NONE: EFFECT_GONE */
    uint64_t number;           /* reply code, delivery tag, message count */
    uint32_t consumers, count; /* the latter: x-delivery-count, or 0 */
    int queue, tag;
    bool flag;    /* redelivered, multiple */
    bool durable; /* about something durable: not before the topology as it is then is that */
    bool due;     /* has waited long enough */
    struct m_message message;
    bool seen;
};

struct m_waiting {
    struct m_expected expected;
    uint64_t lsn;
};

/* A basic.get that is not answered yet: that gets what is there when it is. */
struct m_get {
    bool waits, no_ack;
    uint16_t channel;
    int queue;
};

struct m_session {
    struct client *client; /* NULL: not connected */
    bool closed;           /* by a connection.close: what still comes is dropped */
    bool clogged;
    uint64_t unwritten, unwritten_max;
    struct m_waiting waiting[WAITING_MAX]; /* in order; it is held while there are any */
    size_t waiting_count;
    struct m_get get; /* it is held while that waits */
    struct m_channel channels[CHANNELS + 1];
};

/* A place in a queue that is left. */
struct m_left {
    int queue; /* a place, or NONE */
    uint64_t number;
    uint64_t group; /* of records that are one */
};

/* A STORE_MESSAGE that must be told, and one that was: its positions. */
struct m_stored {
    bool targets[PLACES];
    uint64_t numbers[PLACES];
    struct m_left left; /* with a dead letter */
};
struct m_told {
    bool targets[PLACES];
    uint64_t positions[PLACES];
    uint64_t group; /* or 0 */
};

/* A message on its way into a queue, or back. */
struct m_coming {
    int queue;
    bool is_return;
    struct m_entry entry;
};

/* A message that has left a queue, or was not let into it, and is not sent yet. */
struct m_letter {
    struct m_message message;
    int queue;
    uint32_t queue_uid;
    enum dead_letter_reason reason;
    uint64_t number; /* in the queue, when the store knows it there; else 0 */
};

/* What happened in the engine, between effects (model_watch.c). */
enum m_event_kind {
    EVENT_ENTERS,  /* message ID enters QUEUE */
    EVENT_RETURNS, /* it comes back */
    EVENT_DIES,    /* it leaves for REASON */
    EVENT_REFUSED, /* it is not let in */
    EVENT_SENDS,   /* dead letters are sent... */
    EVENT_SENT,    /* all of them */
    EVENT_COMMITTED,
    EVENT_DELETED, /* QUEUE is */
    EVENT_DROPS,   /* the first ID of QUEUE, unread */
    EVENT_DUE,     /* ID has waited long enough in QUEUE */
};
struct m_event {
    enum m_event_kind kind;
    enum dead_letter_reason reason;
    int queue;
    uint32_t id;
    uint64_t number; /* EVENT_DUE: its number */
    uint64_t order;  /* of the effect that came next */
};

struct m_image_item {
    uint64_t position, number; /* the latter is 0 until the step's end */
    uint32_t count;
};

/* What a recovery would find. */
struct m_image {
    struct {
        bool declared;
        struct m_image_item *items;
        size_t count, capacity;
    } queues[PLACES];
    bool exchanges[EXCHANGES];
    struct m_binding bindings[BINDINGS_MAX];
    size_t binding_count;
    bool in_tx, has_topology; /* the latter: in this transaction */
    size_t tx_records;        /* since its beginning */
};

/* A rule that the model has otherwise than it should: the engine must be seen to differ. */
enum canary {
    CANARY_NONE,
    CANARY_STORE, /* the store says that all is durable before it is */
    CANARY_TTL,
    CANARY_EXPIRATION,
    CANARY_EXPIRES,
    CANARY_PRIORITY,
    CANARY_LENGTH,
    CANARY_BYTES,
    CANARY_OVERFLOW,
    CANARY_DELIVERIES,
    CANARY_DLX,
    CANARY_DLK,
    CANARY_DEATH_COUNT,
    CANARY_DEATH_ORDER,
    CANARY_CYCLE,
    CANARY_SINGLE_ACTIVE,
    CANARY_DELAY,
    CANARY_DELAY_ROUTE,
    CANARY_POLICY,
    CANARY_OPERATORS,
    CANARIES
};
extern const char *const model_canaries[CANARIES];

/* Lines that are shown when something does not fit. */
enum { NOTES = 60, NOTE_BYTES = 100 };

struct model {
    struct harness harness;
    uint64_t random;
    uint64_t step;
    enum canary canary;
    bool traces;
    char operation[64]; /* what is being done, for complaints */
    char notes[NOTES][NOTE_BYTES];
    uint64_t note_count;
    struct m_session sessions[SESSIONS];
    struct m_queue queues[QUEUES];
    struct m_exchange exchanges[EXCHANGES];
    struct m_binding bindings[BINDINGS_MAX];
    size_t binding_count;
    uint32_t uids, message_ids;
    struct m_expected expected[EXPECTED_MAX];
    size_t expected_count;
    struct m_stored stored[COMING_MAX];
    struct m_told told[COMING_MAX];
    size_t stored_count, told_count;
    struct m_left settled[SETTLED_MAX]; /* as the store was told in this step */
    size_t settled_count;
    struct m_left leaves; /* with the dead letter that is being sent */
    uint64_t group;       /* of the records that are told, or 0 */
    uint64_t groups;
    uint64_t stored_lsn;     /* of the first in this step */
    const struct seen *next; /* what a client saw after the events at hand, or NULL, */
    int next_session;        /* this one's */
    struct m_event *events;  /* of this step */
    size_t event_count, event_capacity, event_head;
    struct m_coming coming[COMING_MAX], leaving; /* the latter comes back once too often */
    size_t coming_count;
    bool is_leaving, is_sending, has_ticked;
    struct m_letter letters[COMING_MAX], rejected[COMING_MAX], refused[COMING_MAX];
    size_t letter_head;                                 /* those before have been sent */
    size_t letter_count, rejected_count, refused_count; /* the latter two have not died yet */
    struct m_policy policies[POLICY_KINDS][POLICIES];
    struct m_channel *committing; /* its settlements happen once its publishes have */
    uint64_t commit_lsn;          /* of this step's commit, or 0 */
    uint64_t topology_lsn;        /* of the last record about the topology */
    uint64_t durable_lsn;         /* what the engine was told */
    int following;  /* session whose operation happens though its replies wait, or NONE */
    bool releasing; /* the operation waits until its session is released */
    struct m_image image;
    struct counters counters;
    uint64_t deliveries, confirms, returns, errors, deepest, clogs, commits; /* for the summary */
    uint64_t waited, followed, deferred, deaths, deepest_deaths, delayed;
    bool pages;         /* messages leave memory, and are on */
    struct shelf shelf; /* this */
    uint64_t gets_waited, deepest_cold;
};

extern const char *const model_keys[KEYS];
extern const char *const model_kinds[4];
extern const char *const model_reasons[4];
const char *queue_name(int queue);
const char *exchange_name(int exchange);
const char *tag_name(int tag);

/* The integer, or a void, that a header or argument is; `x-match` apart. */
struct m_header {
    const char *name; /* NULL ends a list */
    int value;        /* 0: void */
};
extern const struct m_header model_headers[HEADERS][3];
struct m_arguments {
    const char *x_match; /* or NULL */
    struct m_header conditions[3];
};
extern const struct m_arguments model_arguments[HEADERS];
/* The headers that carry a CC to q1. */
#define HEADERS_WITH_CC 6

/* Keeps a line for complaints. */
void model_note(struct model *model, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports what does not fit and ends the program. */
_Noreturn void model_complain(const struct model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline uint32_t below(struct model *model, uint32_t limit)
{
    return harness_below(&model->random, limit);
}

static inline bool one_in(struct model *model, uint32_t limit)
{
    return below(model, limit) == 0;
}

#endif
