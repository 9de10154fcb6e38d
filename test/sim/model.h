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
 *   model_check.c  what clients saw; what must hold after each step
 *   model_store.c  what the store was told
 *   model_hold.c   sessions that are held while replies wait for the store
 *   model_paging.c messages that leave memory; basic.get of those
 */
#ifndef STOATMQ_TEST_SIM_MODEL_H
#define STOATMQ_TEST_SIM_MODEL_H

#include "test/unit/exchange/harness.h"

enum {
    SESSIONS = 3,
    CHANNELS = 3, /* of a session: numbers 1 to 3 */
    TAGS = 3,     /* consumer tags of a channel */
    QUEUES = 6,
    EXCHANGES = 10, /* the default one, amq.*, and x0 to x4 */
    FIRST_OWN_EXCHANGE = 5,
    BINDINGS_MAX = 256,
    EXPECTED_MAX = 256,
    WAITING_MAX = 64,
    KEYS = 18,         /* texts of model_keys; */
    PUBLISH_KEYS = 10, /* the first of them are used for publishing */
    HEADERS = 7,       /* choices of a message's headers, and of a binding's arguments */
    NONE = -1,
};

enum exchange_kind { KIND_DIRECT, KIND_FANOUT, KIND_TOPIC, KIND_HEADERS };

struct m_message {
    uint32_t id, size; /* its body is a text of SIZE octets that starts with its id */
    int exchange, key, headers;
    bool persistent, mandatory;
};

/* A message in a queue, or out of it and unsettled. */
struct m_entry {
    struct m_message message;
    uint64_t position;
    uint32_t count; /* how often it was delivered before */
};

struct m_queue {
    bool alive, durable, auto_delete;
    int owner; /* session, or NONE */
    uint32_t uid;
    struct m_entry *ready; /* in order of position */
    size_t ready_count, ready_capacity;
    uint64_t next_position;
    uint32_t unacked;
    uint32_t
        active_uid; /* of the consumer whose turn it is, with single_active; 0: there is none */
};

/* What each queue is declared with. */
struct m_features {
    bool single_active;
    int max_length, delivery_limit; /* 0: none */
};
extern const struct m_features model_features[QUEUES];

struct m_exchange {
    bool alive, durable, auto_delete, internal;
    enum exchange_kind kind;
    int alternate; /* exchange, or NONE */
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
    bool held, acked, requeue;        /* held: settled so, in a transaction */
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
    int last_queue; /* or NONE */
    uint64_t *lsns; /* by confirm number - 1: what it waits for, or 0 */
    size_t published, lsn_capacity, confirmed;
    struct m_message *tx_publishes;
    size_t tx_count, tx_capacity;
};

