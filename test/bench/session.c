// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include "echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

static void init_run(struct session *s)
{
    const struct options *o = s->options;
    s->run.copies = s->topology.copies;
    s->run.backlog = o->backlog;
    s->run.consuming = !o->no_consume;
    s->run.record_all = o->rate > 0;
    s->run.limit = o->load == LOAD_FILL ? o->messages / o->producers : 0;
    s->run.interval_ns = o->rate ? o->producers * 1000000000u / o->rate : 0;
    s->run.spin = o->spin;
    s->run.workers = (unsigned)o->threads;
    s->run.publishing = (unsigned)s->publishers_count;
    for (unsigned i = 0; i < s->run.workers; i++)
        s->run.wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int fail(struct session *s, const struct client *c)
{
    run_fail(&s->run, "%s", c->error);
    return -1;
}

static int open_client(struct session *s, struct client *c)
{
    const struct options *o = s->options;
    return client_open(c, o->host, (uint16_t)o->port, o->user, o->password, o->timeout) ? fail(s, c)
                                                                                        : 0;
}

// What consumer `k` of a connection must see, which has queue `q`.
static void init_checker(struct session *s, struct receiver *r, size_t k, size_t q)
{
    const struct options *o = s->options;
    struct checker *checker = &r->consumers[k];
    if (r->together && k > 0)
        return; // the first one sees it all
    checker_init(checker, o->producers * options_lanes(o), topology_first(&s->topology, q),
                 s->topology.stride);
    for (size_t p = 0; p < o->producers; p++)
        if (!topology_joins(&s->topology, p, q))
            checker_exclude(checker, p);
}

// Connection `i` of `step` consumes queue i as its consumer 0, then i + step, and so on.
static int open_consumer(struct session *s, struct link *l, size_t i, size_t step,
                         char *const *queues)
{
    const struct options *o = s->options;
    struct receiver *r = l->receiver;
    if (open_client(s, &l->client))
        return -1;
    if (o->prefetch && client_qos(&l->client, (uint16_t)o->prefetch))
        return fail(s, &l->client);
    for (size_t k = 0; k < r->consumers_count; k++) {
        char tag[TAG_SIZE];
        size_t q = k * step + i;
        init_checker(s, r, k, q);
        receiver_tag(k, tag);
        if (client_consume(&l->client, queues[q], tag, o->ack_every == 0 && !r->rejects))
            return fail(s, &l->client);
    }
    return 0;
}

// Queue q belongs to consumer connection q % connections; one more rejects, if that is the load.
static int open_consumers(struct session *s)
{
    const struct options *o = s->options;
    for (size_t i = 0; i < s->receivers_count; i++) {
        bool rejects = i == o->connections;
        size_t step = rejects ? 1 : o->connections, first = rejects ? 0 : i;
        receiver_init(&s->receivers[i], &s->run, (o->queues - first + step - 1) / step, o->size,
                      o->ack_every);
        s->receivers[i].rejects = rejects;
        s->receivers[i].together = o->load == LOAD_HASH;
        s->links[i].receiver = &s->receivers[i];
        if (open_consumer(s, &s->links[i], first, step,
                          rejects ? s->topology.dying : s->topology.queues))
            return -1;
    }
    return 0;
}

static int open_producers(struct session *s)
{
    const struct options *o = s->options;
    for (size_t i = 0; i < s->publishers_count; i++) {
        struct link *l = &s->links[s->receivers_count + i];
        publisher_init(&s->publishers[i], &s->run, o, &s->topology, i, false);
        l->publisher = &s->publishers[i];
        if (open_client(s, &l->client))
            return -1;
        if (o->window && client_confirm_select(&l->client))
            return fail(s, &l->client);
    }
    return 0;
}

static int open_echo(struct session *s)
{
    struct link *l = &s->links[0];
    publisher_init(&s->publishers[0], &s->run, s->options, &s->topology, 0, true);
    receiver_init(&s->receivers[0], &s->run, 1, s->options->size, 0);
    checker_init(&s->receivers[0].consumers[0], 1, 0, 1);
    l->publisher = &s->publishers[0];
    l->receiver = &s->receivers[0];
    l->raw = true;
    l->client.fd = echo_start(&s->echo_pid);
    if (l->client.fd < 0)
        run_fail(&s->run, "the echo server did not start");
    return l->client.fd < 0 ? -1 : 0;
}

int session_open(struct session *s, const struct options *o)
{
    bool echo = o->load == LOAD_ECHO;
    *s = (struct session){.options = o, .control.fd = -1};
    bool rejects = o->dying && strcmp(o->dying, "reject") == 0;
    s->receivers_count = echo ? 1 : (o->no_consume ? 0 : o->connections) + rejects;
    s->publishers_count = o->load == LOAD_DRAIN ? 0 : o->producers;
    s->links_count = echo ? 1 : s->receivers_count + s->publishers_count;
    s->links = allocate(s->links_count, sizeof *s->links);
    s->publishers = allocate(s->publishers_count, sizeof *s->publishers);
    s->receivers = allocate(s->receivers_count, sizeof *s->receivers);
    for (size_t i = 0; i < s->links_count; i++)
        s->links[i].client.fd = -1;
    topology_init(&s->topology, o);
    init_run(s);
    if (echo)
        return open_echo(s);
    if (open_client(s, &s->control))
        return -1;
    if (o->load == LOAD_DRAIN)
        s->run.sent = o->messages; // by an earlier run
    if (topology_declare(&s->topology, o, &s->control))
        return fail(s, &s->control);
    return open_consumers(s) || open_producers(s) ? -1 : 0;
}

// With two threads the first has the consumers.
void session_start(struct session *s)
{
    struct link **all = allocate(s->links_count, sizeof *all);
    for (size_t i = 0; i < s->links_count; i++)
        all[i] = &s->links[i];
    size_t split = s->run.workers == 2 ? s->receivers_count : s->links_count;
    worker_start(&s->workers[0], &s->run, all, split, s->run.wake_fds[0]);
    if (s->run.workers == 2)
        worker_start(&s->workers[1], &s->run, all + split, s->links_count - split,
                     s->run.wake_fds[1]);
}

void session_stop(struct session *s)
{
    s->run.phase = PHASE_QUIT;
    run_wake(&s->run);
    for (unsigned i = 0; i < s->run.workers; i++)
        worker_join(&s->workers[i]);
    free(s->workers[0].links);
}

bool session_is_complete(const struct session *s)
{
    const struct run *run = &s->run;
    return run->publishing == 0 && (!run->consuming || run->delivered >= run->sent * run->copies) &&
           (!s->options->window || run->confirmed == run->sent);
}

struct verdict session_verdict(const struct session *s)
{
    struct verdict v = {0};
    uint64_t lanes = options_lanes(s->options);
    uint64_t *sent = allocate(s->options->producers * lanes, sizeof *sent);
    for (size_t p = 0; p < s->options->producers; p++) {
        uint64_t count = p < s->publishers_count ? s->publishers[p].next_number
                                                 : s->options->messages / s->options->producers;
        for (uint64_t lane = 0; lane < lanes; lane++)
            sent[p * lanes + lane] = (count + lanes - 1 - lane) / lanes;
    }
    for (size_t i = 0; i < s->receivers_count; i++) {
        const struct receiver *r = &s->receivers[i];
        for (size_t k = 0; k < r->consumers_count; k++) {
            v.lost += checker_lost(&r->consumers[k], sent);
            v.duplicated += r->consumers[k].duplicated;
            v.misordered += r->consumers[k].misordered;
        }
    }
    free(sent);
    return v;
}

void session_latency(const struct session *s, struct histogram *into)
{
    for (size_t i = 0; i < s->receivers_count && !s->options->window; i++)
        histogram_merge(into, s->receivers[i].latency);
    for (size_t p = 0; p < s->publishers_count && s->options->window; p++)
        histogram_merge(into, s->publishers[p].latency);
}

static long close_link(struct session *s, struct link *l)
{
    long late = 0;
    if (l->raw) {
        close(l->client.fd);
        bytes_free(&l->client.in);
    } else {
        // After a failure the protocol's state is unknown, and waiting for it would tell nothing.
        if (s->run.failed)
            snprintf(l->client.error, sizeof l->client.error, "not closed in order");
        late = client_close(&l->client);
        if (late < 0)
            fail(s, &l->client);
    }
    return late;
}

long session_close(struct session *s)
{
    long late = 0;
    for (size_t i = 0; i < s->links_count; i++) {
        long more = close_link(s, &s->links[i]);
        late = more < 0 || late < 0 ? -1 : late + more;
    }
    bool deletes = s->options->load != LOAD_FILL;
    if (s->control.fd >= 0 && !s->control.error[0] && deletes &&
        topology_delete(&s->topology, &s->control))
        late = fail(s, &s->control);
    client_close(&s->control);
    if (s->echo_pid > 0)
        echo_wait(s->echo_pid);
    for (size_t p = 0; p < s->publishers_count; p++)
        publisher_fini(&s->publishers[p]);
    for (size_t i = 0; i < s->receivers_count; i++)
        receiver_fini(&s->receivers[i]);
    for (unsigned i = 0; i < s->run.workers; i++)
        close(s->run.wake_fds[i]);
    topology_fini(&s->topology);
    free(s->links);
    free(s->publishers);
    free(s->receivers);
    return late;
}
