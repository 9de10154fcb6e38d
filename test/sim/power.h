/* SPDX-License-Identifier: Apache-2.0
 *
 * power: an engine on the commit log on a simulated disk (disk.h) that loses its power. Random
 * operations are done; a ledger follows the records that the engine gives its store, and the
 * confirms that its client gets. Then the disk is cut at many points, and what is recovered from
 * each must be what the records up to some point make: not before the last that was surely on the
 * device (one behind it had been confirmed by then), not behind the last that was given, never
 * between a transaction's ends.
 *
 *   power.c        the program: options, runs, cuts
 *   power_ops.c    random operations, and what the client sees of them
 *   power_define.c those on users, vhosts, permissions and policies
 *   power_rest.c   what must be in the end
 *   power_shape.c  what queues and exchanges of a run are like, and messages
 *   power_ledger.c what should be found
 */
#ifndef STOATMQ_TEST_SIM_POWER_H
#define STOATMQ_TEST_SIM_POWER_H

#include "exchange/definition.h"
#include "persist/recovery.h"
#include "persist/store_log.h"
#include "test/sim/disk.h"
#include "test/unit/exchange/harness.h"

/* --- power_ledger.c --------------------------------------------------------------------------- */

enum element_kind {
    ELEMENT_QUEUE,
    ELEMENT_EXCHANGE,
    ELEMENT_BINDING,
    ELEMENT_MESSAGE,
    ELEMENT_DEFINITION
};

/* Something durable; names and contents by their hash. */
struct element {
    enum element_kind kind;
    uint32_t count;    /* of a message: deliveries that came back */
    uint64_t queue;    /* its number; 0: has to do with none */
    uint64_t position; /* of a message */
    uint64_t source,
        destination; /* exchanges; an exchange itself is a source; a definition's key */
    uint64_t content;
};

/* All that is durable at one time; its sum says whether two are equal. */
struct image {
    struct element *elements;
    size_t count, capacity;
    uint64_t sum;
};

/* What is in ENGINE, which was recovered just now; its messages are what KEEPER reads. Complains to
 * nobody but returns false when a queue's order or depth is wrong, or a message cannot be read. */
bool image_of_engine(struct image *image, struct engine *engine, struct keeper *keeper);

/* The definitions that INVENTORY found. */
void image_add_definitions(struct image *image, const struct inventory *inventory);
void image_fini(struct image *image);

/* Lists IMAGE on standard error. */
void image_print(const struct image *image);

/* A record was given to the store when the disk had done OPERATIONS; the image's sum behind it. */
struct event {
    uint64_t operations, sum;
};

/* The client had learned, when the disk had done OPERATIONS, that the first EVENTS are durable. */
struct promise {
    uint64_t operations;
    size_t events;
};

struct ledger {
    struct image image;
    bool in_transaction;
    uint64_t sum_before;   /* the transaction */
    size_t begin_event;    /* the last beginning of one */
    size_t first_commit;   /* the first end of one since this was 0 */
    size_t first_message;  /* the first message since this was 0 */
    size_t topology_event; /* the last about queues, exchanges and bindings of this life, or 0 */
    struct event *events;  /* the first is the state at the start */
    size_t event_count, event_capacity;
    struct promise *promises; /* growing in both */
    size_t promise_count, promise_capacity;
};

/* Starts with what IMAGE holds, which is taken. */
void ledger_init(struct ledger *ledger, struct image image);
void ledger_fini(struct ledger *ledger);
void ledger_record(struct ledger *ledger, const struct store_record *record, uint64_t operations);
void ledger_promise(struct ledger *ledger, size_t events, uint64_t operations);

/* Which events may a disk have that was cut after OPERATIONS? From *FIRST to *LAST. */
void ledger_bounds(const struct ledger *ledger, uint64_t operations, size_t *first, size_t *last);

/* The last event in [FIRST, LAST] behind which the sum was SUM; false: there is none. */
bool ledger_find(const struct ledger *ledger, uint64_t sum, size_t first, size_t last,
                 size_t *event);

/* Goes on from EVENT with IMAGE, which is taken; what came later never happened. */
void ledger_rewind(struct ledger *ledger, size_t event, struct image image);

/* --- power_shape.c ---------------------------------------------------------------------------- */

struct power;
extern const char *const power_queues[], *const power_exchanges[];

/* The arguments that QUEUE is declared with, or what a policy is about: some of all that a queue
 * may have. */
void power_put_arguments(const struct power *power, struct buf *arguments, uint32_t queue);
void power_put_policy(struct power *power, struct buf *definition);

/* The type that EXCHANGE is declared with; ARGUMENTS gets what else there is. */
const char *power_exchange_type(const struct power *power, uint32_t exchange,
                                struct buf *arguments);

/* Another message, with some of what concerns queues; one reference. */
struct message *power_new_message(struct power *power, const char *exchange, const char *key);

/* A key to bind with to exchange NAME. */
const char *power_binding_key(struct power *power, const char *name);

/* --- power_ops.c ------------------------------------------------------------------------------ */

enum {
    POWER_QUEUES = 5,
    POWER_EXCHANGES = 4,
    POWER_TAGS = 32,    /* unsettled deliveries that are remembered of a channel */
    POWER_REPLIES = 64, /* that are waited for */
    POWER_WAITS = 8,
    CONFIRM_CHANNEL = 1,
    TX_CHANNEL = 2,
    PLAIN_CHANNEL = 3,
    POWER_CHANNELS = 4,
};

enum canary { CANARY_NONE, CANARY_STORE, CANARY_SYNC, CANARY_GROUP };

struct power_tags {
    uint64_t tags[POWER_TAGS];
    unsigned count;
};

/* A reply that will come, and the events that it promises. */
struct power_reply {
    enum method_id id;
    size_t events;
};

/* Somebody who is no client waits for a definition. */
struct power_wait {
    struct durable_wait wait; /* first */
    struct power *power;
    size_t events; /* that it promises */
    bool is_waiting;
};

/* A broker's life on a disk. */
struct power {
    struct store store; /* first: goes on to the log's, and tells the ledger */
    struct harness harness;
    struct disk *disk;
    struct keeper *keeper;
    struct commit_log *log;
    struct store_log inner;
    struct ledger *ledger;
    struct client *client;
    enum canary canary;
    uint64_t random;
    uint64_t shape; /* of the run: the same for all lives */
    uint64_t last_lsn, flushes;
    struct power_tags tags[POWER_CHANNELS];
    size_t *published; /* by number in the confirm channel: the events that its confirm promises */
    size_t published_count, published_capacity, confirmed;
    struct power_reply replies[POWER_REPLIES]; /* in order */
    size_t reply_count;
    uint32_t bodies;
    bool large;           /* bodies of several parts too */
    bool has_definitions; /* were found */
    bool is_resting;      /* a queue that somebody waits at may expire, which closes the channel */
    struct power_wait waits[POWER_WAITS];
};

/* Opens client and channels. */
void power_connect(struct power *power);

/* Some operations, and perhaps the end of the tick. */
void power_step(struct power *power);

/* A user, vhost, permission or policy, or two at once, is there or another, or is not any more. */
void power_define(struct power *power);

/* Once all up to LSN is durable, the first EVENTS of the ledger are promised. */
void power_await_definition(struct power *power, uint64_t lsn, size_t events);

/* Lets all that is due happen; PROBLEM gets what has not. False: something has not. */
bool power_wait_long(struct power *power, char *problem, size_t size);

/* What the client sees now. */
void power_look(struct power *power);

void power_disconnect(struct power *power);

#endif
