/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the log's reader and the recovery into an engine, with segments of 64 KiB. The first
 * octet of the input says what the rest is: 0: octets of a segment behind its header; else records
 * (type, size in two octets, payload), which get valid headers. A log is read or refused with a
 * text, twice alike.
 */
#include "persist/recovery.h"

#include <errno.h>

#include "exchange/delay.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "persist/record.h"
#include "server/base/log.h"
#include "test/fuzz/fuzz.h"

static uint8_t segment[SEGMENT_BYTES];

/* --- a directory with one segment in it ------------------------------------------------------- */

static int fuzz_list(struct io *io, void (*see)(void *context, const char *name), void *context)
{
    char name[SEGMENT_NAME_BYTES];
    (void)io;
    segment_name(1, name);
    see(context, name);
    return 0;
}

static int fuzz_open(struct io *io, const char *path, enum io_mode mode)
{
    char name[SEGMENT_NAME_BYTES];
    (void)io;
    segment_name(1, name);
    if (strcmp(path, name) != 0)
        return -ENOENT;
    return mode == IO_READ ? 1 : -EROFS;
}

static int fuzz_close(struct io *io, int file)
{
    (void)io;
    (void)file;
    return 0;
}

static int64_t fuzz_size(struct io *io, int file)
{
    (void)io;
    (void)file;
    return SEGMENT_BYTES;
}

static int64_t fuzz_read(struct io *io, int file, void *to, size_t bytes, uint64_t offset)
{
    (void)io;
    (void)file;
    if (offset >= SEGMENT_BYTES)
        return 0;
    if (bytes > SEGMENT_BYTES - offset)
        bytes = SEGMENT_BYTES - (size_t)offset;
    memcpy(to, segment + offset, bytes);
    return (int64_t)bytes;
}

/* --- what is in it ---------------------------------------------------------------------------- */

static void fill_with_records(struct slice input)
{
    uint32_t at = SEGMENT_HEADER_BYTES;
    while (input.size >= 3) {
        uint32_t size = input.data[1] | (uint32_t)input.data[2] << 8;
        uint8_t type = input.data[0];
        input = slice_of(input.data + 3, input.size - 3);
        if (size > input.size)
            size = (uint32_t)input.size;
        if (type == 0 || size > RECORD_PAYLOAD_MAX || at + record_bytes(size) > SEGMENT_BYTES)
            return;
        memcpy(segment + at + RECORD_HEADER_BYTES, input.data, size);
        record_seal(segment + at, type, 1, ((uint64_t)1 << SEGMENT_SHIFT) + at, size);
        at += record_bytes(size);
        input = slice_of(input.data + size, input.size - size);
    }
}

static void fill(const uint8_t *data, size_t size)
{
    struct segment_header header = {.version = LOG_FORMAT_VERSION, .segment = 1};
    memset(segment, 0, sizeof segment);
    segment_header_write(segment, &header);
    if (size == 0)
        return;
    size--;
    if (size > SEGMENT_BYTES - SEGMENT_HEADER_BYTES)
        size = SEGMENT_BYTES - SEGMENT_HEADER_BYTES;
    if (data[0] != 0)
        fill_with_records(slice_of(data + 1, size));
    else if (size > 0)
        memcpy(segment + SEGMENT_HEADER_BYTES, data + 1, size);
}

/* --- reading it ------------------------------------------------------------------------------- */

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

/* Messages come in order, below the position of the next; how many QUEUE has. */
static uint64_t count_messages(const struct queue *queue, struct recovery *recovery)
{
    struct inventory_queue *stored = inventory_find(&recovery->inventory, queue->id);
    struct inventory_place place = {0};
    uint64_t position = 0, count = 0;
    CHECK(stored != NULL);
    for (; inventory_next(stored, position, &place); count++) {
        CHECK(place.position >= position && position_number(place.position) < queue->next_position);
        position = place.position + 1;
    }
    CHECK(count == queue_depth(queue));
    return count;
}

/* The log may say anything of virtual hosts, so that there may be others, or none. */
static uint64_t count_all_messages(const struct engine *engine, struct recovery *recovery)
{
    uint64_t count = 0;
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;) {
        uint32_t at = 0;
        for (struct queue *queue; (queue = map_next(&vhost->queues, &at)) != NULL;)
            count += count_messages(queue, recovery);
        at = 0;
        for (struct exchange *exchange; (exchange = map_next(&vhost->exchanges, &at)) != NULL;)
            count += delay_count(exchange);
    }
    return count;
}

static struct recovery recover(void)
{
    struct io io = {.list = fuzz_list,
                    .open = fuzz_open,
                    .close = fuzz_close,
                    .size = fuzz_size,
                    .read = fuzz_read};
    struct env env = {NULL, no_time, no_time, no_random};
    struct store_ram ram;
    struct recovery recovery;
    store_ram_init(&ram);
    struct engine *engine = engine_new(&(struct engine_config){.env = &env,
                                                               .store = &ram.store,
                                                               .default_vhost = SLICE_LITERAL("/"),
                                                               .default_user = SLICE_LITERAL("u"),
                                                               .default_pass = SLICE_LITERAL("p"),
                                                               .route_cache_entries = 16});
    int status = recovery_run(&io, engine, &recovery);
    if (status == 0)
        CHECK(count_all_messages(engine, &recovery) == recovery.messages);
    else
        CHECK(status < 0 && recovery.scan.error[0] != '\0');
    CHECK(status != 0 || recovery.scan.known_lsn <= recovery.scan.end_lsn);
    engine_free(engine);
    recovery_fini(&recovery);
    return recovery;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_set_level(LOG_ERROR);
    fill(data, size);
    struct recovery first = recover(), second = recover();
    CHECK(first.scan.end_lsn == second.scan.end_lsn && first.messages == second.messages);
    return 0;
}
