/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes: the state at an operation is the nearest snapshot before it, copied (references
 * only), with the operations between applied by the same function that applied them first. A
 * snapshot every 64 operations or 256 KiB keeps that to a fraction of a millisecond.
 */
#include "test/sim/disk_history.h"

#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"

enum { SNAPSHOT_OPERATIONS = 64, SNAPSHOT_BYTES = 256 << 10 };

struct snapshot {
    uint64_t operation;
    struct disk_state state;
};

uint64_t disk_random(uint64_t *seed)
{
    uint64_t mixed = *seed += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

uint64_t disk_random_below(uint64_t *seed, uint64_t limit)
{
    CHECK(limit > 0);
    return disk_random(seed) % limit;
}

/* Names */

void state_names_copy(struct state_names *to, const struct state_names *from)
{
    to->count = from->count;
    to->all = mem_alloc((from->count + 1) * sizeof *to->all);
    if (from->count > 0)
        memcpy(to->all, from->all, from->count * sizeof *to->all);
}

void state_names_fini(struct state_names *names)
{
    mem_free(names->all);
    *names = (struct state_names){0};
}

struct state_name *state_names_find(const struct state_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->all[i].name, name) == 0)
            return &names->all[i];
    return NULL;
}

static void names_remove(struct state_names *names, const char *name)
{
    struct state_name *found = state_names_find(names, name);
    if (found != NULL)
        *found = names->all[--names->count];
}

static void names_add(struct state_names *names, const char *name, uint32_t file)
{
    names_remove(names, name);
    names->all = mem_realloc(names->all, (names->count + 1) * sizeof *names->all);
    struct state_name *added = &names->all[names->count++];
    *added = (struct state_name){.file = file};
    strncpy(added->name, name, sizeof added->name - 1);
}

bool operation_is_on_names(const struct operation *operation)
{
    return operation->kind == OPERATION_CREATE || operation->kind == OPERATION_RENAME ||
           operation->kind == OPERATION_REMOVE;
}

void state_names_apply(struct state_names *names, const struct operation *operation)
{
    CHECK(operation_is_on_names(operation));
    if (operation->kind == OPERATION_CREATE) {
        names_add(names, operation->name, operation->file);
        return;
    }
    const struct state_name *found = state_names_find(names, operation->name);
    CHECK(found != NULL);
    uint32_t file = found->file;
    names_remove(names, operation->name);
    if (operation->kind == OPERATION_RENAME)
        names_add(names, operation->to, file);
}

/* States */

static void state_copy(struct disk_state *to, const struct disk_state *from)
{
    to->files_count = from->files_count;
    to->files = mem_alloc((from->files_count + 1) * sizeof *to->files);
    for (uint32_t i = 0; i < from->files_count; i++) {
        to->files[i] = from->files[i];
        image_ref(to->files[i].now);
        image_ref(to->files[i].durable);
    }
    state_names_copy(&to->now, &from->now);
    state_names_copy(&to->durable, &from->durable);
    to->names_synced_to = from->names_synced_to;
}

void disk_state_fini(struct disk_state *state)
{
    for (uint32_t i = 0; i < state->files_count; i++) {
        image_unref(state->files[i].now);
        image_unref(state->files[i].durable);
    }
    mem_free(state->files);
    state_names_fini(&state->now);
    state_names_fini(&state->durable);
    *state = (struct disk_state){0};
}

static void add_file(struct disk_state *state, struct state_file file)
{
    state->files = mem_realloc(state->files, (state->files_count + 1) * sizeof *state->files);
    state->files[state->files_count++] = file;
}

void disk_state_add(struct disk_state *state, const char *name, struct image *image)
{
    names_add(&state->now, name, state->files_count);
    names_add(&state->durable, name, state->files_count);
    add_file(state, (struct state_file){.now = image, .durable = image_ref(image)});
}

struct page_range operation_pages(const struct operation *operation, uint64_t old_bytes)
{
    if (operation->kind == OPERATION_RESIZE) {
        uint64_t larger = operation->bytes > old_bytes ? operation->bytes : old_bytes;
        return (struct page_range){0, image_pages(larger)};
    }
    CHECK(operation->kind == OPERATION_WRITE);
    return (struct page_range){(size_t)(operation->offset / DISK_PAGE_BYTES),
                               image_pages(operation->offset + operation->bytes)};
}

static bool changes_file(const struct operation *operation, uint32_t file)
{
    return operation->file == file &&
           (operation->kind == OPERATION_WRITE || operation->kind == OPERATION_RESIZE);
}

/* What was written since the last sync goes to the device, page by page: pages that a failed sync
 * gave up do not. */
static void apply_sync(const struct history *history, struct disk_state *state, uint64_t index)
{
    uint32_t number = history->operations[index].file;
    struct state_file *file = &state->files[number];
    image_resize(&file->durable, file->now->size);
    size_t pages = image_pages(file->now->size);
    for (uint64_t i = file->synced_to; i < index; i++) {
        if (!changes_file(&history->operations[i], number))
            continue;
        struct page_range range = operation_pages(&history->operations[i], file->now->size);
        for (size_t page = range.from; page < range.to && page < pages; page++)
            image_take_page(&file->durable, file->now, page);
    }
    file->synced_to = index + 1;
}

