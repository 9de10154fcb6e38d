/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/persist/rig.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "exchange/message.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"
#include "test/sim/disk_history.h"

static struct vhost vhost = {.name = {(const uint8_t *)"/", 1}};

/* --- an engine for recovery to fill ----------------------------------------------------------- */

static uint64_t no_time(void *context)
{
    (void)context;
    return 0;
}

static void no_random(void *context, void *to, size_t size)
{
    (void)context;
    memset(to, 0, size);
}

static int recover(struct rig *rig, struct recovery *recovery)
{
    struct env env = {NULL, no_time, no_time, no_random};
    struct store_ram ram;
    store_ram_init(&ram);
    struct engine *engine = engine_new(&(struct engine_config){.env = &env,
                                                               .store = &ram.store,
                                                               .default_vhost = vhost.name,
                                                               .default_user = SLICE_LITERAL("u"),
                                                               .default_pass = SLICE_LITERAL("p"),
                                                               .route_cache_entries = 16});
    int status = recovery_run(rig->io, engine, recovery);
    engine_free(engine);
    rig->scan = recovery->scan;
    rig->messages = recovery->messages;
    return status;
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_news(void *context)
{
    struct rig *rig = context;
    pthread_mutex_lock(&rig->lock);
    rig->news++;
    pthread_cond_signal(&rig->woken);
    pthread_mutex_unlock(&rig->lock);
}

int rig_open(struct rig *rig, struct io *io, bool threadless)
{
    static const uint8_t node_id[NODE_ID_BYTES] = "sixteen octets..";
    struct recovery recovery;
    *rig = (struct rig){.io = io};
    int status = recover(rig, &recovery);
    if (status < 0) {
        recovery_fini(&recovery);
        return status;
    }
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->woken, NULL);
    struct keeper_config keeping = {.io = io,
                                    .inventory = &recovery.inventory,
                                    .checkpoint = recovery.checkpoint,
                                    .end_lsn = recovery.scan.end_lsn,
                                    .on_work = on_news,
                                    .context = rig};
    struct commit_log_config config = {.io = io,
                                       .epoch = recovery.scan.epoch + 1,
                                       .end_lsn = recovery.scan.end_lsn,
                                       .known_lsn = recovery.scan.known_lsn,
                                       .on_durable = on_news,
                                       .context = rig};
    memcpy(keeping.node_id, node_id, NODE_ID_BYTES);
    memcpy(config.node_id, node_id, NODE_ID_BYTES);
    config.keeper = rig->keeper = keeper_new(&keeping, threadless);
    rig->log = commit_log_open(&config, threadless, &status);
    recovery_fini(&recovery);
    if (rig->log == NULL)
        keeper_free(rig->keeper);
    else
        store_log_init(&rig->store, rig->log, rig->keeper);
    return status;
}

void rig_start(struct rig *rig, struct io *io, bool threadless)
{
    int status = rig_open(rig, io, threadless);
    if (status < 0)
        fail_msg("%s: %s", strerror(-status), rig->scan.error);
}

void rig_close(struct rig *rig)
{
    (void)rig_flush(rig);
    commit_log_close(rig->log);
    keeper_free(rig->keeper);
    store_log_fini(&rig->store);
    pthread_cond_destroy(&rig->woken);
    pthread_mutex_destroy(&rig->lock);
}

/* --- telling ---------------------------------------------------------------------------------- */

static uint64_t append(struct rig *rig, const struct store_record *record)
{
    uint64_t lsn = rig->store.store.append(&rig->store.store, record);
    if (lsn > rig->last_lsn)
        rig->last_lsn = lsn;
    return lsn;
}

/* The queue with that number; its name is the same number. */
static struct queue *queue_of(struct rig *rig, uint64_t number)
{
    static char names[RIG_QUEUES][8];
    struct queue *queue = &rig->queues[number];
    assert_true(number > 0 && number < RIG_QUEUES);
    snprintf(names[number], sizeof names[number], "%u", (unsigned)number);
    queue->id = number;
    queue->vhost = &vhost;
    queue->durable = true;
    queue->name = slice_from_string(names[number]);
    return queue;
}

uint64_t rig_queue(struct rig *rig, uint64_t queue)
{
    return append(
        rig, &(struct store_record){.kind = STORE_QUEUE_DECLARE, .queue = queue_of(rig, queue)});
}

uint64_t rig_delete_queue(struct rig *rig, uint64_t queue)
{
    return append(
        rig, &(struct store_record){.kind = STORE_QUEUE_DELETE, .queue = queue_of(rig, queue)});
}

/* Octet INDEX of the body for that place. */
static uint8_t octet(uint64_t queue, uint64_t position, uint32_t index)
{
    uint64_t seed = queue << 48 ^ position << 16 ^ index / 8;
    return (uint8_t)(disk_random(&seed) >> index % 8 * 8);
}

