// SPDX-License-Identifier: Apache-2.0
#include "idle.h"

#include "client.h"
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_one(const struct options *o, struct client *c)
{
    int result = client_open(c, o->host, (uint16_t)o->port, o->user, o->password, o->timeout);
    // What an idle connection needs no more is not to be counted as the generator's own memory.
    bytes_free(&c->in);
    bytes_free(&c->out);
    c->in_at = 0;
    return result;
}

// A runtime with a garbage collector gives memory back some time after the work: the least of
// several readings counts.
static int settled(const struct options *o, struct usage *least)
{
    if (usage_of((pid_t)o->pid, least))
        return -1;
    uint64_t end = now_ns() + (uint64_t)(o->warmup * 1e9);
    while (now_ns() < end) {
        struct usage u;
        usleep(50000); // no-sleep-ok: an interval between readings
        if (usage_of((pid_t)o->pid, &u))
            return -1;
        if (u.rss_kib < least->rss_kib)
            *least = u;
    }
    return 0;
}

int idle_run(const struct options *o)
{
    struct client first = {.fd = -1}, *clients = calloc(o->connections, sizeof *clients);
    struct usage before, after;
    uint64_t opened = 0, refused = 0;
    int result = 1;
    if (!clients)
        abort();
    // The first connection makes the broker set up what all of them share.
    if (open_one(o, &first) || settled(o, &before)) {
        fprintf(stderr, "loadgen: %s\n", first.error[0] ? first.error : "no such --pid");
        goto out;
    }
    uint64_t start = now_ns();
    int failed = 0;
    while (opened < o->connections && !failed)
        failed = open_one(o, &clients[opened++]);
    double seconds = (double)(now_ns() - start) / 1e9;
    if (failed || settled(o, &after)) {
        fprintf(stderr, "loadgen: connection %lu: %s\n", (unsigned long)opened,
                failed ? clients[opened - 1].error : "the broker has ended");
        goto out;
    }
    // One more round trip on each: all were alive while the memory was read.
    for (uint64_t i = 0; i < opened; i++)
        refused += client_qos(&clients[i], 1) != 0;
    double growth = (double)after.rss_kib - (double)before.rss_kib;
    printf("{\"load\": \"idle\", \"connections\": %lu, \"refused\": %lu, \"open_seconds\": %.3f, "
           "\"open_broker_cpu_us\": %.2f, \"rss_before_kib\": %lu, \"rss_kib\": %lu, "
           "\"rss_peak_kib\": %lu, \"kib_per_connection\": %.3f}\n",
           (unsigned long)opened, (unsigned long)refused, seconds,
           (after.user_s + after.system_s - before.user_s - before.system_s) * 1e6 / (double)opened,
           (unsigned long)before.rss_kib, (unsigned long)after.rss_kib,
           (unsigned long)after.peak_kib, growth / (double)opened);
    result = refused ? 1 : 0;
out:
    client_close(&first);
    for (uint64_t i = 0; i < opened; i++)
        client_close(&clients[i]);
    free(clients);
    return result;
}
