/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: a loop with its connections, and the way to the engine. One thread's, but for
 * worker_adopt.
 */
#ifndef STOATMQ_SERVER_WORKER_H
#define STOATMQ_SERVER_WORKER_H

#include "server/base/buf.h"
#include "server/base/list.h"
#include "server/net/transport.h"
#include "server/port.h"
#include "server/settings.h"

/* What a loop counts; they only grow. */
struct worker_counters {
    uint64_t connections_accepted, connections_closed;
    uint64_t reads, writes, bytes_in, bytes_out;
    uint64_t frames_in;
    uint64_t ticks;
};

struct worker {
    struct loop loop;
    struct port *port;
    const struct settings *settings; /* the caller's, or fresh_settings */
    struct settings fresh_settings;
    struct list connections; /* struct connection.by_worker */
    struct list
        touched;      /* struct connection.touched: with output to be written when the tick ends */
    struct list held; /* struct connection.held: not read while the port is full */
    /* connection.start, the same for all but for those who may log in by certificate. */
    struct buf start_frame, start_frame_external;
    struct buf scratch; /* a frame under construction */
    uint32_t connection_count;
    uint32_t blocked_count; /* of those, connections that are not read because of an alarm */
    unsigned alarms;        /* enum alarm: what is on, as far as this worker has heard */
    uint64_t stop_by_ms;    /* 0, or when connections that are left are dropped */
    bool stopped;
    void (*on_stopped)(
        struct worker *worker); /* the last connection went, after worker_shut_down */
    struct worker_counters counters;
};

/* Prepares the fields but `loop` (loop_init) and `port`. SETTINGS stay borrowed. */
void worker_init(struct worker *worker, const struct settings *settings);

/* Frees a worker without connections. */
void worker_fini(struct worker *worker);

/* Makes FD, a new connection of OPTIONS' listener, this worker's. Its own thread. */
void worker_adopt(struct worker *worker, int fd, const struct transport_options *options);

/* Loop hooks. */
void worker_end_tick(struct worker *worker);
void worker_on_timer(struct worker *worker);

/* Asks all clients to close, with 320 CONNECTION_FORCED, and drops those who have not within a few
 * seconds. */
void worker_shut_down(struct worker *worker);

/* ALARMS, bits of enum alarm, are on from now on: connections that publish are blocked; with none,
 * those that are blocked go on. */
void worker_set_alarms(struct worker *worker, unsigned alarms);

/* Goes on with SETTINGS, which are copied; connections that there are keep what they agreed on. */
void worker_take_settings(struct worker *worker, const struct settings *settings);

/* Writes the counters to the log. */
void worker_describe(const struct worker *worker);

#endif
