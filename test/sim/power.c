/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sim_power [--seed N] [--runs N] [--seconds N] [--canary store|sync|group] [--cut-seeds N]:
 * see power.h. Without a seed, one of the clock; it is printed. With a canary (a store that says
 * that all is durable before it is; a disk whose sync does nothing; a log that does not know which
 * records are one) the checks must notice: exit status 1.
 */
#include "test/sim/power.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/base/log.h"

enum {
    STEPS_MAX = 40,
    WATERMARK_MAX = 30000,
    LIVES = 3,   /* on one disk, with a kill between */
    DEPTH = 2,   /* lives that begin on a disk that was cut, within each other */
    DEEPER = 24, /* one cut in so many is gone on from, */
    EARLY = 6,   /* or one in four of a life's first operations */
};

struct options {
    uint64_t seed, runs;
    double seconds;
    unsigned cut_seeds;
    enum canary canary;
};

struct total {
    uint64_t cuts, kills, faults, torn, promises, records, messages, segments;
    struct keeper_counters keeper;
    uint64_t paged_out, dead, delayed, rests;
    uint64_t now_ms;    /* the broker's clocks: lives come one after the other */
    uint64_t shape;     /* of the run */
    uint64_t run, seed; /* what is being done, for complaints */
    uint64_t random;
    const struct options *options;
};

static _Noreturn void complain(const struct total *total, const char *what, uint64_t operations,
                               const char *text)
{
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ", run %" PRIu64 ", after %" PRIu64 " operations: %s: %s\n",
            total->seed, total->run, operations, what, text);
    exit(1);
}

/* --- the store: the log's, which the ledger listens to ---------------------------------------- */

static uint64_t append(struct store *store, const struct store_record *record)
{
    struct power *power = (struct power *)store;
    const struct store_record begin = {.kind = STORE_TX_BEGIN};
    if (power->canary == CANARY_GROUP && record->kind == STORE_TX_COMMIT) /* of nothing */
        (void)power->inner.store.append(&power->inner.store, &begin);
    ledger_record(power->ledger, record, disk_operations(power->disk));
    uint64_t lsn = power->inner.store.append(&power->inner.store, record);
    if (power->canary == CANARY_GROUP && record->kind == STORE_TX_BEGIN)
        lsn = power->inner.store.append(&power->inner.store,
                                        &(struct store_record){.kind = STORE_TX_COMMIT});
    if (lsn > power->last_lsn)
        power->last_lsn = lsn;
    return lsn;
}

static uint64_t flush(struct store *store, bool at_leisure)
{
    struct power *power = (struct power *)store;
    if (power->canary != CANARY_STORE)
        return power->inner.store.flush(&power->inner.store, at_leisure);
    if (++power->flushes % 4 == 0)
        (void)power->inner.store.flush(&power->inner.store, at_leisure);
    return power->last_lsn;
}

static bool is_full(struct store *store)
{
    struct power *power = (struct power *)store;
    return power->inner.store.is_full(&power->inner.store);
}

static void fetch(struct store *store, const struct store_fetch *wanted)
{
    struct power *power = (struct power *)store;
    power->inner.store.fetch(&power->inner.store, wanted);
}

static bool fetched(struct store *store, struct store_answer *answer)
{
    struct power *power = (struct power *)store;
    return power->inner.store.fetched(&power->inner.store, answer);
}

static void nothing(void *context)
{
    (void)context;
}

/* --- recovery --------------------------------------------------------------------------------- */

static void print_name(void *context, const char *name)
{
    (void)context;
    fprintf(stderr, "  %s\n", name);
}

/* A broker that starts on DISK; IMAGE is what it finds. */
static void start(struct total *total, struct power *power, struct disk *disk, struct image *image,
                  struct recovery *recovery, uint64_t operations)
{
    struct store_ram nowhere;
    *power = (struct power){.store = {append, flush, is_full, fetch, fetched},
                            .disk = disk,
                            .canary = total->options->canary,
                            .random = harness_random(&total->random),
                            .shape = total->shape};
    power->large = harness_below(&power->random, 4) == 0;
    harness_init(&power->harness, 1);
    total->now_ms += harness_below(&total->random, 50);
    power->harness.now_ms = total->now_ms;
    store_ram_init(&nowhere);
    power->harness.engine->store = &nowhere.store;
    if (harness_below(&power->random, 2) == 0)
        power->harness.engine->memory_watermark = 1 + harness_below(&power->random, WATERMARK_MAX);
    *image = (struct image){0};
    if (recovery_run(disk_io(disk), power->harness.engine, recovery) < 0) {
        (void)disk_io(disk)->list(disk_io(disk), print_name, NULL);
        complain(total, "the log is refused", operations, recovery->scan.error);
    }
    power->has_definitions = recovery->inventory.definitions.count > 0;
    image_add_definitions(image, &recovery->inventory);
    power->keeper = keeper_new(&(struct keeper_config){.io = disk_io(disk),
                                                       .inventory = &recovery->inventory,
                                                       .checkpoint = recovery->checkpoint,
                                                       .end_lsn = recovery->scan.end_lsn,
                                                       .on_work = nothing},
                               true);
    recovery_fini(recovery);
    if (!image_of_engine(image, power->harness.engine, power->keeper))
        complain(total, "a queue is not as it should be", operations, "");
    power->harness.engine->store = &power->store;
    total->torn += recovery->scan.torn_lsn != 0;
    if (recovery->scan.segment_count > total->segments)
        total->segments = recovery->scan.segment_count;
    total->messages += recovery->messages;
}

