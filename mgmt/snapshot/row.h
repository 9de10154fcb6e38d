/* SPDX-License-Identifier: Apache-2.0
 *
 * row: what the management knows of one thing in the model. Owned by its snapshot; management's
 * thread only. Rows that a row points to stay longer than it does.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_ROW_H
#define STOATMQ_MGMT_SNAPSHOT_ROW_H

#include "mgmt/snapshot/fact.h"
#include "mgmt/snapshot/series.h"
#include "server/base/slice.h"

/* What the texts of a row are, by its kind. */
enum row_text {
    TEXT_NAME = 0,      /* a binding's routing key, a consumer's tag */
    TEXT_ARGUMENTS = 1, /* a valid field table; a session's client properties */

    TEXT_POLICY = 2, /* queues and exchanges: names of policies in force, and */
    TEXT_OPERATOR_POLICY = 3,
    TEXT_TYPE = 4,       /* an exchange's, and */
    TEXT_CREATOR = 5,    /* who declared it */
    TEXT_DEFINITION = 4, /* a queue's: what its policies say, a valid field table */

    TEXT_USER = 2, /* a session's */

    TEXT_DESCRIPTION = 2, /* virtual hosts */
    TEXT_TAGS = 3,        /* the octets of a field array of longstrs */
    TEXT_QUEUE_TYPE = 4,
};

#define AGE_MARKS 16

/* When positions of a queue had been given by: what is older than a mark stands before it. */
struct age_mark {
    uint64_t position, at_ms;
};

struct queue_ages {
    struct age_mark marks[AGE_MARKS]; /* in order */
    unsigned count;
};

struct row {
    struct fact_came is;
    uint32_t at; /* in its table */
    struct slice text[CAME_TEXTS];
    struct slice key;            /* of exchanges and queues: vhost, zero, name; else empty */
    struct row *vhost, *of, *to; /* by the ids in `is`; NULL: none */
    struct series *series;       /* columns by kind (series.h); NULL: it has none */
    uint64_t changed_wall_ms;    /* when its numbers changed last */
    union {
        struct fact_vhost vhost_now;
        struct fact_exchange exchange;
        struct fact_queue queue;
        struct fact_session session;
        struct fact_channel channel;
    };
    union {
        struct { /* queue */
            struct queue_ages ages;
            const struct row *exclusive_consumer; /* or NULL */
            const struct row *single_active;      /* consumer, or NULL */
            double utilisation;                   /* queue_utilisation when it changed last */
        };
        struct { /* session */
            struct fact_socket socket;
            struct tls_description *tls; /* NULL: plain, or not known yet */
        };
        struct { /* vhost */
            uint64_t closed_recv_octets, closed_send_octets;
        };
    };
};

#endif
