/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/returned.h"

#include "server/base/check.h"
#include "server/base/mem.h"

#define CAPACITY_MIN 16

static void resize(struct returned *returned, uint32_t capacity)
{
    returned->entries = mem_realloc(returned->entries, capacity * sizeof *returned->entries);
    returned->capacity = capacity;
}

void returned_fini(struct returned *returned)
{
    CHECK(returned->count == 0);
    mem_free(returned->entries);
    *returned = (struct returned){0};
}

void returned_push(struct returned *returned, struct returned_entry entry)
{
    if (returned->count == returned->capacity)
        resize(returned, returned->capacity == 0 ? CAPACITY_MIN : returned->capacity * 2);
    uint32_t at = returned->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (returned->entries[parent].position <= entry.position)
            break;
        returned->entries[at] = returned->entries[parent];
        at = parent;
    }
    returned->entries[at] = entry;
}

bool returned_pop(struct returned *returned, struct returned_entry *entry)
{
    if (returned->count == 0)
        return false;
    *entry = returned->entries[0];
    struct returned_entry last = returned->entries[--returned->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= returned->count)
            break;
        if (child + 1 < returned->count &&
            returned->entries[child + 1].position < returned->entries[child].position)
            child++;
        if (last.position <= returned->entries[child].position)
            break;
        returned->entries[at] = returned->entries[child];
        at = child;
    }
    returned->entries[at] = last;
    if (returned->count == 0 && returned->capacity > CAPACITY_MIN) {
        mem_free(returned->entries);
        *returned = (struct returned){0};
    }
    return true;
}