/* Every third message has a time. */
static uint64_t time_of(uint64_t position)
{
    return position % 3 == 0 ? UINT64_C(1700000000000) + position : 0;
}

static struct message *new_message(uint64_t queue, uint64_t position, uint32_t bytes)
{
    struct message *message = message_new(SLICE_LITERAL("x"), SLICE_LITERAL("key"),
                                          SLICE_LITERAL("\0\0"), bytes, bytes);
    assert_non_null(message);
    for (uint32_t i = 0; i < bytes; i++)
        message_body(message)[i] = octet(queue, position, i);
    message_seal(message);
    message->flags = MESSAGE_PERSISTENT;
    return time_of(position) == 0 ? message : message_with_time(message, time_of(position));
}

static uint64_t put(struct rig *rig, enum store_record_kind kind, uint64_t first, uint32_t count,
                    uint64_t position, uint32_t bytes)
{
    struct store_target targets[RIG_QUEUES];
    struct message *message = new_message(first, position, bytes);
    if (kind == STORE_PAGE)
        message->flags &= (uint8_t)~MESSAGE_PERSISTENT;
    for (uint32_t i = 0; i < count; i++)
        targets[i] = (struct store_target){queue_of(rig, first + i), position};
    uint64_t lsn = append(
        rig, &(struct store_record){
                 .kind = kind, .message = message, .targets = targets, .target_count = count});
    message_unref(message);
    return lsn;
}

uint64_t rig_put(struct rig *rig, uint64_t queue, uint64_t position, uint32_t bytes)
{
    return put(rig, STORE_MESSAGE, queue, 1, position, bytes);
}

uint64_t rig_page(struct rig *rig, uint64_t queue, uint64_t position, uint32_t bytes)
{
    return put(rig, STORE_PAGE, queue, 1, position, bytes);
}

uint64_t rig_put_all(struct rig *rig, uint64_t first, uint32_t count, uint64_t position,
                     uint32_t bytes)
{
    return put(rig, STORE_MESSAGE, first, count, position, bytes);
}

void rig_settle(struct rig *rig, uint64_t queue, uint64_t position, uint64_t span, uint64_t bytes)
{
    (void)append(rig, &(struct store_record){.kind = STORE_SETTLE,
                                             .queue = queue_of(rig, queue),
                                             .position = position,
                                             .span = span,
                                             .bytes = bytes});
}

void rig_requeue(struct rig *rig, uint64_t queue, uint64_t position, uint32_t count)
{
    (void)append(rig, &(struct store_record){.kind = STORE_REQUEUE,
                                             .queue = queue_of(rig, queue),
                                             .position = position,
                                             .delivery_count = count});
}

uint64_t rig_flush(struct rig *rig)
{
    return rig->store.store.flush(&rig->store.store, false);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Until there was news since KNOWN. */
static void await_news(struct rig *rig, uint64_t known)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int status = 0;
    pthread_mutex_lock(&rig->lock);
    while (rig->news == known && status == 0)
        status = pthread_cond_timedwait(&rig->woken, &rig->lock, &until);
    pthread_mutex_unlock(&rig->lock);
    assert_int_equal(status, 0);
}

static uint64_t news(struct rig *rig)
{
    pthread_mutex_lock(&rig->lock);
    uint64_t known = rig->news;
    pthread_mutex_unlock(&rig->lock);
    return known;
}

void rig_wait(struct rig *rig, bool (*check)(struct rig *rig, void *context), void *context)
{
    for (uint64_t known = news(rig); !check(rig, context); known = news(rig)) {
        (void)rig_flush(rig);
        if (check(rig, context))
            break;
        await_news(rig, known);
    }
}

static bool is_settled(struct rig *rig, void *context)
{
    (void)context;
    return rig_flush(rig) >= rig->last_lsn || commit_log_failure(rig->log) != 0 ||
           commit_log_is_full(rig->log);
}

