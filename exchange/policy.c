/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A virtual host may have a hundred thousand queues, and an expression is dear. So a
 * change looks only where it can matter: a new policy is tried once with each object, and all
 * policies are gone through only for objects whose policy went away.
 */
#include "exchange/policy.h"

#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/exchange.h"
#include "exchange/policy_check.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"
#include "server/base/pattern.h"

static const struct {
    const char *name;
    enum definition_kind kind;
} kinds[POLICY_KINDS] = {
    [POLICY_USERS] = {"policy", DEFINITION_POLICY},
    [POLICY_OPERATORS] = {"operator_policy", DEFINITION_OPERATOR_POLICY},
};

static struct policy *policy_of(struct list_node *node)
{
    return LIST_ENTRY(node, struct policy, by_rank);
}

/* --- a policy -------------------------------------------------------------------------------- */

static struct slice field(struct slice fields, const char *name, enum table_type type)
{
    struct table_value value;
    bool found = table_find(fields, slice_from_string(name), &value) && value.type == type;
    return found ? value.bytes : SLICE_EMPTY;
}

static void policy_free(struct policy *policy)
{
    pattern_free(policy->matcher);
    mem_free((void *)policy->name.data);
    mem_free((void *)policy->pattern.data);
    mem_free((void *)policy->definition.data);
    mem_free(policy);
}

/* NULL when FIELDS, which another version may have written, say nothing that this one understands.
 */
static struct policy *policy_new(struct slice name, struct slice fields)
{
    struct pattern_error error;
    struct buf definition = {0};
    struct slice twice, apply_to = field(fields, "apply-to", TABLE_LONGSTR);
    const struct policy_target *target = policy_target_find(
        apply_to.size > 0 ? apply_to : SLICE_LITERAL("all"));
    struct policy *policy = mem_zalloc(sizeof *policy);
    policy->name = slice_dup(name);
    policy->pattern = slice_dup(field(fields, "pattern", TABLE_LONGSTR));
    policy->matcher = pattern_new(policy->pattern, &error);
    bool sorted = policy_sort_definition(field(fields, "definition", TABLE_TABLE), &definition,
                                         &twice);
    policy->definition = slice_dup(buf_slice(&definition));
    buf_fini(&definition);
    if (!table_find(fields, SLICE_LITERAL("priority"), &policy->priority))
        policy->priority = (struct table_value){.type = TABLE_INT64};
    if (policy->matcher == NULL || !sorted || target == NULL) {
        policy_free(policy);
        return NULL;
    }
    policy->apply_to = target->name;
    for (unsigned object = POLICY_CLASSIC; object <= POLICY_EXCHANGE; object *= 2)
        if ((target->objects & object) != 0 && policy_keys_apply(policy->definition, object))
            policy->objects |= object;
    return policy;
}

void policy_fields(const struct policy *policy, struct buf *fields)
{
    table_put_longstr(fields, "pattern", policy->pattern);
    table_put_longstr(fields, "apply-to", slice_from_string(policy->apply_to));
    table_put(fields, SLICE_LITERAL("definition"),
              &(struct table_value){.type = TABLE_TABLE, .bytes = policy->definition});
    table_put(fields, SLICE_LITERAL("priority"), &policy->priority);
}

static double number(const struct table_value *value)
{
    return table_type_is_integer(value->type) ? (double)value->integer
           : value->type == TABLE_DOUBLE      ? value->real
                                              : 0;
}

static bool outranks(const struct policy *a, const struct policy *b)
{
    double left = number(&a->priority), right = number(&b->priority);
    return left != right ? left > right : slice_compare(a->name, b->name) < 0;
}

/* --- objects --------------------------------------------------------------------------------- */

/* A queue or an exchange, as far as policies go. */
struct object {
    struct vhost *vhost;
    enum policy_object type;
    struct slice name;
    struct policy **policies;
    struct queue *queue; /* this one or the next is NULL */
    struct exchange *exchange;
    const struct registered *registered;
};

