/* SPDX-License-Identifier: Apache-2.0 */
/* What a vhost is beside its name and what is in it; here and in the store. */
#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

static void set(struct slice *to, struct slice from)
{
    struct slice copy = slice_dup(from); /* first: FROM may be TO */
    mem_free((void *)to->data);
    *to = copy;
}

void vhost_set_metadata(struct vhost *vhost, const struct vhost_metadata *metadata)
{
    set(&vhost->description, metadata->description);
    set(&vhost->default_queue_type, metadata->default_queue_type);
    set(&vhost->tags, metadata->tags);
    vhost->tracing = metadata->tracing;
    registry_changed(vhost->engine, REGISTRY_VHOST, &vhost->registered);
}

uint64_t vhost_define(struct vhost *vhost)
{
    struct buf value = {0};
    table_put_longstr(&value, "description", vhost->description);
    table_put_longstr(&value, "default_queue_type", vhost->default_queue_type);
    table_put(&value, SLICE_LITERAL("tags"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = vhost->tags});
    table_put_bool(&value, "tracing", vhost->tracing);
    uint64_t lsn = engine_define(vhost->engine, DEFINITION_VHOST, vhost->name, buf_slice(&value));
    buf_fini(&value);
    return lsn;
}

static struct slice get_text(struct slice value, struct slice key)
{
    struct table_value field;
    return table_find(value, key, &field) && field.type == TABLE_LONGSTR ? field.bytes
                                                                         : SLICE_EMPTY;
}

bool vhost_restore(struct engine *engine, struct slice key, struct slice value)
{
    struct table_value field;
    if (map_get(&engine->vhosts, key) != NULL)
        return false;
    struct vhost_metadata metadata = {
        .description = get_text(value, SLICE_LITERAL("description")),
        .default_queue_type = get_text(value, SLICE_LITERAL("default_queue_type"))};
    if (table_find(value, SLICE_LITERAL("tags"), &field) && field.type == TABLE_ARRAY)
        metadata.tags = field.bytes;
    metadata.tracing = table_find(value, SLICE_LITERAL("tracing"), &field) &&
                       field.type == TABLE_BOOL && field.boolean;
    struct vhost *vhost = vhost_new(engine, key);
    vhost_set_metadata(vhost, &metadata);
    map_add(&engine->vhosts, vhost->name, vhost);
    return true;
}
