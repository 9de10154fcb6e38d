/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sim_model [--seed N] [--steps N] [--seconds N] [--watermark BYTES] [--canary NAME]
 * [--trace]: random operations on the engine and on a model of it. Without a seed, one of the
 * clock; it is printed. With a canary one of the two does otherwise than it should; the checks must
 * notice, and the exit status is 1.
 */
#include "test/sim/model_parts.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/base/mem.h"

struct options {
    uint64_t seed, steps, watermark;
    double seconds;
    enum canary canary;
    bool trace;
};

const char *const model_canaries[CANARIES] = {
    [CANARY_STORE] = "store",
    [CANARY_TTL] = "ttl",
    [CANARY_EXPIRATION] = "expiration",
    [CANARY_EXPIRES] = "expires",
    [CANARY_PRIORITY] = "priority",
    [CANARY_LENGTH] = "length",
    [CANARY_BYTES] = "bytes",
    [CANARY_OVERFLOW] = "overflow",
    [CANARY_DELIVERIES] = "deliveries",
    [CANARY_DLX] = "dlx",
    [CANARY_DLK] = "dlk",
    [CANARY_DEATH_COUNT] = "death_count",
    [CANARY_DEATH_ORDER] = "death_order",
    [CANARY_CYCLE] = "cycle",
    [CANARY_SINGLE_ACTIVE] = "single_active",
    [CANARY_DELAY] = "delay",
    [CANARY_DELAY_ROUTE] = "delay_route",
    [CANARY_POLICY] = "policy",
    [CANARY_OPERATORS] = "operators",
};

static void note(struct model *model, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void note(struct model *model, const char *format, va_list arguments)
{
    char *line = model->notes[model->note_count++ % NOTES];
    int size = snprintf(line, NOTE_BYTES, "%" PRIu64, model->step);
    (void)vsnprintf(line + size, NOTE_BYTES - (size_t)size, format, arguments);
    if (model->traces)
        printf("%s\n", line);
}

void model_note(struct model *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(model, format, arguments);
    va_end(arguments);
}

void model_complain(const struct model *model, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    for (uint64_t i = model->note_count < NOTES ? 0 : model->note_count - NOTES;
         i < model->note_count && !model->traces; i++)
        fprintf(stderr, "%s\n", model->notes[i % NOTES]);
    fprintf(stderr, "step %" PRIu64 ", %s: ", model->step, model->operation);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(1);
}

/* The store of the canary: it says what is not so. */
static uint64_t lie(struct store *store, bool at_leisure)
{
    (void)at_leisure;
    return ((struct harness_store *)store)->last_lsn;
}

static void start(struct model *model, const struct options *options)
{
    memset(model, 0, sizeof *model); /* it is large */
    model->random = options->seed;
    model->canary = options->canary;
    model->traces = options->trace;
    model->following = model->leaves.queue = NONE;
    harness_init(&model->harness, options->seed);
    model->harness.store.patient = true;
    if (options->canary == CANARY_STORE)
        model->harness.store.store.flush = lie;
    if (options->watermark > 0)
        paging_start(model, options->watermark);
    model->durable_lsn = model->harness.store.durable_lsn;
    model->counters = model->harness.engine->counters;
    state_init(model);
    watch(model);
}

static void check_step(struct model *model)
{
    store_follow(model);
    hold_resolve(model);
    check_seen(model);
    stock_end_step(model);
    store_end_step(model);
    if (model->has_ticked)
        stock_end_tick(model);
    model->has_ticked = false;
    check_state(model);
}

static void run_step(struct model *model)
{
    model_operate(model);
    model_note(model, " %s", model->operation);
    check_step(model);
    if (model->step % 16 == 0)
        store_compare(model);
}

/* Everybody goes; what is left of their messages is at home then. */
static void finish(struct model *model)
{
    hold_begin_deferred(model);
    hold_release(model);
    check_step(model); /* nobody is held */
    for (int s = 0; s < SESSIONS; s++)
        if (model->sessions[s].client != NULL) {
            snprintf(model->operation, sizeof model->operation, "the end of session %d", s);
            if (!model->sessions[s].closed)
                state_close_session(model, s);
            model_expect(model, s, 0, METHOD_NONE);
            model->counters.sessions_closed++;
            client_close(model->sessions[s].client);
            paging_leave(model);
            check_step(model);
            store_compare(model);
        }
    watch(NULL);
    harness_fini(&model->harness);
    state_fini(model);
    store_fini(model);
    if (model->pages)
        shelf_fini(&model->shelf);
}

static enum canary read_canary(const char *name)
{
    for (int i = CANARY_STORE; i < CANARIES; i++)
        if (strcmp(model_canaries[i], name) == 0)
            return (enum canary)i;
    exit(2);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"canary", required_argument, NULL, 'c'},
                                          {"trace", no_argument, NULL, 'v'},
                                          {"watermark", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.seed = (uint64_t)time(NULL), .steps = 100000, .seconds = 60};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 's')
            options.seed = strtoull(optarg, NULL, 0);
        else if (c == 'n')
            options.steps = strtoull(optarg, NULL, 0);
        else if (c == 't')
            options.seconds = strtod(optarg, NULL);
        else if (c == 'c')
            options.canary = read_canary(optarg);
        else if (c == 'v')
            options.trace = true;
        else if (c == 'w')
            options.watermark = strtoull(optarg, NULL, 0);
        else
            exit(2);
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct model *model = mem_alloc(sizeof *model);
    printf("seed %" PRIu64 "\n", options.seed);
    fflush(stdout);
    start(model, &options);
    double deadline = (double)clock() / CLOCKS_PER_SEC + options.seconds;
    for (model->step = 1; model->step <= options.steps; model->step++) {
        run_step(model);
        if (model->step % 1024 == 0 && (double)clock() / CLOCKS_PER_SEC > deadline)
            break;
    }
    printf("steps %" PRIu64 ": deliveries %" PRIu64 ", confirms %" PRIu64 ", commits %" PRIu64
           ", returns %" PRIu64 ", errors %" PRIu64 ", clogs %" PRIu64 ", deepest %" PRIu64
           ", replies that waited %" PRIu64 " (%" PRIu64 " behind another), deferred %" PRIu64
           ", dead letters %" PRIu64 " (up to %" PRIu64 " kinds of deaths of one), delayed %" PRIu64
           "\n",
           model->step - 1, model->deliveries, model->confirms, model->commits, model->returns,
           model->errors, model->clogs, model->deepest, model->waited, model->followed,
           model->deferred, model->deaths, model->deepest_deaths, model->delayed);
    if (model->pages)
        printf("paged out %" PRIu64 ", in %" PRIu64 ", deepest %" PRIu64 ", fetches %" PRIu64
               ", gets that waited %" PRIu64 "\n",
               model->harness.engine->counters.messages_paged_out,
               model->harness.engine->counters.messages_paged_in, model->deepest_cold,
               model->shelf.fetched, model->gets_waited);
    finish(model);
    mem_free(model);
    return 0;
}
