// SPDX-License-Identifier: Apache-2.0
#include "checker.h"

#include "publisher.h"

#include <stdlib.h>

// Beyond this many, skipped numbers are only counted (as lost): a run that lost so much has failed.
enum { MISSING_MAX = 65536 };

void checker_init(struct checker *c, size_t producers, uint64_t first, uint64_t stride)
{
    *c = (struct checker){.stride = stride, .first = first, .producers = producers};
    c->next = calloc(producers, sizeof *c->next);
    if (!c->next)
        abort();
    for (size_t p = 0; p < producers; p++)
        c->next[p] = first;
}

// A number that is below the next one counts as one that came twice.
void checker_exclude(struct checker *c, size_t producer)
{
    c->next[producer] = UINT64_MAX;
}

void checker_fini(struct checker *c)
{
    free(c->next);
    free(c->missing);
}

static void note_missing(struct checker *c, uint64_t key)
{
    if (c->missing_count == c->missing_cap) {
        c->missing_cap = c->missing_cap ? 2 * c->missing_cap : 64;
        c->missing = reallocarray(c->missing, c->missing_cap, sizeof *c->missing);
        if (!c->missing)
            abort();
    }
    c->missing[c->missing_count++] = key;
}

void checker_see_unexpected(struct checker *c, uint64_t producer, uint64_t number)
{
    uint64_t top = producer << PRODUCER_SHIFT;
    if (number % c->stride != c->first % c->stride) {
        c->misordered++; // it belongs to another queue
        return;
    }
    if (number > c->next[producer]) {
        for (uint64_t n = c->next[producer]; n < number && c->missing_count < MISSING_MAX;
             n += c->stride)
            note_missing(c, top | n);
        c->next[producer] = number + c->stride;
        return;
    }
    for (size_t i = 0; i < c->missing_count; i++) {
        if (c->missing[i] == (top | number)) {
            c->missing[i] = c->missing[--c->missing_count];
            c->misordered++;
            return;
        }
    }
    c->duplicated++;
}

uint64_t checker_lost(const struct checker *c, const uint64_t *sent)
{
    uint64_t lost = c->missing_count;
    for (size_t p = 0; p < c->producers; p++)
        if (sent[p] > c->next[p])
            lost += (sent[p] - c->next[p] + c->stride - 1) / c->stride;
    return lost;
}