static enum policy_object type_of_queue(const struct queue *queue)
{
    struct table_value value;
    if (!table_find(queue->arguments, SLICE_LITERAL("x-queue-type"), &value) ||
        value.type != TABLE_LONGSTR)
        return POLICY_CLASSIC;
    return slice_equal(value.bytes, SLICE_LITERAL("quorum"))   ? POLICY_QUORUM
           : slice_equal(value.bytes, SLICE_LITERAL("stream")) ? POLICY_STREAM
                                                               : POLICY_CLASSIC;
}

static struct object object_of_queue(struct queue *queue)
{
    return (struct object){.vhost = queue->vhost,
                           .type = type_of_queue(queue),
                           .name = queue->name,
                           .policies = queue->policies,
                           .queue = queue,
                           .registered = &queue->registered};
}

static struct object object_of_exchange(struct exchange *exchange)
{
    return (struct object){.vhost = exchange->vhost,
                           .type = POLICY_EXCHANGE,
                           .name = exchange->name,
                           .policies = exchange->policies,
                           .exchange = exchange,
                           .registered = &exchange->registered};
}

static bool applies(const struct policy *policy, const struct object *object)
{
    return (policy->objects & object->type) != 0 && pattern_matches(policy->matcher, object->name);
}

/* The first by rank of those that apply to OBJECT, or NULL. */
static struct policy *choose(const struct object *object, enum policy_kind kind)
{
    list_for_each (node, &object->vhost->policies[kind])
        if (applies(policy_of(node), object))
            return policy_of(node);
    return NULL;
}

static void give(const struct object *object, enum policy_kind kind, struct policy *policy)
{
    if (object->policies[kind] == policy)
        return;
    object->policies[kind] = policy;
    if (object->exchange != NULL)
        exchange_policy_changed(object->exchange);
    else
        queue_settings_changed(object->queue);
    registry_changed(object->vhost->engine,
                     object->exchange != NULL ? REGISTRY_EXCHANGE : REGISTRY_QUEUE,
                     object->registered);
}

static void give_all(const struct object *object)
{
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++)
        give(object, kind, choose(object, kind));
}

void policy_apply_to_queue(struct queue *queue)
{
    struct object object = object_of_queue(queue);
    give_all(&object);
}

void policy_apply_to_exchange(struct exchange *exchange)
{
    struct object object = object_of_exchange(exchange);
    give_all(&object);
}

/* A policy that comes (or NULL) and one that goes (or NULL). */
struct change {
    enum policy_kind kind;
    struct policy *before, *now;
};

static void change_object(const struct change *change, const struct object *object)
{
    const struct policy *current = object->policies[change->kind];
    if (current != NULL && current == change->before)
        give(object, change->kind, choose(object, change->kind));
    else if (change->now != NULL && (current == NULL || outranks(change->now, current)) &&
             applies(change->now, object))
        give(object, change->kind, change->now);
}

static void change_objects(struct vhost *vhost, const struct change *change)
{
    uint32_t position = 0;
    for (struct queue *queue; (queue = map_next(&vhost->queues, &position)) != NULL;) {
        struct object object = object_of_queue(queue);
        change_object(change, &object);
    }
    position = 0;
    for (struct exchange *exchange; (exchange = map_next(&vhost->exchanges, &position)) != NULL;) {
        struct object object = object_of_exchange(exchange);
        change_object(change, &object);
    }
}

/* --- a virtual host's policies --------------------------------------------------------------- */

struct policy *policy_find(const struct vhost *vhost, enum policy_kind kind, struct slice name)
{
    list_for_each (node, &vhost->policies[kind])
        if (slice_equal(policy_of(node)->name, name))
            return policy_of(node);
    return NULL;
}

static void link_by_rank(struct vhost *vhost, enum policy_kind kind, struct policy *policy)
{
    struct list_node *before = &vhost->policies[kind].head;
    list_for_each (node, &vhost->policies[kind])
        if (outranks(policy, policy_of(node))) {
            before = node;
            break;
        }
    list_insert_before(before, &policy->by_rank);
}

/* Puts POLICY (or nothing, for NULL) in the place of BEFORE (or NULL), which is freed. */
static void replace(struct vhost *vhost, enum policy_kind kind, struct policy *before,
                    struct policy *policy)
{
    if (before != NULL)
        list_remove(&before->by_rank);
    if (policy != NULL)
        link_by_rank(vhost, kind, policy);
    change_objects(vhost, &(struct change){kind, before, policy});
    if (before != NULL)
        policy_free(before);
}

