// SPDX-License-Identifier: Apache-2.0
// receiver: the consuming side of one connection: parses deliveries where they were read, checks
// them, takes their latency, and makes the acks. Used by one worker.
#pragma once

#include "checker.h"
#include "frames.h"
#include "histogram.h"
#include "run.h"

enum { TAG_SIZE = 3, RECEIVER_CONSUMERS_MAX = 4096 };

struct receiver {
    struct run *run;
    struct checker *consumers; // by the number in their tag
    size_t consumers_count;
    uint64_t body_size, ack_every; // ack_every 0: auto-ack
    bool rejects;                  // what it gets, which is not counted as delivered
    bool together;                 // one checker for all consumers, which see parts of each lane

    struct checker *current; // whose delivery is being received; NULL between messages
    uint64_t delivery_tag, body_left;
    bool header_seen;
    uint64_t unacked;
    struct bytes acks; // to be sent

    uint64_t batch_count, batch_sent_ns; // deliveries of this read; when the last one was sent
    uint64_t read_ns;                    // when this read returned
    bool recording;
    struct histogram *latency;
};

void receiver_init(struct receiver *r, struct run *run, size_t consumers, uint64_t body_size,
                   uint64_t ack_every);
void receiver_fini(struct receiver *r);

// The consumer tag of consumer number `consumer` of this connection.
void receiver_tag(size_t consumer, char tag[TAG_SIZE]);

// A batch is what one read brought. Within it, the frames go in; -1 after run_fail.
void receiver_batch_begin(struct receiver *r);
int receiver_on_deliver(struct receiver *r, const struct frame *f);
int receiver_on_header(struct receiver *r, const struct frame *f);
int receiver_on_body(struct receiver *r, const struct frame *f);
void receiver_batch_end(struct receiver *r);

// For echoed bytes: takes whole bodies from `data`, returns how many bytes that was, or -1.
long receiver_on_raw(struct receiver *r, const uint8_t *data, size_t len);