/* Is IMAGE what the events from FIRST to LAST allow? Returns which it was. */
static size_t judge(const struct total *total, const struct ledger *ledger,
                    const struct image *image, size_t first, size_t last, uint64_t operations)
{
    size_t event;
    char text[128];
    if (ledger_find(ledger, image->sum, first, last, &event))
        return event;
    bool known = ledger_find(ledger, image->sum, 0, ledger->event_count - 1, &event);
    if (known)
        snprintf(text, sizeof text, "event %zu; it must be one from %zu to %zu", event, first,
                 last);
    else
        snprintf(text, sizeof text, "no event at all; it must be one from %zu to %zu", first, last);
    image_print(image);
    complain(total, "what is found was so after", operations, text);
}

/* --- a life ----------------------------------------------------------------------------------- */

static int lying_sync(struct io *io, int file)
{
    (void)io;
    (void)file;
    return 0;
}

static bool open_log(struct power *power, const struct recovery *recovery)
{
    struct commit_log_config config = {.io = disk_io(power->disk),
                                       .epoch = recovery->scan.epoch + 1,
                                       .end_lsn = recovery->scan.end_lsn,
                                       .known_lsn = recovery->scan.known_lsn,
                                       .keeper = power->keeper,
                                       .on_durable = nothing};
    int status;
    if (power->canary == CANARY_SYNC)
        config.io->sync = lying_sync;
    power->log = commit_log_open(&config, true, &status);
    if (power->log != NULL)
        store_log_init(&power->inner, power->log, power->keeper);
    return power->log != NULL;
}

/* Has some call on the disk fail, once or from then on. */
static bool inject(struct total *total, struct disk *disk)
{
    static const enum disk_call calls[] = {
        DISK_WRITE,    DISK_WRITE, DISK_SYNC,   DISK_SYNC,           DISK_OPEN,
        DISK_ALLOCATE, DISK_READ,  DISK_RENAME, DISK_SYNC_DIRECTORY, DISK_SYNC_DIRECTORY};
    uint32_t choice = harness_below(&total->random, 3 * sizeof calls / sizeof *calls);
    if (choice >= sizeof calls / sizeof *calls || total->options->canary != CANARY_NONE)
        return false;
    uint64_t countdown = 1 + harness_below(&total->random, choice < 4 ? 40 : 2);
    if (harness_below(&total->random, 2) == 0)
        disk_fail(disk, calls[choice], countdown, EIO);
    else
        disk_break(disk, calls[choice], countdown, EIO);
    total->faults++;
    return true;
}

/* Adds up what the keeper did. */
static void count(struct total *total, struct power *power)
{
    struct keeper_counters counters = keeper_count(power->keeper);
    total->keeper.checkpoints += counters.checkpoints;
    total->keeper.segments_recycled += counters.segments_recycled;
    total->keeper.segments_emptied += counters.segments_emptied;
    total->keeper.messages_moved += counters.messages_moved;
    const struct counters *done = &power->harness.engine->counters;
    total->paged_out += done->messages_paged_out;
    total->delayed += done->messages_delayed;
    total->dead += done->messages_dead_lettered_rejected + done->messages_dead_lettered_expired +
                   done->messages_dead_lettered_maxlen +
                   done->messages_dead_lettered_delivery_limit;
}

static void stop(struct total *total, struct power *power)
{
    if (power->harness.now_ms > total->now_ms)
        total->now_ms = power->harness.now_ms;
    if (power->client != NULL)
        power_disconnect(power);
    if (power->log != NULL) {
        (void)power->inner.store.flush(&power->inner.store, false);
        commit_log_close(power->log);
        store_log_fini(&power->inner);
    }
    keeper_free(power->keeper);
    harness_fini(&power->harness);
}

/* After a long while nothing may be left that was to happen by then. */
static void check_rest(struct total *total, struct power *power)
{
    char problem[128];
    if (!power_wait_long(power, problem, sizeof problem))
        complain(total, "in the end", disk_operations(power->disk), problem);
    total->rests++;
}

/* Does things, until POWER stops. */
static void live(struct total *total, struct power *power, const struct recovery *recovery,
                 bool faulty)
{
    uint32_t steps = 1 +
                     harness_below(&total->random, 1 + harness_below(&total->random, STEPS_MAX));
    if (open_log(power, recovery)) {
        if (!power->has_definitions)
            (void)engine_define_defaults(power->harness.engine);
        power_connect(power);
        for (uint32_t i = 0; i < steps; i++)
            power_step(power);
        if (!faulty && total->options->canary == CANARY_NONE &&
            harness_below(&total->random, 4) == 0)
            check_rest(total, power);
        total->records += power->ledger->event_count;
        total->promises += power->ledger->promise_count;
        count(total, power);
    }
    stop(total, power);
}