/* Each page that was to be written is clean from now on; some are forgotten at once. */
static void apply_sync_failed(const struct history *history, struct disk_state *state,
                              uint64_t index)
{
    const struct operation *operation = &history->operations[index];
    struct state_file *file = &state->files[operation->file];
    uint64_t seed = operation->seed;
    size_t pages = image_pages(file->now->size);
    for (uint64_t i = file->synced_to; i < index; i++) {
        if (!changes_file(&history->operations[i], operation->file))
            continue;
        struct page_range range = operation_pages(&history->operations[i], file->now->size);
        for (size_t page = range.from; page < range.to && page < pages; page++)
            if (disk_random_below(&seed, 2) == 0)
                image_take_page(&file->now, file->durable, page);
    }
    file->synced_to = index + 1;
}

/* What happened to the device is seen in what is read, too, and is not to be lost again. */
static void apply_damage(const struct operation *operation, struct state_file *file, uint64_t index)
{
    uint8_t byte;
    if (operation->kind == OPERATION_TRUNCATE) {
        image_resize(&file->now, operation->bytes);
    } else if (image_read(file->now, operation->offset, &byte, 1) == 1) {
        byte ^= (uint8_t)(1U << operation->bytes);
        image_write(&file->now, operation->offset, &byte, 1);
    }
    image_unref(file->durable);
    file->durable = image_ref(file->now);
    file->synced_to = index + 1;
}

static void apply(const struct history *history, struct disk_state *state, uint64_t index)
{
    const struct operation *operation = &history->operations[index];
    struct state_file *file = NULL;
    if (operation->file < state->files_count)
        file = &state->files[operation->file];
    switch (operation->kind) {
    case OPERATION_CREATE:
        CHECK(operation->file == state->files_count);
        add_file(state, (struct state_file){image_new(), image_new(), index + 1});
        state_names_apply(&state->now, operation);
        break;
    case OPERATION_WRITE:
        image_write(&file->now, operation->offset, operation->data, (size_t)operation->bytes);
        break;
    case OPERATION_RESIZE:
        image_resize(&file->now, 0);
        image_resize(&file->now, operation->bytes);
        break;
    case OPERATION_SYNC:
        apply_sync(history, state, index);
        break;
    case OPERATION_SYNC_FAILED:
        apply_sync_failed(history, state, index);
        break;
    case OPERATION_RENAME:
    case OPERATION_REMOVE:
        state_names_apply(&state->now, operation);
        break;
    case OPERATION_SYNC_DIRECTORY:
        state_names_fini(&state->durable);
        state_names_copy(&state->durable, &state->now);
        state->names_synced_to = index + 1;
        break;
    case OPERATION_FLIP:
    case OPERATION_TRUNCATE:
        apply_damage(operation, file, index);
        break;
    }
}

/* Histories */

static void take_snapshot(struct history *history)
{
    history->snapshots = mem_realloc(history->snapshots,
                                     (history->snapshots_count + 1) * sizeof *history->snapshots);
    struct snapshot *snapshot = &history->snapshots[history->snapshots_count++];
    snapshot->operation = history->count;
    state_copy(&snapshot->state, &history->state);
    history->bytes_since_snapshot = 0;
}

void history_init(struct history *history, struct disk_state start)
{
    *history = (struct history){.state = start};
    take_snapshot(history);
}

void history_fini(struct history *history)
{
    for (uint64_t i = 0; i < history->count; i++)
        mem_free(history->operations[i].data);
    mem_free(history->operations);
    for (size_t i = 0; i < history->snapshots_count; i++)
        disk_state_fini(&history->snapshots[i].state);
    mem_free(history->snapshots);
    disk_state_fini(&history->state);
}

void history_add(struct history *history, const struct operation *operation)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity * 2 + 64;
        history->operations = mem_realloc(history->operations,
                                          history->capacity * sizeof *history->operations);
    }
    struct operation *added = &history->operations[history->count];
    *added = *operation;
    if (added->data != NULL) {
        added->data = mem_alloc((size_t)operation->bytes);
        memcpy(added->data, operation->data, (size_t)operation->bytes);
        history->bytes_since_snapshot += operation->bytes;
    }
    apply(history, &history->state, history->count);
    history->count++;
    const struct snapshot *last = &history->snapshots[history->snapshots_count - 1];
    if (history->count - last->operation >= SNAPSHOT_OPERATIONS ||
        history->bytes_since_snapshot >= SNAPSHOT_BYTES)
        take_snapshot(history);
}

struct disk_state history_state_at(const struct history *history, uint64_t count)
{
    CHECK(count <= history->count);
    size_t low = 0, high = history->snapshots_count; /* the snapshot is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (history->snapshots[middle].operation <= count)
            low = middle;
        else
            high = middle;
    }
    struct disk_state state;
    state_copy(&state, &history->snapshots[low].state);
    for (uint64_t i = history->snapshots[low].operation; i < count; i++)
        apply(history, &state, i);
    return state;
}
