// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *help;
    struct options defaults;
} loads[] = {
    [LOAD_AUTO_ACK] = {"auto-ack", "1 producer, 1 consumer, no acknowledgements", {0}},
    [LOAD_MANUAL_ACK] = {"manual-ack",
                         "the same, acknowledged in runs",
                         {.prefetch = 1000, .ack_every = 100}},
    [LOAD_TOPIC] = {"topic",
                    "topic exchange, each key routed to one of many queues",
                    {.queues = 100, .connections = 10, .bindings = 10000, .keys = 1000}},
    [LOAD_FANOUT] = {"fanout",
                     "fanout exchange, a copy to each queue",
                     {.queues = 20, .connections = 20}},
    [LOAD_HASH] = {"hash",
                   "x-consistent-hash exchange, each key to one of many queues",
                   {.queues = 100, .keys = 1000}},
    [LOAD_LATENCY] = {"latency",
                      "paced, one message at a time; time from send to receipt",
                      {.size = 100, .rate = 5000, .threads = 1}},
    [LOAD_ECHO] = {"echo",
                   "the same against a bare TCP echo (started by itself)",
                   {.size = 100, .rate = 5000, .threads = 1}},
    [LOAD_IDLE] = {"idle", "memory of idle connections, one channel each", {.connections = 8000}},
    [LOAD_CONFIRM] = {"confirm",
                      "publisher confirms; time from send to confirm",
                      {.window = 1000, .prefetch = 1000, .ack_every = 100}},
    [LOAD_FILL] = {"fill",
                   "publish --messages into --queue, wait for the confirms, leave them there",
                   {.window = 5000, .no_consume = true, .persistent = true, .size = 100}},
    [LOAD_DRAIN] = {"drain",
                    "take the --messages that fill left in --queue, and delete it",
                    {.prefetch = 1000, .ack_every = 100, .persistent = true, .size = 100}},
    [LOAD_PEEK] = {"peek",
                   "wait for a broker that starts, and for the first message of --queue",
                   {.persistent = true}},
    [LOAD_DISK] = {"disk", "write and fdatasync in turn (--file), without a broker", {0}},
};
enum { LOADS = sizeof loads / sizeof loads[0] };

enum kind { TEXT, COUNT, SECONDS, SWITCH };