static void live_on(struct total *total, struct power *power, struct recovery *recovery,
                    struct image image, unsigned depth);

static void cut(struct total *total, const struct ledger *ledger, const struct disk *disk,
                uint64_t operations, unsigned depth, bool early)
{
    struct power power;
    struct image image;
    struct recovery recovery;
    size_t first, last;
    struct disk *after = disk_after_cut(disk, operations, harness_random(&total->random));
    total->cuts++;
    start(total, &power, after, &image, &recovery, operations);
    ledger_bounds(ledger, operations, &first, &last);
    (void)judge(total, ledger, &image, first, last, operations);
    if (depth > 0 && harness_below(&total->random, early ? 4 : DEEPER) == 0) {
        live_on(total, &power, &recovery, image, depth - 1);
    } else {
        image_fini(&image);
        keeper_free(power.keeper);
        harness_fini(&power.harness);
    }
    disk_free(after);
}

/* Goes on with a broker that has started and found IMAGE, through a few kills; cuts everywhere. */
static void live_on(struct total *total, struct power *power, struct recovery *recovery,
                    struct image image, unsigned depth)
{
    struct ledger ledger;
    struct disk *disk = power->disk;
    ledger_init(&ledger, image);
    uint64_t done = disk_operations(disk);
    for (unsigned life = 0;; life++) {
        power->ledger = &ledger;
        bool faulty = inject(total, disk);
        live(total, power, recovery, faulty);
        uint64_t now = disk_operations(disk);
        for (uint64_t begin = done; done <= now; done++)
            for (unsigned i = 0; i < total->options->cut_seeds; i++)
                cut(total, &ledger, disk, done, depth, done - begin < EARLY);
        done = now;
        if (life + 1 == LIVES)
            break;
        disk_kill(disk);
        total->kills++;
        start(total, power, disk, &image, recovery, now);
        size_t first, last;
        ledger_bounds(&ledger, now, &first, &last);
        last = ledger.event_count - 1;
        if (!faulty)
            first = last;
        ledger_rewind(&ledger, judge(total, &ledger, &image, first, last, now), image);
    }
    ledger_fini(&ledger);
}

static void run(struct total *total)
{
    struct power power;
    struct image image;
    struct recovery recovery;
    total->random = total->seed + total->run * UINT64_C(0x9E3779B97F4A7C15);
    total->shape = harness_random(&total->random);
    struct disk *disk = disk_new(harness_random(&total->random));
    start(total, &power, disk, &image, &recovery, 0);
    live_on(total, &power, &recovery, image, DEPTH);
    disk_free(disk);
}

/* --- the program ------------------------------------------------------------------------------ */

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},      {"runs", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 't'},   {"canary", required_argument, NULL, 'c'},
        {"cut-seeds", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    struct options options = {
        .seed = (uint64_t)time(NULL), .runs = UINT64_MAX, .seconds = 10, .cut_seeds = 1};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 's')
            options.seed = strtoull(optarg, NULL, 0);
        else if (c == 'r')
            options.runs = strtoull(optarg, NULL, 0);
        else if (c == 't')
            options.seconds = strtod(optarg, NULL);
        else if (c == 'k')
            options.cut_seeds = (unsigned)strtoul(optarg, NULL, 0);
        else if (c == 'c')
            options.canary = strcmp(optarg, "sync") == 0    ? CANARY_SYNC
                             : strcmp(optarg, "group") == 0 ? CANARY_GROUP
                                                            : CANARY_STORE;
        else
            exit(2);
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct total total = {.seed = options.seed, .options = &options};
    double begin = (double)clock() / CLOCKS_PER_SEC, now = begin;
    printf("seed %" PRIu64 "\n", options.seed);
    fflush(stdout);
    log_set_output(open("/dev/null", O_WRONLY)); /* failures that are provoked are no news */
    for (; total.run < options.runs && now - begin < options.seconds; total.run++) {
        run(&total);
        now = (double)clock() / CLOCKS_PER_SEC;
    }
    printf("%" PRIu64 " runs, %" PRIu64 " cuts, %" PRIu64 " kills, %" PRIu64 " faults, %" PRIu64
           " torn ends; %" PRIu64 " records, %" PRIu64 " promises, %" PRIu64
           " messages recovered, up to %" PRIu64 " segments read; %" PRIu64
           " checkpoints, segments: %" PRIu64 " recycled, %" PRIu64 " emptied, messages: %" PRIu64
           " moved, %" PRIu64 " paged out, %" PRIu64 " dead letters, %" PRIu64 " delayed; %" PRIu64
           " ends; %.1f s\n",
           total.run, total.cuts, total.kills, total.faults, total.torn, total.records,
           total.promises, total.messages, total.segments, total.keeper.checkpoints,
           total.keeper.segments_recycled, total.keeper.segments_emptied,
           total.keeper.messages_moved, total.paged_out, total.dead, total.delayed, total.rests,
           now - begin);
    return 0;
}