/* What a client must see, beside deliveries. */
struct m_expected {
    int session;
    uint16_t channel;
    enum method_id id; /* METHOD_NONE: EFFECT_GONE */
    uint64_t number;   /* reply code, delivery tag, message count */
    uint32_t consumers;
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

/* A basic.get whose message is not in memory. */
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

/* A STORE_MESSAGE that must be told next. */
struct m_stored {
    bool targets[QUEUES];
    uint64_t positions[QUEUES];
};

struct m_image_item {
    uint64_t position;
    uint32_t count;
};

/* What a recovery would find. */
struct m_image {
    struct {
        bool declared;
        struct m_image_item *items;
        size_t count, capacity;
    } queues[QUEUES];
    bool exchanges[EXCHANGES];
    struct m_binding bindings[BINDINGS_MAX];
    size_t binding_count;
    bool in_tx;
    size_t tx_records; /* since its beginning */
};

struct model {
    struct harness harness;
    uint64_t random;
    uint64_t step;
    bool canary;
    char operation[64]; /* what is being done, for complaints */
    struct m_session sessions[SESSIONS];
    struct m_queue queues[QUEUES];
    struct m_exchange exchanges[EXCHANGES];
    struct m_binding bindings[BINDINGS_MAX];
    size_t binding_count;
    uint32_t uids, message_ids;
    struct m_expected expected[EXPECTED_MAX];
    size_t expected_count;
    struct m_stored stored[EXPECTED_MAX];
    size_t stored_count, stored_seen;
    uint64_t stored_lsn;          /* of the last */
    struct m_channel *committing; /* its settlements happen when the commit is stored or answered */
    uint64_t commit_lsn, commit_order; /* of this step's commit, as the store was told; or 0 */
    bool drops_late;       /* a commit: what was delivered at once was no more when others came */
    uint64_t topology_lsn; /* of the last record about the topology */
    uint64_t durable_lsn;  /* what the engine was told */
    int following;         /* session whose operation happens though its replies wait, or NONE */
    bool releasing;        /* the operation waits until its session is released */
    struct m_image image;
    struct counters counters;
    uint64_t deliveries, confirms, returns, errors, deepest, clogs, commits; /* for the summary */
    uint64_t waited, followed, deferred;
    bool pages;         /* messages leave memory, and are on */
    struct shelf shelf; /* this */
    uint64_t gets_waited, deepest_cold;
};

extern const char *const model_keys[KEYS];
extern const char *const model_kinds[4];
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

/* --- model_state.c --------------------------------------------------------------------------- */

void state_init(struct model *model);
void state_fini(struct model *model);

/* Which queues a message with these would go to now. */
void state_route(const struct model *model, const struct m_message *message, bool queues[QUEUES]);

/* Puts a message that was routed where it goes, or expects its return to CHANNEL. */
void state_publish(struct model *model, int session, uint16_t channel,
                   const struct m_message *message);
void state_put_back(struct m_queue *queue, const struct m_entry *entry);

/* Drops the first of a queue that holds too many, but for those from KEPT (an id) on; 0: none is
 * kept. */
void state_drop(struct model *model, int queue, uint32_t kept);
void state_remove_first(struct m_queue *queue);
void state_delete_queue(struct model *model, int queue);
void state_delete_exchange(struct model *model, int exchange);
int state_find_binding(const struct model *model, const struct m_binding *binding);
void state_remove_binding(struct model *model, size_t index);
uint32_t state_consumers(const struct model *model, int queue);
void state_cancel(struct model *model, struct m_consumer *consumer);

/* Where only one consumer gets messages and none does: chooses the one whose turn it is. */
void state_choose_active(struct model *model, int queue);

/* Settles the INDEXth unacked of CHANNEL and takes it out. */
void state_settle(struct model *model, struct m_channel *channel, size_t index, bool acked,
                  bool requeue);
void state_recover(struct model *model, struct m_channel *channel);
void state_track(struct m_channel *channel, const struct m_entry *entry, int queue,
                 uint32_t queue_uid, struct m_consumer *consumer);
void state_apply_held(struct model *model, struct m_channel *channel);
void state_close_channel(struct model *model, int session, uint16_t number, bool tell);
void state_close_session(struct model *model, int session);

/* The confirm that is due on the channel now, if any, is expected. */
void state_confirm(struct model *model, int session, uint16_t number);

/* --- model_ops.c ----------------------------------------------------------------------------- */

/* One random operation, on the model and the engine. */
void model_operate(struct model *model);

struct m_expected *model_expect(struct model *model, int session, uint16_t channel,
                                enum method_id id);

/* --- model_hold.c ---------------------------------------------------------------------------- */

/* What is expected and must wait for the store waits from now on. */
void hold_resolve(struct model *model);

/* The end of a tick: confirms and replies that are due are expected. */
void hold_expect_due(struct model *model);

/* What comes next is to be deferred: its session is held, until all is durable and hold_release. */
void hold_begin_deferred(struct model *model);

/* The session is released, and what was deferred happens, if that has not been done. */
void hold_release(struct model *model);

/* --- model_paging.c -------------------------------------------------------------------------- */

/* From now on messages leave memory when they take more than WATERMARK bytes. */
void paging_start(struct model *model, uint64_t watermark);

/* Before a tick: time goes on. */
void paging_tick(struct model *model);

/* Does a message of QUEUE wait for the store, so that consumers that may take it wait as well? */
bool paging_keeps_waiting(const struct queue *queue);

/* Method ID comes on CHANNEL of SESSION: if that is the answer of a basic.get that waits, it is to
 * be what that would get now. */
void paging_resolve(struct model *model, int session, uint16_t channel, enum method_id id);

/* May QUEUE be deleted? Not when that closes a channel with consumers: their queues may go as well,
 * and it would be hard to tell which record the answer waits for. */
bool paging_may_delete(const struct model *model, int queue);

/* Behind the end of a connection whose session may be held. */
void paging_leave(struct model *model);
void paging_check(struct model *model);

/* --- model_check.c --------------------------------------------------------------------------- */

bool consumer_may_get(const struct model *model, int session, uint16_t channel, int tag);

/* Looks at all that clients saw. */
void check_seen(struct model *model);

/* What must hold between steps. */
void check_state(struct model *model);

/* --- model_store.c --------------------------------------------------------------------------- */

/* Takes in what the store was told since the last time. */
void store_follow(struct model *model);

/* Compares what a recovery would find with the model. */
void store_compare(const struct model *model);
void store_fini(struct model *model);

#endif
