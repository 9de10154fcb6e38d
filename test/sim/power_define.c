/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/power.h"

#include "amqp/table.h"
#include "exchange/accounts.h"
#include "exchange/engine.h"
#include "exchange/policy.h"

enum { TEXT_COUNT = 3 };

static const char *const texts[TEXT_COUNT] = {"a", "a.b", "c"};

static uint32_t below(struct power *power, uint32_t limit)
{
    return harness_below(&power->random, limit);
}

static void see_definition(struct durable_wait *wait)
{
    struct power_wait *own = (struct power_wait *)wait;
    own->is_waiting = false;
    if (!wait->failed)
        ledger_promise(own->power->ledger, own->events, disk_operations(own->power->disk));
}

void power_await_definition(struct power *power, uint64_t lsn, size_t events)
{
    for (unsigned i = 0; i < POWER_WAITS; i++) {
        struct power_wait *own = &power->waits[i];
        if (own->is_waiting)
            continue;
        *own = (struct power_wait){{.done = see_definition}, power, events, true};
        engine_when_durable(power->harness.engine, lsn, &own->wait);
        return;
    }
}

static uint64_t define_user(struct engine *engine, struct power *power, const char *name)
{
    if (below(power, 4) == 0)
        return access_delete_user(engine, S(name)).lsn;
    struct buf tags = {0};
    table_put_item(&tags, &(struct table_value){.type = TABLE_LONGSTR,
                                                .bytes = S(texts[below(power, TEXT_COUNT)])});
    struct account_result result = access_put_user(
        engine, &(struct user_spec){.name = S(name), .tags = buf_slice(&tags)});
    CHECK(result.status == ACCOUNT_CREATED || result.status == ACCOUNT_REPLACED);
    buf_fini(&tags);
    return result.lsn;
}

static uint64_t define_permission(struct engine *engine, struct power *power, const char *vhost,
                                  const char *user)
{
    struct slice any = S(texts[below(power, TEXT_COUNT)]);
    const struct slice expressions[ACCESS_OPERATIONS] = {any, any, any};
    switch (below(power, 4)) {
    case 0:
        return access_clear_permission(engine, S(vhost), S(user)).lsn;
    case 1:
        return access_set_topic_permission(engine, S(vhost), S(user), S("amq.topic"), expressions)
            .lsn;
    default:
        return access_set_permission(engine, S(vhost), S(user), expressions).lsn;
    }
}

/* A policy that is in force for queues in vhost "/", or for nothing. */
static uint64_t define_policy(struct engine *engine, struct power *power, const char *vhost_name,
                              const char *name)
{
    struct vhost *vhost = map_get(&engine->vhosts, S(vhost_name));
    if (vhost == NULL)
        return 0;
    struct policy *policy = policy_find(vhost, POLICY_USERS, S(name));
    if (policy != NULL && below(power, 3) == 0)
        return policy_delete(vhost, POLICY_USERS, policy);
    struct buf fields = {0};
    static const char *const patterns[] = {"^none$", "^q", "^q[01]$", "^q[2-4]$"};
    table_put_longstr(&fields, "pattern", S(patterns[below(power, 4)]));
    table_put_int(&fields, "priority", below(power, 3));
    size_t nested = table_put_table(&fields, "definition");
    power_put_policy(power, &fields);
    table_end(&fields, nested);
    uint64_t lsn = policy_put(vhost, POLICY_USERS, S(name), buf_slice(&fields));
    buf_fini(&fields);
    return lsn;
}

/* A vhost takes its permissions and policies along when it goes. */
static uint64_t define_vhost(struct engine *engine, struct power *power, const char *name)
{
    if (below(power, 3) == 0)
        return access_delete_vhost(engine, S(name)).lsn;
    const struct vhost_metadata metadata = {.description = S(texts[below(power, TEXT_COUNT)])};
    struct account_result result = access_put_vhost(engine, S(name), &metadata, S("u0"));
    CHECK(result.status == ACCOUNT_CREATED || result.status == ACCOUNT_REPLACED);
    return result.lsn;
}

void power_define(struct power *power)
{
    static const char *const users[] = {"u0", "u1", "u2", "u3"};
    static const char *const vhosts[] = {"/", "v0", "v1"};
    struct engine *engine = power->harness.engine;
    uint32_t count = 1 + below(power, 2);
    uint64_t lsn = 0;
    if (count > 1)
        engine_begin_together(engine);
    for (uint32_t i = 0; i < count; i++) {
        const char *user = users[below(power, 4)], *vhost = vhosts[below(power, 3)];
        uint32_t choice = below(power, 8);
        uint64_t done = choice < 2   ? define_user(engine, power, user)
                        : choice < 4 ? define_permission(engine, power, vhost, user)
                        : choice < 6 ? define_policy(engine, power, vhost, user)
                                     : define_vhost(engine, power, vhosts[1 + below(power, 2)]);
        lsn = done > lsn ? done : lsn;
    }
    if (count > 1)
        lsn = engine_end_together(engine);
    if (lsn > 0)
        power_await_definition(power, lsn, power->ledger->event_count - 1);
}
