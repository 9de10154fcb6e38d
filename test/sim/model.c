/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sim_model [--seed N] [--steps N] [--seconds N] [--watermark BYTES] [--canary] [--trace]:
 * random operations on
 * the engine and on a model of it. Without a seed, one of the clock; it is printed. --canary: the
 * store says that all is durable before it is; the checks must notice, and the exit status is 1.
 */
#include "test/sim/model.h"

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
    bool canary, trace;
};

void model_complain(const struct model *model, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
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
    *model = (struct model){.random = options->seed, .canary = options->canary, .following = NONE};
    harness_init(&model->harness, options->seed);
    model->harness.store.patient = true;
    if (options->canary)
        model->harness.store.store.flush = lie;
    if (options->watermark > 0)
        paging_start(model, options->watermark);
    model->durable_lsn = model->harness.store.durable_lsn;
    model->counters = model->harness.engine->counters;
    state_init(model);
}

static void check_step(struct model *model)
{
    store_follow(model);
    hold_resolve(model);
    check_seen(model);
    check_state(model);
}

static void run_step(struct model *model, bool trace)
{
    model_operate(model);
    if (trace)
        printf("%" PRIu64 " %s\n", model->step, model->operation);
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
    harness_fini(&model->harness);
    state_fini(model);
    store_fini(model);
    if (model->pages)
        shelf_fini(&model->shelf);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"canary", no_argument, NULL, 'c'},
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
            options.canary = true;
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
        run_step(model, options.trace);
        if (model->step % 1024 == 0 && (double)clock() / CLOCKS_PER_SEC > deadline)
            break;
    }
    printf("steps %" PRIu64 ": deliveries %" PRIu64 ", confirms %" PRIu64 ", commits %" PRIu64
           ", returns %" PRIu64 ", errors %" PRIu64 ", clogs %" PRIu64 ", deepest %" PRIu64
           ", replies that waited %" PRIu64 " (%" PRIu64 " behind another), deferred %" PRIu64 "\n",
           model->step - 1, model->deliveries, model->confirms, model->commits, model->returns,
           model->errors, model->clogs, model->deepest, model->waited, model->followed,
           model->deferred);
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