bool rig_sync(struct rig *rig)
{
    rig_delete_queue(rig, RIG_QUEUES - 1);
    rig_wait(rig, is_settled, NULL);
    return commit_log_durable_lsn(rig->log) >= rig->last_lsn;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_answered(struct rig *rig, void *context)
{
    return rig->store.store.fetched(&rig->store.store, context);
}

static struct store_answer ask(struct rig *rig, const struct store_fetch *fetch)
{
    struct store_answer answer = {0};
    uint64_t first = fetch->first, end = fetch->end;
    rig->store.store.fetch(&rig->store.store, fetch);
    rig_wait(rig, is_answered, &answer);
    assert_ptr_equal(answer.queue, fetch->queue);
    assert_true(answer.status <= 0 && (answer.status == 0 || answer.count == 0));
    assert_true(answer.next <= end && (answer.next > first || answer.status < 0));
    uint64_t last = first - 1;
    for (uint32_t i = 0; i < answer.count; i++) {
        assert_true(answer.entries[i].position > last || (i == 0 && first == 0));
        last = answer.entries[i].position;
        assert_true(last < answer.next);
    }
    return answer;
}

struct store_answer rig_fetch(struct rig *rig, uint64_t queue, uint64_t first, uint64_t end,
                              uint32_t bytes)
{
    return ask(rig, &(struct store_fetch){
                        .queue = queue_of(rig, queue), .first = first, .end = end, .bytes = bytes});
}

struct store_answer rig_fetch_positions(struct rig *rig, uint64_t queue, const uint64_t *positions,
                                        uint32_t count, uint32_t bytes)
{
    uint64_t *copy = mem_alloc(count * sizeof *copy); /* that nobody reads later */
    memcpy(copy, positions, count * sizeof *copy);
    struct store_answer answer = ask(rig, &(struct store_fetch){.queue = queue_of(rig, queue),
                                                                .first = positions[0],
                                                                .end = positions[count - 1] + 1,
                                                                .bytes = bytes,
                                                                .positions = copy,
                                                                .position_count = count});
    mem_free(copy);
    return answer;
}

void rig_free_answer(struct store_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        message_unref(answer->entries[i].message);
    mem_free(answer->entries);
}

bool rig_is_right(struct message *message, uint64_t queue, uint64_t position)
{
    if (!slice_equal(message_exchange(message), SLICE_LITERAL("x")) ||
        !slice_equal(message_routing_key(message), SLICE_LITERAL("key")) ||
        message_time_ms(message) != time_of(position))
        return false;
    for (uint32_t i = 0; i < message->body_bytes; i++)
        if (message_body(message)[i] != octet(queue, position, i))
            return false;
    return true;
}

void rig_expect(struct rig *rig, uint64_t queue, uint64_t first, uint64_t end, const char *text)
{
    struct buf found = {0};
    while (first < end) {
        struct store_answer answer = rig_fetch(rig, queue, first, end, 20000);
        assert_int_equal(answer.status, 0);
        for (uint32_t i = 0; i < answer.count; i++) {
            const struct store_fetched *entry = &answer.entries[i];
            buf_printf(&found, "%s%" PRIu64, found.size > 0 ? " " : "", entry->position);
            if (entry->delivery_count > 0)
                buf_printf(&found, "x%" PRIu32, entry->delivery_count);
            assert_true(rig_is_right(entry->message, queue, entry->position));
        }
        first = answer.next;
        rig_free_answer(&answer);
    }
    buf_u8(&found, 0);
    assert_string_equal((const char *)found.data, text);
    buf_fini(&found);
}

uint64_t rig_count(struct rig *rig, uint64_t queue, int *status)
{
    uint64_t count = 0;
    if (status != NULL)
        *status = 0;
    for (uint64_t first = 1; first < UINT64_MAX;) {
        struct store_answer answer = rig_fetch(rig, queue, first, UINT64_MAX, 100000);
        assert_true(answer.status == 0 || status != NULL);
        for (uint32_t i = 0; i < answer.count; i++)
            assert_true(rig_is_right(answer.entries[i].message, queue, answer.entries[i].position));
        first = answer.status < 0 ? UINT64_MAX : answer.next;
        count += answer.count;
        if (answer.status < 0)
            *status = answer.status;
        rig_free_answer(&answer);
    }
    return count;
}

/* --- files ------------------------------------------------------------------------------------ */

struct looking {
    const char *suffix, *name;
    unsigned count;
};

static void see_suffix(void *context, const char *name)
{
    struct looking *looking = context;
    size_t size = strlen(name), suffix = strlen(looking->suffix);
    if (size >= suffix && strcmp(name + size - suffix, looking->suffix) == 0)
        looking->count++;
}

unsigned rig_files(struct io *io, const char *suffix)
{
    struct looking looking = {.suffix = suffix};
    assert_int_equal(io->list(io, see_suffix, &looking), 0);
    return looking.count;
}

static void see_name(void *context, const char *name)
{
    struct looking *looking = context;
    looking->count += strcmp(name, looking->name) == 0;
}

bool rig_has_file(struct io *io, const char *name)
{
    struct looking looking = {.name = name};
    assert_int_equal(io->list(io, see_name, &looking), 0);
    return looking.count > 0;
}

static void see_any(void *context, const char *name)
{
    char log[SEGMENT_NAME_BYTES];
    uint64_t segment;
    if (segment_number(name, &segment) || strncmp(name, "spare-", 6) == 0 ||
        strcmp(name, CHECKPOINT_NAME) == 0 || strcmp(name, "lock") == 0)
        return;
    if (sscanf(name, "%20" SCNu64 ".idx", &segment) != 1)
        fail_msg("%s is left behind", name);
    segment_name(segment, log);
    if (!rig_has_file(context, log))
        fail_msg("%s is left behind", name);
}

void rig_expect_tidy(struct io *io)
{
    assert_int_equal(io->list(io, see_any, io), 0);
}
