// SPDX-License-Identifier: Apache-2.0
#include "publisher.h"

#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { WRITE_SIZE = 256 * 1024 };

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p)
        abort();
    return p;
}

// Whole rounds through keys and priorities, so that message number s has key s % keys at any place.
// More than the window is never written at once.
static void write_script(struct publisher *p, const struct options *o, const struct topology *t,
                         bool raw)
{
    uint8_t *body = allocate(1, o->size);
    for (size_t i = 0; i < o->size; i++)
        body[i] = (uint8_t)(i * 7);
    size_t keys_count;
    char *const *keys = topology_keys(t, p->producer, &keys_count);
    size_t round = keys_count * (o->priorities ? o->priorities : 1);
    do {
        size_t from = p->count;
        p->count += round;
        p->ends = reallocarray(p->ends, p->count, sizeof *p->ends);
        p->bodies = reallocarray(p->bodies, p->count, sizeof *p->bodies);
        if (!p->ends || !p->bodies)
            abort();
        for (size_t k = 0; k < round; k++) {
            p->bodies[from + k] = p->script.len;
            if (raw)
                bytes_append(&p->script, body, o->size);
            else
                p->bodies[from + k] = put_publish(
                    &p->script, CHANNEL,
                    &(struct publish){.exchange = t->exchange,
                                      .key = keys[k % keys_count],
                                      .persistent = o->persistent,
                                      .priority = o->priorities ? (int)(k % o->priorities) : -1,
                                      .delay_ms = (uint32_t)o->delay_ms,
                                      .body = body,
                                      .size = o->size});
            p->ends[from + k] = p->script.len;
        }
    } while (p->script.len < WRITE_SIZE && (!p->window || p->count < p->window));
    free(body);
}

void publisher_init(struct publisher *p, struct run *run, const struct options *o,
                    const struct topology *t, uint64_t producer, bool raw)
{
    *p = (struct publisher){
        .run = run, .producer = producer, .lanes = options_lanes(o), .window = o->window};
    write_script(p, o, t, raw);
    p->unconfirmed_from = p->unconfirmed_end = 1;
    if (p->window) {
        p->ring_size = p->window;
        p->sent_ns = allocate(p->ring_size, sizeof *p->sent_ns);
        p->latency = allocate(1, sizeof *p->latency);
    }
}

void publisher_fini(struct publisher *p)
{
    bytes_free(&p->script);
    free(p->ends);
    free(p->bodies);
    free(p->sent_ns);
    free(p->latency);
}

static bool is_due(const struct publisher *p, uint64_t now)
{
    return (now - p->start_ns) / p->run->interval_ns >= p->next_number;
}

static uint64_t next_id(struct publisher *p)
{
    uint64_t number = p->next_number++;
    if (p->lanes == 1)
        return p->producer << PRODUCER_SHIFT | number;
    return (p->producer * p->lanes + number % p->lanes) << PRODUCER_SHIFT | number / p->lanes;
}

// Patches up to `limit` messages that are next in the script and makes them what is to be written.
static void prepare(struct publisher *p, uint64_t limit, uint64_t now)
{
    size_t begin = p->at ? p->ends[p->at - 1] : 0, end = begin;
    uint64_t done = 0;
    for (; done < limit && p->at < p->count && end - begin < WRITE_SIZE; done++) {
        uint8_t *body = p->script.data + p->bodies[p->at];
        put_u64_at(body, next_id(p));
        put_u64_at(body + 8, now);
        end = p->ends[p->at++];
    }
    if (p->at == p->count)
        p->at = 0;
    if (p->window)
        for (uint64_t i = 0; i < done; i++)
            p->sent_ns[p->unconfirmed_end++ % p->ring_size] = now;
    p->write_at = begin;
    p->write_end = end;
    p->run->sent += done;
}

static bool prepare_next(struct publisher *p)
{
    if (p->stopped)
        return false;
    if (p->run->phase >= PHASE_DRAIN || (p->run->limit && p->next_number == p->run->limit)) {
        p->stopped = true;
        p->run->publishing--;
        return false;
    }
    uint64_t limit = run_allowance(p->run), now = now_ns();
    if (p->run->interval_ns)
        limit = limit && is_due(p, now) ? 1 : 0;
    if (p->window) {
        uint64_t open = p->window - (p->unconfirmed_end - p->unconfirmed_from);
        limit = limit < open ? limit : open;
    }
    if (p->run->limit && limit > p->run->limit - p->next_number)
        limit = p->run->limit - p->next_number;
    if (limit)
        prepare(p, limit, now);
    return limit > 0;
}

enum turn publisher_turn(struct publisher *p, int fd)
{
    if (p->write_at == p->write_end && !prepare_next(p))
        return TURN_IDLE;
    ssize_t n = send(fd, p->script.data + p->write_at, p->write_end - p->write_at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        run_fail(p->run, "producer %lu: send: %s", (unsigned long)p->producer, strerror(errno));
        return TURN_IDLE;
    }
    if (n > 0)
        p->write_at += (size_t)n;
    return p->write_at < p->write_end ? TURN_SOCKET_FULL : TURN_BUSY;
}

int publisher_on_confirm(struct publisher *p, uint64_t tag, bool multiple, bool positive)
{
    uint64_t from = multiple ? p->unconfirmed_from : tag;
    if (multiple && tag == 0)
        tag = p->unconfirmed_end - 1;
    if (!positive || tag >= p->unconfirmed_end || tag < p->unconfirmed_from) {
        run_fail(p->run, "producer %lu: %s for %lu, unconfirmed are %lu to %lu",
                 (unsigned long)p->producer, positive ? "ack" : "nack", (unsigned long)tag,
                 (unsigned long)p->unconfirmed_from, (unsigned long)p->unconfirmed_end - 1);
        return -1;
    }
    bool record = p->run->phase == PHASE_MEASURE;
    uint64_t now = now_ns(), done = 0;
    for (; from <= tag; from++) {
        uint64_t *sent = &p->sent_ns[from % p->ring_size];
        if (*sent && record)
            histogram_add(p->latency, now - *sent);
        if (*sent)
            done++;
        else if (!multiple)
            run_fail(p->run, "producer %lu: %lu is confirmed twice", (unsigned long)p->producer,
                     (unsigned long)tag);
        *sent = 0;
    }
    while (p->unconfirmed_from < p->unconfirmed_end &&
           !p->sent_ns[p->unconfirmed_from % p->ring_size])
        p->unconfirmed_from++;
    p->run->confirmed += done;
    return 0;
}

bool publisher_all_confirmed(const struct publisher *p)
{
    return !p->window || p->unconfirmed_from == p->unconfirmed_end;
}
