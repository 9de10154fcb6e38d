/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes: a page is written back whole, when the system likes, so after a cut it is what it
 * was after some number of its unsynced writes, for each page another number. A file's size and the
 * names are metadata with a journal of their own, so they have got as far as they like as well.
 */
#include "test/sim/disk_history.h"

#include "server/base/check.h"
#include "server/base/mem.h"

enum keep { KEEP_NOTHING, KEEP_ALL, KEEP_ANY };

#define NOTHING_TORN UINT64_MAX

struct cut {
    const struct history *history;
    uint64_t count;
    uint64_t seed;
    enum keep keep;
    uint64_t torn; /* the operation whose write is torn, or NOTHING_TORN */
    size_t torn_page;
};

static enum keep choose_keep(struct cut *cut)
{
    switch (disk_random_below(&cut->seed, 4)) {
    case 0:
        return KEEP_NOTHING;
    case 1:
        return KEEP_ALL;
    default:
        return KEEP_ANY;
    }
}

/* How many of COUNT unsynced changes have happened. */
static uint64_t choose_count(struct cut *cut, enum keep keep, uint64_t count)
{
    if (keep == KEEP_ANY)
        return disk_random_below(&cut->seed, count + 1);
    return keep == KEEP_ALL ? count : 0;
}

static const struct operation *operation_at(const struct cut *cut, uint64_t index)
{
    return &cut->history->operations[index];
}

static bool is_change_of(const struct operation *operation, uint32_t file)
{
    return operation->file == file &&
           (operation->kind == OPERATION_WRITE || operation->kind == OPERATION_RESIZE);
}

/* The newest change of a file, when it is an unsynced write, is torn in every other cut. */
static void choose_torn(struct cut *cut, const struct disk_state *state)
{
    cut->torn = NOTHING_TORN;
    uint64_t at = cut->count;
    while (at > 0 && operation_at(cut, at - 1)->kind != OPERATION_WRITE)
        at--;
    if (at == 0 || disk_random_below(&cut->seed, 2) == 0)
        return;
    const struct operation *write = operation_at(cut, at - 1);
    if (at - 1 < state->files[write->file].synced_to)
        return;
    for (uint64_t later = at; later < cut->count; later++)
        if (is_change_of(operation_at(cut, later), write->file))
            return;
    struct page_range range = operation_pages(write, 0);
    cut->torn = at - 1;
    cut->torn_page = range.from + (size_t)disk_random_below(&cut->seed, range.to - range.from);
}

/* The bytes of PAGE that OPERATION, a write, changes. */
static void bytes_in_page(const struct operation *operation, size_t page, uint64_t *from,
                          uint64_t *to)
{
    *from = (uint64_t)page * DISK_PAGE_BYTES;
    *to = *from + DISK_PAGE_BYTES;
    if (*from < operation->offset)
        *from = operation->offset;
    if (*to > operation->offset + operation->bytes)
        *to = operation->offset + operation->bytes;
}

/* Does to one page what OPERATION did. */
static void apply_to_page(const struct operation *operation, struct image **image, size_t page)
{
    if (operation->kind == OPERATION_RESIZE) {
        image_zero_page(image, page);
        return;
    }
    uint64_t from, to;
    bytes_in_page(operation, page, &from, &to);
    image_write(image, from, operation->data + (from - operation->offset), (size_t)(to - from));
}

/* Of the torn page the newest content up to a byte in the torn write, and what IMAGE has behind. */
static void tear(struct cut *cut, struct image **image, const struct image *newest)
{
    uint8_t bytes[DISK_PAGE_BYTES];
    uint64_t page_at = (uint64_t)cut->torn_page * DISK_PAGE_BYTES, from, to;
    bytes_in_page(operation_at(cut, cut->torn), cut->torn_page, &from, &to);
    uint64_t end = from + disk_random_below(&cut->seed, to - from + 1);
    size_t there = image_read(newest, page_at, bytes, (size_t)(end - page_at));
    image_write(image, page_at, bytes, there);
}

static uint64_t size_after(const struct operation *operation, uint64_t size)
{
    uint64_t end = operation->offset + operation->bytes;
    return operation->kind == OPERATION_RESIZE || end > size ? end : size;
}

