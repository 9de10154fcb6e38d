/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The file is a front of 40 bytes (magic, checksum of what is behind it, version,
 * segment, number of runs and of offsets), the runs, the offsets; docs/log-format.md. Positions
 * that are missing in between get an offset of 0, as long as they are few.
 */
#include "persist/segment_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "persist/crc32c.h"
#include "server/base/cursor.h"
#include "server/base/mem.h"

#define GAP_MAX 64

static const char magic[8] = "STOATIDX";

enum {
    AT_CRC = 8,
    AT_VERSION = 12,
    AT_SEGMENT = 16,
    AT_RUNS = 24,
    AT_OFFSETS = 28,
    FRONT_BYTES = 32,
    RUN_BYTES = 24,
    INDEX_VERSION = 1
};

/* --- collecting --------------------------------------------------------------------------- */

void index_builder_begin(struct index_builder *builder, uint64_t segment)
{
    builder->segment = segment;
    builder->count = 0;
}

void index_builder_add(struct index_builder *builder, uint64_t queue, uint64_t position,
                       uint32_t offset)
{
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity == 0 ? 1024 : builder->capacity * 2;
        builder->entries = mem_realloc(builder->entries,
                                       builder->capacity * sizeof *builder->entries);
    }
    builder->entries[builder->count++] = (struct index_entry){queue, position, offset};
}

void index_builder_fini(struct index_builder *builder)
{
    mem_free(builder->entries);
    *builder = (struct index_builder){0};
}

static int compare_entries(const void *left, const void *right)
{
    const struct index_entry *a = left, *b = right;
    if (a->queue != b->queue)
        return a->queue < b->queue ? -1 : 1;
    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void sort(struct index_builder *builder)
{
    for (uint32_t i = 1; i < builder->count; i++)
        if (compare_entries(&builder->entries[i - 1], &builder->entries[i]) > 0) {
            qsort(builder->entries, builder->count, sizeof *builder->entries, compare_entries);
            return;
        }
}

static bool continues(const struct index_run *run, const struct index_entry *entry)
{
    return run != NULL && run->queue == entry->queue &&
           entry->position < run->base + run->span + GAP_MAX;
}

void segment_index_build(struct segment_index *index, struct index_builder *builder)
{
    *index = (struct segment_index){.segment = builder->segment};
    sort(builder);
    uint32_t runs_capacity = 0, offsets_capacity = builder->count + builder->count / 8 + GAP_MAX;
    struct index_run *run = NULL;
    index->offsets = mem_alloc(offsets_capacity * sizeof *index->offsets);
    for (uint32_t i = 0; i < builder->count; i++) {
        const struct index_entry *entry = &builder->entries[i];
        if (!continues(run, entry)) {
            if (index->run_count == runs_capacity) {
                runs_capacity = runs_capacity == 0 ? 16 : runs_capacity * 2;
                index->runs = mem_realloc(index->runs, runs_capacity * sizeof *index->runs);
            }
            run = &index->runs[index->run_count++];
            *run = (struct index_run){entry->queue, entry->position, 0, index->offset_count};
        }
        uint32_t at = (uint32_t)(entry->position - run->base);
        if (index->offset_count + GAP_MAX + 1 > offsets_capacity) {
            offsets_capacity *= 2;
            index->offsets = mem_realloc(index->offsets, offsets_capacity * sizeof *index->offsets);
        }
        while (run->span <= at) {
            index->offsets[index->offset_count++] = 0;
            run->span++;
        }
        index->offsets[run->start + at] = entry->offset;
    }
}

void segment_index_fini(struct segment_index *index)
{
    mem_free(index->runs);
    mem_free(index->offsets);
    *index = (struct segment_index){0};
}

uint32_t segment_index_find(const struct segment_index *index, uint64_t queue, uint64_t position)
{
    uint32_t low = 0, high = index->run_count; /* the first run that begins behind it */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct index_run *run = &index->runs[middle];
        if (run->queue < queue || (run->queue == queue && run->base <= position))
            low = middle + 1;
        else
            high = middle;
    }
    const struct index_run *run = low > 0 ? &index->runs[low - 1] : NULL;
    if (run == NULL || run->queue != queue || position - run->base >= run->span)
        return 0;
    return index->offsets[run->start + (position - run->base)];
}

/* --- the file ----------------------------------------------------------------------------- */