#define FIELD(name) offsetof(struct options, name)
static const struct flag {
    const char *name;
    enum kind kind;
    size_t at;
    uint64_t min, max;
    const char *help;
} flags[] = {
    {"--host", TEXT, FIELD(host), 0, 0, "IPv4 address or name (127.0.0.1)"},
    {"--port", COUNT, FIELD(port), 1, 65535, "(5672)"},
    {"--user", TEXT, FIELD(user), 0, 0, "(guest)"},
    {"--password", TEXT, FIELD(password), 0, 0, "(guest)"},
    {"--pid", COUNT, FIELD(pid), 1, INT32_MAX, "the broker's process, to measure it"},
    {"--messages", COUNT, FIELD(messages), 1, UINT64_MAX, "measure this many, not a time"},
    {"--seconds", SECONDS, FIELD(seconds), 0, 0, "measure this long (5)"},
    {"--warmup", SECONDS, FIELD(warmup), 0, 0, "before measuring (1)"},
    {"--timeout", SECONDS, FIELD(timeout), 0, 0, "without progress (30)"},
    {"--size", COUNT, FIELD(size), 16, 1 << 30, "bytes of a body (16)"},
    {"--queues", COUNT, FIELD(queues), 1, 4096, "one consumer each (1)"},
    {"--producers", COUNT, FIELD(producers), 1, 4096, "connections that publish (1)"},
    {"--connections", COUNT, FIELD(connections), 1, 60000, "that consume, or idle ones (1)"},
    {"--prefetch", COUNT, FIELD(prefetch), 0, 65535, "unacknowledged messages of a consumer"},
    {"--ack-every", COUNT, FIELD(ack_every), 0, 65535, "messages to one ack; 0 = auto-ack"},
    {"--bindings", COUNT, FIELD(bindings), 1, 10000000, "of the topic exchange (10000)"},
    {"--keys", COUNT, FIELD(keys), 1, 1000000, "routing keys in rotation (1000)"},
    {"--rate", COUNT, FIELD(rate), 0, 10000000, "messages a second; 0 = unpaced"},
    {"--backlog", COUNT, FIELD(backlog), 1, UINT64_MAX, "deliveries under way at most (50000)"},
    {"--window", COUNT, FIELD(window), 0, 1 << 24, "unconfirmed messages of a producer"},
    {"--threads", COUNT, FIELD(threads), 1, 2, "2: one publishes, one consumes (2)"},
    {"--queue", TEXT, FIELD(queue), 0, 0, "the queues' name up to their number (one of this run)"},
    {"--arguments", TEXT, FIELD(arguments), 0, 0, "of the queues: key=value,key=value"},
    {"--priorities", COUNT, FIELD(priorities), 1, 256, "messages have them in turn, from 0 on"},
    {"--delay", COUNT, FIELD(delay_ms), 1, UINT32_MAX,
     "milliseconds that an x-delayed-message exchange keeps messages"},
    {"--dying", TEXT, FIELD(dying), 0, 0,
     "reject or expire: messages go to other queues first, and die of that"},
    {"--own-queue", SWITCH, FIELD(own_queue), 0, 0,
     "producer p publishes to queue p % queues only"},
    {"--file", TEXT, FIELD(file), 0, 0, "for disk; removed in the end"},
    {"--disk-stat", TEXT, FIELD(disk_stat), 0, 0, "the device's stat file, to count its writes"},
    {"--persistent", SWITCH, FIELD(persistent), 0, 0, "durable queues, delivery-mode 2"},
    {"--spin", SWITCH, FIELD(spin), 0, 0, "never sleep: poll sockets and clock"},
    {"--no-consume", SWITCH, FIELD(no_consume), 0, 0, "only publish (with a window)"},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

static void print_help(void)
{
    fprintf(stderr, "loadgen LOAD [FLAG VALUE]...: puts a load on an AMQP 0-9-1 broker and prints "
                    "what it took as JSON.\nLoads:\n");
    for (unsigned i = 0; i < LOADS; i++)
        fprintf(stderr, "  %-12s  %s\n", loads[i].name, loads[i].help);
    fprintf(stderr, "Flags:\n");
    for (unsigned i = 0; i < FLAGS; i++)
        fprintf(stderr, "  %-14s%s\n", flags[i].name, flags[i].help);
}

static int set_load(struct options *o, const char *name)
{
    for (unsigned i = 0; i < LOADS; i++) {
        if (strcmp(name, loads[i].name) != 0)
            continue;
        *o = loads[i].defaults;
        o->load = (enum load)i;
        o->load_name = loads[i].name;
        o->host = "127.0.0.1";
        o->user = "guest";
        o->password = "guest";
        o->port = 5672;
        o->seconds = 5;
        o->warmup = options_exact(o) ? 0 : 1;
        o->timeout = 30;
        o->backlog = 50000;
        o->producers = 1;
        o->size = o->size ? o->size : 16;
        o->queues = o->queues ? o->queues : 1;
        o->connections = o->connections ? o->connections : 1;
        o->threads = o->threads ? o->threads : 2;
        return 0;
    }
    fprintf(stderr, "loadgen: no load is called '%s'\n", name);
    return -1;
}

static int set_flag(struct options *o, const struct flag *flag, const char *value)
{
    char *field = (char *)o + flag->at, *end = NULL;
    errno = 0;
    switch (flag->kind) {
    case TEXT:
        *(const char **)field = value;
        return 0;
    case SWITCH:
        *(bool *)field = true;
        return 0;
    case SECONDS:
        *(double *)field = strtod(value, &end);
        if (end == value || *end || !(*(double *)field >= 0) || *(double *)field > 86400)
            break;
        return 0;
    case COUNT:
        *(uint64_t *)field = strtoull(value, &end, 10);
        if (end == value || *end || errno || *value == '-' || *(uint64_t *)field < flag->min ||
            *(uint64_t *)field > flag->max)
            break;
        return 0;
    }
    fprintf(stderr, "loadgen: %s does not take '%s'\n", flag->name, value);
    return -1;
}

static const struct flag *find_flag(const char *name)
{
    for (unsigned i = 0; i < FLAGS; i++)
        if (strcmp(name, flags[i].name) == 0)
            return &flags[i];
    return NULL;
}

static int check(const struct options *o)
{
    const char *wrong = NULL;
    if (o->load == LOAD_TOPIC && (o->keys % o->queues || o->bindings % o->keys))
        wrong = "--keys must be a multiple of --queues, --bindings one of --keys";
    else if (o->no_consume && !o->window)
        wrong = "--no-consume needs a --window, or nothing bounds the queue";
    else if (options_exact(o) && (!o->queue || !o->messages || o->messages % o->producers))
        wrong = "needs --queue and --messages, a multiple of --producers";
    else if (o->load == LOAD_PEEK && !o->queue)
        wrong = "peek needs a --queue";
    else if (o->load == LOAD_DISK && !o->file)
        wrong = "disk needs a --file";
    else if (o->own_queue &&
             (o->load == LOAD_TOPIC || o->load == LOAD_FANOUT || o->load == LOAD_HASH))
        wrong = "--own-queue is for loads without an exchange";
    else if (o->priorities && (o->queues > 1 || o->load == LOAD_TOPIC || o->load == LOAD_HASH))
        wrong = "--priorities is for one queue";
    else if (o->dying && strcmp(o->dying, "reject") != 0 && strcmp(o->dying, "expire") != 0)
        wrong = "--dying takes reject or expire";
    else if (o->dying && (o->load == LOAD_TOPIC || o->load == LOAD_FANOUT || o->load == LOAD_HASH ||
                          o->no_consume))
        wrong = "--dying is for loads without an exchange, and with consumers";
    else if (o->delay_ms &&
             (o->dying || o->load == LOAD_TOPIC || o->load == LOAD_FANOUT || o->load == LOAD_HASH))
        wrong = "--delay is for loads without another exchange";
    else if (o->load == LOAD_HASH && o->connections > 1)
        wrong = "hash has one consuming connection, which sees every key's order";
    else if (o->producers * options_lanes(o) > 1 << 16)
        wrong = "too many producers with so many keys or priorities";
    else if (o->prefetch && o->ack_every > o->prefetch)
        wrong = "--ack-every beyond --prefetch would wait forever";
    if (wrong)
        fprintf(stderr, "loadgen: %s\n", wrong);
    return wrong ? -1 : 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
    int at = 1;
    if (at < argc && strcmp(argv[at], "--load") == 0)
        at++;
    if (at >= argc || strcmp(argv[at], "--help") == 0) {
        print_help();
        return -1;
    }
    if (set_load(o, argv[at++]))
        return -1;
    while (at < argc) {
        const struct flag *flag = find_flag(argv[at++]);
        if (!flag || (flag->kind != SWITCH && at >= argc)) {
            fprintf(stderr, "loadgen: '%s' is no flag, or lacks its value; see --help\n",
                    argv[at - 1]);
            return -1;
        }
        if (set_flag(o, flag, flag->kind == SWITCH ? NULL : argv[at++]))
            return -1;
    }
    if (o->load != LOAD_IDLE && o->connections > o->queues)
        o->connections = o->queues;
    return check(o);
}
