/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/registry.h"

#include "exchange/engine.h"
#include "exchange/event.h"
#include "server/base/mem.h"

void registry_add(struct engine *engine, enum registry_kind kind, struct registered *item)
{
    struct registry *registry = &engine->registries[kind];
    CHECK_ID(item->id == 0, item->id);
    if (registry->count == registry->capacity) {
        registry->capacity = registry->capacity == 0 ? 16 : registry->capacity * 2;
        registry->items = mem_realloc(registry->items,
                                      registry->capacity * sizeof(struct registered *));
    }
    item->id = ++registry->last_id;
    item->at = registry->count;
    registry->items[registry->count++] = item;
    if (engine->observer != NULL)
        engine->observer->came(engine->observer, kind, item);
    if (engine->tells_events)
        event_came(engine, kind, item);
}

void registry_remove(struct engine *engine, enum registry_kind kind, struct registered *item)
{
    struct registry *registry = &engine->registries[kind];
    if (item->id == 0)
        return;
    CHECK_ID(item->at < registry->count && registry->items[item->at] == item, item->id);
    if (engine->observer != NULL)
        engine->observer->went(engine->observer, kind, item);
    if (engine->tells_events)
        event_went(engine, kind, item);
    struct registered *last = registry->items[--registry->count];
    registry->items[item->at] = last;
    last->at = item->at;
    item->id = 0;
}

void registry_changed(struct engine *engine, enum registry_kind kind, const struct registered *item)
{
    if (engine->observer != NULL && item->id != 0)
        engine->observer->came(engine->observer, kind, item);
}

void registry_observe(struct engine *engine, struct registry_observer *observer)
{
    engine->observer = observer;
    if (observer == NULL)
        return;
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < engine->registries[kind].count; i++)
            observer->came(observer, (enum registry_kind)kind, engine->registries[kind].items[i]);
}

void registry_fini(struct engine *engine)
{
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        mem_free(engine->registries[kind].items);
}
