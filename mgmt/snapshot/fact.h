/* SPDX-License-Identifier: Apache-2.0
 *
 * fact: what the engine's and the workers' threads tell the management about the model, as plain
 * records one behind the other in a buf, without pointers into the model. Made by watcher.h, taken
 * by snapshot.h.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_FACT_H
#define STOATMQ_MGMT_SNAPSHOT_FACT_H

#include "exchange/counters.h"
#include "exchange/registry.h"
#include "exchange/traffic.h"
#include "server/net/tls.h"

enum fact_kind {
    FACT_CAME, /* struct fact_came, and its texts */
    FACT_WENT, /* struct fact_went */
    FACT_VHOST,
    FACT_EXCHANGE,
    FACT_QUEUE,
    FACT_SESSION,
    FACT_CHANNEL,
    FACT_SOCKET,
    FACT_TLS,
    FACT_ENGINE,
};

/* In front of each; facts begin at multiples of eight octets. */
struct fact_front {
    uint32_t kind;  /* enum fact_kind */
    uint32_t bytes; /* with this, rounded up */
};

enum came_flag {
    CAME_DURABLE = 1 << 0,
    CAME_AUTO_DELETE = 1 << 1,
    CAME_INTERNAL = 1 << 2,
    CAME_EXCLUSIVE = 1 << 3,
    CAME_NO_ACK = 1 << 4,
    CAME_TO_QUEUE = 1 << 5, /* a binding; else to an exchange */
    CAME_TRACING = 1 << 6,
    CAME_PAUSED = 1 << 7,
    CAME_SINGLE_ACTIVE = 1 << 8, /* a consumer: the one that gets its queue's messages, */
    CAME_WAITING = 1 << 9,       /* or one that waits to be that */
    CAME_DELAYED = 1 << 10,      /* an exchange in which messages may wait */
};

enum { CAME_TEXTS = 6 };

/* Something is there. What is not said of its kind is 0. */
struct fact_came {
    struct fact_front fact;
    uint64_t id;
    uint64_t vhost_id;
    uint64_t of_id; /* queue: session it is exclusive to; binding: source; channel: session;
                       consumer: channel */
    uint64_t to_id; /* binding: queue or exchange; consumer: queue */
    uint64_t wall_ms;
    uintptr_t connection;            /* session: what the workers' facts call it */
    uint32_t registry;               /* enum registry_kind */
    uint32_t flags;                  /* enum came_flag */
    uint32_t number;                 /* channel */
    uint32_t prefetch;               /* consumer */
    int32_t priority;                /* consumer */
    uint32_t text_bytes[CAME_TEXTS]; /* see enum row_text */
};

struct fact_went {
    struct fact_front fact;
    uint64_t id;
    uint64_t registry;
};

struct fact_vhost {
    struct fact_front fact;
    uint64_t id;
    struct traffic traffic; /* of closed channels */
};

struct fact_exchange {
    struct fact_front fact;
    uint64_t id;
    uint64_t published, routed, delayed;
};

struct fact_queue {
    struct fact_front fact;
    uint64_t id;
    struct traffic traffic;
    uint64_t ready, unacked, ready_bytes, unacked_bytes;
    uint64_t in_memory;                    /* of those that are ready, */
    uint64_t cold_bytes;                   /* and of the others the bodies */
    uint64_t persistent, persistent_bytes; /* of all */
    uint64_t memory_bytes;
    uint64_t first_position, next_position; /* of the first that is ready; equal: none is */
    uint64_t head_timestamp; /* its property, when it is in memory and has one; else 0 */
    uint32_t consumers;
    bool is_able; /* a consumer could take a message now */
};

struct fact_session {
    struct fact_front fact;
    uint64_t id;
    uint32_t channels;
    bool is_clogged;
};

struct fact_channel {
    struct fact_front fact;
    uint64_t id;
    struct traffic traffic;
    uint64_t unconfirmed;
    uint32_t unacked, consumers, uncommitted, acks_uncommitted;
    uint32_t prefetch, prefetch_global;
    uint8_t mode;                     /* enum channel_mode */
    uint64_t published_to, took_from; /* ids, as in struct channel */
};

/* A connection's side at its worker. */
struct fact_socket {
    struct fact_front fact;
    uintptr_t connection;
    uint64_t recv_octets, send_octets, recv_count, send_count, pending_bytes;
    uint32_t frame_max;
    uint16_t channel_max, heartbeat_s;
    uint8_t mechanism; /* enum mechanism of connection.h */
    bool is_tls, is_blocked, is_closing;
};

/* What its TLS agreed on, told when it is asked for. */
struct fact_tls {
    struct fact_front fact;
    uintptr_t connection;
    struct tls_description tls;
};

struct fact_engine {
    struct fact_front fact;
    struct counters counters;
    uint64_t queue_declares;
    uint64_t objects[REGISTRY_KIND_COUNT];
    uint64_t backlog_bytes, held_bytes;
    uint64_t messages_delayed; /* that wait in exchanges now */
};

#endif
