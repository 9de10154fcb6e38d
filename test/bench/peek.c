// SPDX-License-Identifier: Apache-2.0
#include "peek.h"

#include "client.h"
#include "usage.h"

#include <stdio.h>
#include <unistd.h>

enum { RETRY_US = 1000 };

// A broker that does not listen yet, or does not let anybody in yet, is tried again.
static int open_when_up(const struct options *o, struct client *c)
{
    uint64_t end = now_ns() + (uint64_t)(o->timeout * 1e9);
    while (client_open(c, o->host, (uint16_t)o->port, o->user, o->password, o->timeout)) {
        if (now_ns() >= end)
            return -1;
        client_close(c);
        usleep(RETRY_US); // no-sleep-ok: polls the port, bounded
    }
    return 0;
}

static int wait_for_message(const struct options *o, struct client *c)
{
    char queue[256];
    snprintf(queue, sizeof queue, "%s.0", o->queue);
    return client_qos(c, 1) || client_consume(c, queue, "peek", false)
               ? -1
               : client_wait_for_delivery(c);
}

int peek_run(const struct options *o)
{
    struct client c = {.fd = -1};
    struct usage broker = {0};
    uint64_t opened = 0, delivered = 0;
    int result = open_when_up(o, &c);
    opened = now_ns();
    if (result == 0)
        result = wait_for_message(o, &c);
    delivered = now_ns();
    if (result)
        fprintf(stderr, "loadgen: %s\n", c.error);
    else if (usage_of((pid_t)o->pid, &broker))
        fprintf(stderr, "loadgen: no such --pid\n");
    else
        printf("{\"load\": \"peek\", \"opened_at_ns\": %lu, \"delivered_at_ns\": %lu, "
               "\"broker_cpu_s\": %.2f, \"rss_kib\": %lu, \"rss_peak_kib\": %lu}\n",
               (unsigned long)opened, (unsigned long)delivered, broker.user_s + broker.system_s,
               (unsigned long)broker.rss_kib, (unsigned long)broker.peak_kib);
    return client_close(&c) < 0 || result ? 1 : 0;
}
