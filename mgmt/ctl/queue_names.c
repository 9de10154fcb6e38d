/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/queue_names.h"

#include "persist/fact.h"
#include "server/base/mem.h"

static struct slice key_of(const uint64_t *id)
{
    return slice_of(id, sizeof *id);
}

static void note(struct queue_names *names, struct slice declaration)
{
    struct fact fact;
    if (fact_decode(STORE_QUEUE_DECLARE, declaration, &fact) < 0 ||
        map_get(&names->map, key_of(&fact.queue)) != NULL)
        return;
    struct queue_name *name = mem_alloc(sizeof *name);
    *name = (struct queue_name){fact.queue, slice_dup(fact.vhost), slice_dup(fact.name)};
    map_add(&names->map, key_of(&name->id), name);
}

void queue_names_note(struct queue_names *names, const struct record *record)
{
    if (record->type == FACT_RECORD_TYPE(STORE_QUEUE_DECLARE))
        note(names, record->payload);
}

void queue_names_note_all(struct queue_names *names, const struct inventory *inventory)
{
    uint32_t position = 0;
    for (const struct inventory_queue *queue;
         (queue = map_next(&inventory->queues, &position)) != NULL;)
        note(names, queue->declared);
}

const struct queue_name *queue_names_find(const struct queue_names *names, uint64_t id)
{
    return map_get(&names->map, key_of(&id));
}

void queue_names_fini(struct queue_names *names)
{
    uint32_t position = 0;
    for (struct queue_name *name; (name = map_next(&names->map, &position)) != NULL;) {
        mem_free((void *)name->vhost.data);
        mem_free((void *)name->name.data);
        mem_free(name);
    }
    map_fini(&names->map);
}
