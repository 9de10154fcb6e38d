// SPDX-License-Identifier: Apache-2.0
// options: the command line of the load generator. A load names a set of defaults; flags change
// them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum load {
    LOAD_AUTO_ACK,
    LOAD_MANUAL_ACK,
    LOAD_TOPIC,
    LOAD_FANOUT,
    LOAD_HASH,
    LOAD_LATENCY,
    LOAD_ECHO,
    LOAD_IDLE,
    LOAD_CONFIRM,
    LOAD_FILL,
    LOAD_DRAIN,
    LOAD_PEEK,
    LOAD_DISK,
};

struct options {
    enum load load;
    const char *load_name;
    const char *host, *user, *password;
    uint64_t port;
    uint64_t pid;           // the broker to measure; 0 = none
    uint64_t messages;      // measured ones, for fill and drain all there are; 0 = by time
    double seconds, warmup; // measured time, and time before it
    double timeout;         // without progress, then the run has failed
    uint64_t size;          // of a body
    uint64_t queues, producers, connections; // connections: of consumers, or idle ones
    uint64_t prefetch, ack_every;            // 0 = auto-ack
    uint64_t bindings, keys;                 // of the topic exchange
    uint64_t rate;                           // messages a second; 0 = as fast as it goes
    uint64_t backlog; // deliveries under way at most, so that queues stay short
    uint64_t window;  // unconfirmed messages of a producer; 0 = no confirms
    uint64_t threads;
    const char *queue;     // the queues' name up to their number; NULL = one of this run only
    const char *arguments; // of the queues: "key=value,key=value", or NULL
    const char *dying;     // "reject", "expire", or NULL: queues are given dead letters alone
    uint64_t delay_ms;     // x-delay of all messages; 0 = not by an x-delayed-message exchange
    uint64_t priorities;   // messages have 0, 1... below this in turn; 0 = they have none
    const char *file;      // that the load `disk` writes; it is removed in the end
    const char *disk_stat; // of the device that the broker writes to: /sys/dev/block/M:N/stat
    bool persistent, spin, no_consume, own_queue;
};

// Does the load count all messages from the first on, so that their number is known before?
static inline bool options_exact(const struct options *o)
{
    return o->load == LOAD_FILL || o->load == LOAD_DRAIN;
}

// A producer's messages go to lanes in turn; order holds within one. A lane is a priority, or a key
// of the consistent hash, which stays with one queue, nobody knows which.
static inline uint64_t options_lanes(const struct options *o)
{
    return o->load == LOAD_HASH ? o->keys : o->priorities ? o->priorities : 1;
}

// Fills *o. Prints what is wrong, or the help, to stderr and returns -1 when the run is not to go
// on.
int options_parse(struct options *o, int argc, char **argv);
