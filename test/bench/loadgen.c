// SPDX-License-Identifier: Apache-2.0
// loadgen: puts one load on an AMQP 0-9-1 broker, measures the broker's process, and prints a line
// of JSON. It fails (exit code 1) when a message was lost, came twice, changed or out of order.
//
// The life of a run: session_open -> warm-up -> measured part between two snapshots of all counters
// -> publishers stop, what is under way arrives -> verdict.
#include "disk.h"
#include "idle.h"
#include "options.h"
#include "peek.h"
#include "session.h"
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

struct snapshot {
    uint64_t at_ns, sent, delivered, confirmed;
    double own_cpu_s;
    struct usage broker;
    struct disk_usage disk;
};

static void take_snapshot(struct session *s, struct snapshot *shot)
{
    if (usage_of((pid_t)s->options->pid, &shot->broker))
        run_fail(&s->run, "process %lu cannot be read", (unsigned long)s->options->pid);
    if (usage_of_disk(s->options->disk_stat, &shot->disk))
        run_fail(&s->run, "%s cannot be read", s->options->disk_stat);
    shot->own_cpu_s = usage_own_cpu_s();
    shot->sent = s->run.sent;
    shot->delivered = s->run.delivered;
    shot->confirmed = s->run.confirmed;
    shot->at_ns = now_ns();
}

static uint64_t progress(const struct session *s)
{
    return s->run.consuming ? s->run.delivered : s->run.confirmed;
}

// Waits until `end_ns` (0: no end by time), until progress is `count` (0: no end by count), or,
// in the drain, until all has arrived. Progress must not pause for longer than --timeout.
static void wait_until(struct session *s, uint64_t end_ns, uint64_t count)
{
    uint64_t last = progress(s), changed_ns = now_ns();
    for (;;) {
        uint64_t now = now_ns(), at = progress(s);
        if (s->run.failed || (end_ns && now >= end_ns) || (count && at >= count) ||
            (s->run.phase == PHASE_DRAIN && session_is_complete(s)))
            return;
        if (at != last) {
            last = at;
            changed_ns = now;
        } else if ((double)(now - changed_ns) > s->options->timeout * 1e9) {
            run_fail(&s->run, "no progress for %.0f s: sent %lu, delivered %lu, confirmed %lu",
                     s->options->timeout, (unsigned long)s->run.sent,
                     (unsigned long)s->run.delivered, (unsigned long)s->run.confirmed);
            return;
        }
        // no-sleep-ok: the counters are read now and then, to cost nothing
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static void run_load(struct session *s, struct snapshot *before, struct snapshot *after)
{
    const struct options *o = s->options;
    session_start(s);
    wait_until(s, now_ns() + (uint64_t)(o->warmup * 1e9), 0);
    s->run.phase = PHASE_MEASURE;
    take_snapshot(s, before);
    if (options_exact(o))
        wait_until(s, 0, o->messages);
    else if (o->messages)
        wait_until(s, 0, progress(s) + o->messages * (s->run.consuming ? s->run.copies : 1));
    else
        wait_until(s, before->at_ns + (uint64_t)(o->seconds * 1e9), 0);
    take_snapshot(s, after);
    s->run.phase = PHASE_DRAIN;
    run_wake(&s->run);
    wait_until(s, 0, 0);
    session_stop(s);
}

static double per(double value, uint64_t count)
{
    return count ? value / (double)count : 0;
}

static void print_result(const struct session *s, const struct snapshot *a,
                         const struct snapshot *b, const struct verdict *v,
                         const struct histogram *h)
{
    const struct options *o = s->options;
    double seconds = (double)(b->at_ns - a->at_ns) / 1e9;
    uint64_t in = b->sent - a->sent, out = b->delivered - a->delivered;
    uint64_t confirmed = b->confirmed - a->confirmed, counted = s->run.consuming ? out : confirmed;
    double user = b->broker.user_s - a->broker.user_s;
    double system = b->broker.system_s - a->broker.system_s;
    printf("{\"load\": \"%s\", \"size\": %lu, \"messages_in\": %lu, \"messages_out\": %lu, "
           "\"confirmed\": %lu, \"seconds\": %.3f, \"rate\": %.1f, ",
           o->load_name, (unsigned long)o->size, (unsigned long)in, (unsigned long)out,
           (unsigned long)confirmed, seconds, (double)counted / seconds);
    if (o->pid)
        printf("\"broker_cpu_us\": %.4f, \"broker_user_us\": %.4f, \"broker_system_us\": %.4f, "
               "\"broker_busy\": %.3f, \"rss_before_kib\": %lu, \"rss_kib\": %lu, "
               "\"rss_peak_kib\": %lu, ",
               per((user + system) * 1e6, counted), per(user * 1e6, counted),
               per(system * 1e6, counted), (user + system) / seconds,
               (unsigned long)a->broker.rss_kib, (unsigned long)b->broker.rss_kib,
               (unsigned long)b->broker.peak_kib);
    if (o->disk_stat)
        printf("\"disk_bytes\": %lu, \"disk_writes\": %lu, \"disk_flushes\": %lu, ",
               (unsigned long)(b->disk.bytes - a->disk.bytes),
               (unsigned long)(b->disk.writes - a->disk.writes),
               (unsigned long)(b->disk.flushes - a->disk.flushes));
    printf("\"loadgen_cpu_us\": %.4f, \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, "
           "\"p999\": %.1f, \"max\": %.1f, \"count\": %lu}, ",
           per((b->own_cpu_s - a->own_cpu_s) * 1e6, counted),
           (double)histogram_percentile(h, 0.5) / 1e3, (double)histogram_percentile(h, 0.99) / 1e3,
           (double)histogram_percentile(h, 0.999) / 1e3, (double)h->max / 1e3,
           (unsigned long)h->count);
    printf("\"lost\": %lu, \"duplicated\": %lu, \"misordered\": %lu}\n", (unsigned long)v->lost,
           (unsigned long)v->duplicated, (unsigned long)v->misordered);
}

static int run_session(const struct options *o)
{
    static struct session s; // its atomics are not to be copied
    static struct histogram latency;
    struct snapshot before = {0}, after = {0};
    struct verdict verdict = {0};
    bool ran = session_open(&s, o) == 0;
    if (ran) {
        run_load(&s, &before, &after);
        session_latency(&s, &latency);
        if (s.run.consuming)
            verdict = session_verdict(&s);
    }
    long late = session_close(&s);
    if (late > 0)
        verdict.duplicated += (uint64_t)late;
    if (ran)
        print_result(&s, &before, &after, &verdict, &latency);
    if (s.run.failed)
        fprintf(stderr, "loadgen: %s\n", s.run.error);
    bool clean = !verdict.lost && !verdict.duplicated && !verdict.misordered;
    return ran && !s.run.failed && clean ? 0 : 1;
}

static void allow_many_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct options options;
    if (options_parse(&options, argc, argv))
        return 2;
    allow_many_sockets();
    if (options.load == LOAD_IDLE)
        return idle_run(&options);
    if (options.load == LOAD_PEEK)
        return peek_run(&options);
    return options.load == LOAD_DISK ? disk_run(&options) : run_session(&options);
}
