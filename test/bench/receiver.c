// SPDX-License-Identifier: Apache-2.0
#include "receiver.h"

#include "client.h"
#include "publisher.h"
#include "usage.h"

#include <stdlib.h>

void receiver_init(struct receiver *r, struct run *run, size_t consumers, uint64_t body_size,
                   uint64_t ack_every)
{
    *r = (struct receiver){
        .run = run, .consumers_count = consumers, .body_size = body_size, .ack_every = ack_every};
    r->consumers = calloc(consumers, sizeof *r->consumers);
    r->latency = calloc(1, sizeof *r->latency);
    if (!r->consumers || !r->latency)
        abort();
}

void receiver_fini(struct receiver *r)
{
    for (size_t i = 0; i < r->consumers_count; i++)
        checker_fini(&r->consumers[i]);
    free(r->consumers);
    free(r->latency);
    bytes_free(&r->acks);
}

void receiver_tag(size_t consumer, char tag[TAG_SIZE])
{
    tag[0] = (char)('0' + consumer / 64);
    tag[1] = (char)('0' + consumer % 64);
    tag[2] = '\0';
}

static struct checker *find_consumer(const struct receiver *r, const uint8_t *tag)
{
    if (tag[0] != TAG_SIZE - 1 || tag[1] < '0' || tag[2] < '0')
        return NULL;
    size_t i = (size_t)(tag[1] - '0') * 64 + (size_t)(tag[2] - '0');
    return i < r->consumers_count ? &r->consumers[r->together ? 0 : i] : NULL;
}

void receiver_batch_begin(struct receiver *r)
{
    r->read_ns = now_ns();
    r->recording = r->run->phase == PHASE_MEASURE;
    r->batch_count = 0;
}

int receiver_on_deliver(struct receiver *r, const struct frame *f)
{
    const uint8_t *tag = f->payload + 4, *end = f->payload + f->size;
    const uint8_t *at = shortstr_end(tag, end);
    // Then delivery tag, redelivered, exchange, routing key.
    if (r->current || !at || end - at < 9 || shortstr_end(shortstr_end(at + 9, end), end) != end ||
        !(r->current = find_consumer(r, tag))) {
        run_fail(r->run, "a basic.deliver is malformed, misplaced or for an unknown consumer tag");
        return -1;
    }
    r->delivery_tag = get_u64(at);
    r->header_seen = false;
    return 0;
}

int receiver_on_header(struct receiver *r, const struct frame *f)
{
    if (!r->current || r->header_seen || f->size < 14 || get_u16(f->payload) != CLASS_BASIC ||
        get_u64(f->payload + 4) != r->body_size) {
        run_fail(r->run, "a content header is malformed, misplaced or tells another body size");
        return -1;
    }
    r->header_seen = true;
    r->body_left = r->body_size;
    return 0;
}

static int take_message(struct receiver *r, struct checker *consumer, const uint8_t *body)
{
    uint64_t id = get_u64(body), mask = ((uint64_t)1 << PRODUCER_SHIFT) - 1;
    if (checker_see(consumer, id >> PRODUCER_SHIFT, id & mask)) {
        run_fail(r->run, "a body names producer %lu, which is none of ours",
                 (unsigned long)(id >> PRODUCER_SHIFT));
        return -1;
    }
    r->batch_sent_ns = get_u64(body + 8);
    r->batch_count++;
    if (r->run->record_all && r->recording && !r->rejects)
        histogram_add(r->latency, r->read_ns - r->batch_sent_ns);
    return 0;
}

int receiver_on_body(struct receiver *r, const struct frame *f)
{
    if (!r->current || !r->header_seen || f->size > r->body_left || f->size == 0 ||
        (r->body_left == r->body_size && f->size < BODY_MIN)) {
        run_fail(r->run, "a content body is misplaced, too long or too short");
        return -1;
    }
    if (r->body_left == r->body_size && take_message(r, r->current, f->payload))
        return -1;
    r->body_left -= f->size;
    if (r->body_left)
        return 0;
    if (r->body_size > BODY_MIN && f->payload[f->size - 1] != (uint8_t)((r->body_size - 1) * 7)) {
        run_fail(r->run, "a body came back changed");
        return -1;
    }
    r->current = NULL;
    if (r->rejects) {
        r->unacked = 1;
    } else if (r->ack_every && ++r->unacked == r->ack_every) {
        put_ack(&r->acks, CHANNEL, r->delivery_tag, r->ack_every > 1);
        r->unacked = 0;
    }
    return 0;
}

long receiver_on_raw(struct receiver *r, const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (; len - at >= r->body_size; at += r->body_size)
        if (take_message(r, &r->consumers[0], data + at))
            return -1;
    return (long)at;
}

void receiver_batch_end(struct receiver *r)
{
    if (r->rejects && r->unacked) {
        put_reject(&r->acks, CHANNEL, r->delivery_tag - (r->current != NULL)); // it is not whole
        r->unacked = 0;
    }
    if (!r->batch_count || r->rejects)
        return;
    if (!r->run->record_all && r->recording)
        histogram_add(r->latency, r->read_ns - r->batch_sent_ns);
    r->run->delivered += r->batch_count;
    run_on_delivered(r->run);
}
