// SPDX-License-Identifier: Apache-2.0
// publisher: one producer. Its script is a run of pre-encoded publishes, as many as fill a large
// write; a turn patches number and time into the bodies of the next part of it and writes that.
// Used by one worker; does not own the socket.
#pragma once

#include "frames.h"
#include "histogram.h"
#include "options.h"
#include "run.h"
#include "topology.h"

// A body starts with (producer * lanes + lane) << 48 | number within the lane (see options_lanes),
// then the send time in ns, both big endian.
enum { BODY_MIN = 16, PRODUCER_SHIFT = 48 };

struct publisher {
    struct run *run;
    uint64_t producer, lanes, next_number;

    struct bytes script;
    size_t *ends, *bodies; // of each message in the script
    size_t count, at;      // messages in the script; the next one
    size_t write_at, write_end;
    uint64_t start_ns; // when pacing begins; set by the worker
    bool stopped;

    uint64_t window;                            // 0 = no confirms
    uint64_t unconfirmed_from, unconfirmed_end; // delivery tags: what is between may be unconfirmed
    uint64_t *sent_ns;                          // by tag % ring_size; 0 = confirmed
    uint64_t ring_size;
    struct histogram *latency; // of confirms
};

// `raw`: the script holds bodies alone, for a server that echoes bytes.
void publisher_init(struct publisher *p, struct run *run, const struct options *o,
                    const struct topology *t, uint64_t producer, bool raw);
void publisher_fini(struct publisher *p);

enum turn { TURN_IDLE, TURN_BUSY, TURN_SOCKET_FULL };

// Writes one batch at most to `fd`. Busy: may do more at once. Idle: waits for time, room in the
// backlog or window, or has stopped.
enum turn publisher_turn(struct publisher *p, int fd);

// basic.ack and basic.nack from the broker. Returns -1 after run_fail.
int publisher_on_confirm(struct publisher *p, uint64_t tag, bool multiple, bool positive);

bool publisher_all_confirmed(const struct publisher *p);