static uint64_t undefine(struct vhost *vhost, enum policy_kind kind, const struct policy *policy)
{
    struct buf room = {0};
    struct slice key = definition_key(&room, vhost->name, policy->name, SLICE_EMPTY);
    uint64_t lsn = engine_undefine(vhost->engine, kinds[kind].kind, key);
    buf_fini(&room);
    return lsn;
}

uint64_t policy_put(struct vhost *vhost, enum policy_kind kind, struct slice name,
                    struct slice fields)
{
    struct policy *policy = policy_new(name, fields);
    CHECK(policy != NULL);
    struct buf room = {0}, value = {0};
    policy_fields(policy, &value);
    struct slice key = definition_key(&room, vhost->name, name, SLICE_EMPTY);
    uint64_t lsn = engine_define(vhost->engine, kinds[kind].kind, key, buf_slice(&value));
    buf_fini(&room);
    buf_fini(&value);
    replace(vhost, kind, policy_find(vhost, kind, name), policy);
    event_policy_set(vhost, policy, kind == POLICY_OPERATORS);
    return lsn;
}

uint64_t policy_delete(struct vhost *vhost, enum policy_kind kind, struct policy *policy)
{
    uint64_t lsn = undefine(vhost, kind, policy);
    event_policy_cleared(vhost, policy->name, kind == POLICY_OPERATORS);
    replace(vhost, kind, policy, NULL);
    return lsn;
}

static bool restore(struct engine *engine, enum policy_kind kind, struct slice key,
                    struct slice fields)
{
    struct slice vhost_name = definition_key_next(&key);
    struct vhost *vhost = map_get(&engine->vhosts, vhost_name);
    struct policy *policy = vhost != NULL ? policy_new(key, fields) : NULL;
    if (policy != NULL)
        replace(vhost, kind, policy_find(vhost, kind, key), policy);
    return policy != NULL;
}

bool policy_restore(struct engine *engine, struct slice key, struct slice value)
{
    return restore(engine, POLICY_USERS, key, value);
}

bool policy_restore_operators(struct engine *engine, struct slice key, struct slice value)
{
    return restore(engine, POLICY_OPERATORS, key, value);
}

void policy_vhost_init(struct vhost *vhost)
{
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++)
        list_init(&vhost->policies[kind]);
}

void policy_vhost_fini(struct vhost *vhost)
{
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++)
        for (struct list_node *node; (node = list_pop(&vhost->policies[kind])) != NULL;)
            policy_free(policy_of(node));
}

/* --- what is in force ------------------------------------------------------------------------ */

bool policy_value(struct policy *const policies[POLICY_KINDS], struct slice key,
                  struct table_value *value)
{
    struct table_value values[POLICY_KINDS];
    bool found[POLICY_KINDS];
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++)
        found[kind] = policies[kind] != NULL &&
                      table_find(policies[kind]->definition, key, &values[kind]);
    if (found[POLICY_USERS] && found[POLICY_OPERATORS])
        *value = policy_keys_merge(key, &values[POLICY_USERS], &values[POLICY_OPERATORS]);
    else if (found[POLICY_USERS] || found[POLICY_OPERATORS])
        *value = values[found[POLICY_USERS] ? POLICY_USERS : POLICY_OPERATORS];
    return found[POLICY_USERS] || found[POLICY_OPERATORS];
}

void policy_definition(struct policy *const policies[POLICY_KINDS], struct buf *definition)
{
    struct buf both = {0};
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++) {
        struct cursor cursor = cursor_of(policies[kind] != NULL ? policies[kind]->definition
                                                                : SLICE_EMPTY);
        struct slice key;
        struct table_value value;
        while (table_next(&cursor, &key, &value)) {
            bool is_known = kind == POLICY_OPERATORS &&
                            table_find(buf_slice(&both), key, &(struct table_value){0});
            if (!is_known && policy_value(policies, key, &value))
                table_put(&both, key, &value);
        }
    }
    struct slice twice;
    (void)policy_sort_definition(buf_slice(&both), definition, &twice);
    buf_fini(&both);
}