void segment_index_encode(const struct segment_index *index, struct buf *out)
{
    size_t start = out->size;
    uint8_t front[FRONT_BYTES] = {0};
    memcpy(front, magic, sizeof magic);
    put_le32(front + AT_VERSION, INDEX_VERSION);
    put_le64(front + AT_SEGMENT, index->segment);
    put_le32(front + AT_RUNS, index->run_count);
    put_le32(front + AT_OFFSETS, index->offset_count);
    buf_bytes(out, slice_of(front, sizeof front));
    for (uint32_t i = 0; i < index->run_count; i++) {
        const struct index_run *run = &index->runs[i];
        uint8_t *at = buf_reserve(out, RUN_BYTES);
        put_le64(at, run->queue);
        put_le64(at + 8, run->base);
        put_le32(at + 16, run->span);
        put_le32(at + 20, run->start);
        out->size += RUN_BYTES;
    }
    buf_bytes(out, slice_of(index->offsets, index->offset_count * sizeof *index->offsets));
    uint8_t *crc = out->data + start + AT_CRC;
    put_le32(crc, crc32c(0, slice_of(crc + 4, out->size - start - AT_CRC - 4)));
}

static int get_run(struct cursor *cursor, const struct segment_index *index, struct index_run *run)
{
    const uint8_t *at = cursor_bytes(cursor, RUN_BYTES).data;
    *run = (struct index_run){get_le64(at), get_le64(at + 8), get_le32(at + 16), get_le32(at + 20)};
    return run->start <= index->offset_count && run->span <= index->offset_count - run->start ? 0
                                                                                              : -1;
}

int segment_index_decode(struct segment_index *index, struct slice file)
{
    *index = (struct segment_index){0};
    if (file.size < FRONT_BYTES || memcmp(file.data, magic, sizeof magic) != 0 ||
        get_le32(file.data + AT_VERSION) != INDEX_VERSION)
        return -EBADMSG;
    uint64_t runs = get_le32(file.data + AT_RUNS), offsets = get_le32(file.data + AT_OFFSETS);
    uint64_t bytes = FRONT_BYTES + runs * RUN_BYTES + offsets * sizeof(uint32_t);
    if (file.size != bytes || get_le32(file.data + AT_CRC) !=
                                  crc32c(0, slice_of(file.data + AT_VERSION, bytes - AT_VERSION)))
        return -EBADMSG;
    struct cursor cursor = cursor_of(slice_of(file.data + FRONT_BYTES, bytes - FRONT_BYTES));
    index->segment = get_le64(file.data + AT_SEGMENT);
    index->run_count = (uint32_t)runs;
    index->offset_count = (uint32_t)offsets;
    index->runs = mem_alloc(runs * sizeof *index->runs + 1);
    index->offsets = mem_alloc(offsets * sizeof *index->offsets + 1);
    int status = 0;
    for (uint32_t i = 0; i < runs && status == 0; i++)
        status = get_run(&cursor, index, &index->runs[i]);
    if (status == 0) {
        struct slice rest = cursor_bytes(&cursor, offsets * sizeof *index->offsets);
        if (rest.size > 0)
            memcpy(index->offsets, rest.data, rest.size);
        for (uint32_t i = 0; i < offsets && status == 0; i++)
            status = index->offsets[i] < SEGMENT_BYTES ? 0 : -1;
    }
    if (status == 0)
        return 0;
    segment_index_fini(index);
    return -EBADMSG;
}

void segment_index_name(uint64_t segment, char name[SEGMENT_NAME_BYTES])
{
    snprintf(name, SEGMENT_NAME_BYTES, "%020" PRIu64 ".idx", segment);
}

void segment_index_write(const struct segment_index *index, struct io *io)
{
    char name[SEGMENT_NAME_BYTES];
    struct buf bytes = {0};
    segment_index_name(index->segment, name);
    (void)io->remove(io, name);
    int file = io->open(io, name, IO_CREATE);
    if (file < 0)
        return;
    segment_index_encode(index, &bytes);
    (void)io->write(io, file, bytes.data, bytes.size, 0);
    (void)io->close(io, file);
    buf_fini(&bytes);
}

int segment_index_read(struct segment_index *index, struct io *io, uint64_t segment)
{
    char name[SEGMENT_NAME_BYTES];
    segment_index_name(segment, name);
    int file = io->open(io, name, IO_READ);
    if (file < 0)
        return file;
    int64_t size = io->size(io, file);
    int status = size < 0 ? (int)size : 0;
    if (status == 0 && size > INT32_MAX)
        status = -EBADMSG;
    uint8_t *bytes = status == 0 ? mem_try_alloc((size_t)size + 1) : NULL;
    if (status == 0 && bytes == NULL)
        status = -ENOMEM;
    if (status == 0) {
        int64_t got = io->read(io, file, bytes, (size_t)size, 0);
        status = got < 0 ? (int)got : segment_index_decode(index, slice_of(bytes, (size_t)got));
    }
    mem_free(bytes);
    (void)io->close(io, file);
    if (status == 0 && index->segment != segment) {
        segment_index_fini(index);
        status = -EBADMSG;
    }
    return status;
}