struct unsynced {
    uint64_t changes;  /* how many */
    uint64_t size_max; /* the largest size that the file has had since its sync */
    uint64_t *left;    /* for each page of that, how many of its changes are kept; the caller's */
};

static struct unsynced unsynced_of(struct cut *cut, const struct state_file *file, uint32_t number)
{
    struct unsynced found = {.size_max = file->durable->size};
    for (uint64_t i = file->synced_to; i < cut->count; i++) {
        if (!is_change_of(operation_at(cut, i), number))
            continue;
        found.changes++;
        uint64_t size = size_after(operation_at(cut, i), 0);
        if (size > found.size_max)
            found.size_max = size;
    }
    size_t pages = image_pages(found.size_max);
    found.left = mem_zalloc((pages + 1) * sizeof *found.left);
    for (uint64_t i = file->synced_to; i < cut->count && found.changes > 0; i++) {
        if (!is_change_of(operation_at(cut, i), number))
            continue;
        struct page_range range = operation_pages(operation_at(cut, i), found.size_max);
        for (size_t page = range.from; page < range.to; page++)
            found.left[page]++;
    }
    for (size_t page = 0; page < pages; page++)
        if (found.left[page] > 0)
            found.left[page] = choose_count(cut, cut->keep, found.left[page]);
    return found;
}

/* What is left of a file; the caller's. */
static struct image *survivor(struct cut *cut, const struct state_file *file, uint32_t number)
{
    bool torn_here = cut->torn != NOTHING_TORN && operation_at(cut, cut->torn)->file == number;
    if (cut->keep == KEEP_NOTHING && !torn_here)
        return image_ref(file->durable);
    struct unsynced unsynced = unsynced_of(cut, file, number);
    uint64_t sizes_left = choose_count(cut, cut->keep, unsynced.changes);
    uint64_t size = file->durable->size;
    struct image *image = image_ref(file->durable);
    if (unsynced.changes > 0)
        image_resize(&image, unsynced.size_max);
    for (uint64_t i = file->synced_to; i < cut->count && unsynced.changes > 0; i++) {
        const struct operation *operation = operation_at(cut, i);
        if (!is_change_of(operation, number))
            continue;
        struct page_range range = operation_pages(operation, unsynced.size_max);
        for (size_t page = range.from; page < range.to; page++) {
            if (unsynced.left[page] == 0)
                continue;
            apply_to_page(operation, &image, page);
            unsynced.left[page]--;
        }
        if (sizes_left > 0) {
            sizes_left--;
            size = size_after(operation, size);
        }
    }
    if (torn_here)
        tear(cut, &image, file->now);
    if (unsynced.changes > 0)
        image_resize(&image, size);
    mem_free(unsynced.left);
    return image;
}

/* The names on the device, with the first few of the changes since. The caller's. */
static struct state_names surviving_names(struct cut *cut, const struct disk_state *state)
{
    struct state_names names;
    state_names_copy(&names, &state->durable);
    uint64_t changes = 0;
    for (uint64_t i = state->names_synced_to; i < cut->count; i++)
        changes += operation_is_on_names(operation_at(cut, i));
    uint64_t left = choose_count(cut, choose_keep(cut), changes);
    for (uint64_t i = state->names_synced_to; left > 0; i++) {
        if (!operation_is_on_names(operation_at(cut, i)))
            continue;
        state_names_apply(&names, operation_at(cut, i));
        left--;
    }
    return names;
}

struct disk_state history_cut(const struct history *history, uint64_t count, uint64_t seed)
{
    struct disk_state before = history_state_at(history, count), after = {0};
    uint64_t mixed = seed ^ count * UINT64_C(0xD1342543DE82EF95);
    struct cut cut = {.history = history, .count = count, .seed = disk_random(&mixed)};
    struct state_names names = surviving_names(&cut, &before);
    cut.keep = choose_keep(&cut);
    choose_torn(&cut, &before);
    for (size_t i = 0; i < names.count; i++) {
        uint32_t number = names.all[i].file;
        CHECK_ID(number < before.files_count, number);
        disk_state_add(&after, names.all[i].name, survivor(&cut, &before.files[number], number));
    }
    state_names_fini(&names);
    disk_state_fini(&before);
    return after;
}
