/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/policy.h"
#include "test/sim/model_parts.h"

static const struct {
    const char *argument;
    int least, most; /* of what is chosen */
    unsigned one_in; /* so many have it */
} settings[SETTINGS] = {
    [SETTING_TTL] = {"x-message-ttl", 0, 200, 4},
    [SETTING_EXPIRES] = {"x-expires", 1, 3000, 6},
    [SETTING_LENGTH] = {"x-max-length", 0, 6, 4},
    [SETTING_BYTES] = {"x-max-length-bytes", 0, 300, 6},
    [SETTING_DELIVERIES] = {"x-delivery-limit", 0, 3, 4},
    [SETTING_OVERFLOW] = {"x-overflow", OVERFLOW_DROP_HEAD, OVERFLOW_REJECT_PUBLISH_DLX, 2},
    [SETTING_DLX] = {"x-dead-letter-exchange", 0, EXCHANGES - 1, 2},
    [SETTING_DLK] = {"x-dead-letter-routing-key", 0, PUBLISH_KEYS - 1, 3},
};

static const char *const overflows[] = {"drop-head", "reject-publish", "reject-publish-dlx"};

/* Which queues a policy of each scope is for. */
static const struct {
    const char *pattern;
    int first, last;
} scopes[] = {{"^q", 0, QUEUES - 1}, {"^q[0-2]$", 0, 2}, {"^q[2-4]$", 2, 4}, {"^q5$", 5, 5}};

/* --- chosen and written ---------------------------------------------------------------------- */

static struct m_settings choose(struct model *model, bool for_operators)
{
    struct m_settings chosen;
    for (int i = 0; i < SETTINGS; i++) {
        bool is_wanted = one_in(model, settings[i].one_in) &&
                         !(for_operators && (i == SETTING_DLX || i == SETTING_DLK));
        uint32_t span = (uint32_t)(settings[i].most - settings[i].least) + 1;
        chosen.of[i] = is_wanted ? settings[i].least + (int)below(model, span) : NONE;
    }
    if (chosen.of[SETTING_EXPIRES] != NONE && !one_in(model, 3))
        chosen.of[SETTING_EXPIRES] = NONE; /* lest queues come and go only */
    return chosen;
}

static void put(struct buf *table, const struct m_settings *chosen, unsigned skipped)
{
    for (int i = 0; i < SETTINGS; i++) {
        const char *name = settings[i].argument + skipped;
        int value = chosen->of[i];
        if (value == NONE)
            continue;
        if (i < SETTING_NUMBERS)
            table_put_int(table, name, value);
        else
            table_put_longstr(table, name,
                              S(i == SETTING_OVERFLOW ? overflows[value]
                                : i == SETTING_DLX    ? exchange_name(value)
                                                      : model_keys[value]));
    }
}

struct m_features settings_choose(struct model *model)
{
    struct m_features features = {.single_active = one_in(model, 4),
                                  .max_priority = one_in(model, 3) ? 1 + (int)below(model, 4) : 0,
                                  .arguments = choose(model, false)};
    if (features.arguments.of[SETTING_DLX] == NONE)
        features.arguments.of[SETTING_DLK] = NONE; /* it would be refused */
    return features;
}

void settings_put_arguments(struct buf *table, const struct m_features *features)
{
    put(table, &features->arguments, 0);
    if (features->single_active)
        table_put_bool(table, "x-single-active-consumer", true);
    if (features->max_priority > 0)
        table_put_int(table, "x-max-priority", features->max_priority);
}

/* --- in force -------------------------------------------------------------------------------- */

/* The policy of KIND that is in force for QUEUE, or NULL. */
static const struct m_policy *find_policy(const struct model *model, enum policy_kind kind,
                                          int queue)
{
    const struct m_policy *best = NULL;
    for (int i = 0; i < POLICIES; i++) {
        const struct m_policy *policy = &model->policies[kind][i];
        if (policy->alive && queue >= scopes[policy->scope].first &&
            queue <= scopes[policy->scope].last &&
            (best == NULL || policy->priority > best->priority))
            best = policy;
    }
    return best;
}

static int least(int a, int b)
{
    return a == NONE || (b != NONE && b < a) ? b : a;
}

static struct m_settings merge(const struct model *model, int queue)
{
    const struct m_policy *users = find_policy(model, POLICY_USERS, queue);
    const struct m_policy *operators = find_policy(model, POLICY_OPERATORS, queue);
    struct m_settings merged = model->queues[queue].features.arguments;
    if (model->canary == CANARY_OPERATORS)
        operators = NULL;
    if (model->canary == CANARY_POLICY)
        users = NULL;
    for (int i = 0; i < SETTINGS; i++) {
        int users_value = users == NULL ? NONE : users->settings.of[i];
        int operators_value = operators == NULL ? NONE : operators->settings.of[i];
        if (i < SETTING_NUMBERS)
            merged.of[i] = least(merged.of[i], least(users_value, operators_value));
        else if (merged.of[i] == NONE)
            merged.of[i] = operators_value != NONE ? operators_value : users_value;
    }
    return merged;
}

static bool find_policies(const struct model *model, int queue, uint32_t uids[POLICY_KINDS])
{
    bool is_other = false;
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        const struct m_policy *policy = find_policy(model, (enum policy_kind)kind, queue);
        uids[kind] = policy == NULL ? 0 : policy->uid;
        is_other |= uids[kind] != model->queues[queue].policies[kind];
    }
    return is_other;
}

static void change(struct model *model, int index)
{
    struct m_queue *queue = &model->queues[index];
    bool had_ttl = queue->settings.of[SETTING_TTL] != NONE;
    queue->settings = merge(model, index);
    if (!had_ttl)
        queue->ttl_since_ms = stock_wall_ms(model);
    queue->used_ms = stock_now_ms(model);
    queue->has_changed = true;
}

void settings_apply(struct model *model, int index)
{
    struct m_queue *queue = &model->queues[index];
    (void)find_policies(model, index, queue->policies);
    queue->settings.of[SETTING_TTL] = NONE;
    change(model, index);
    queue->has_changed = false;
}

/* --- policies -------------------------------------------------------------------------------- */

static void put_policy(struct model *model, enum policy_kind kind, struct m_policy *policy,
                       struct slice name)
{
    struct vhost *vhost = map_get(&model->harness.engine->vhosts, SLICE_LITERAL("/"));
    struct buf fields = {0};
    table_put_longstr(&fields, "pattern", S(scopes[policy->scope].pattern));
    table_put_longstr(&fields, "apply-to", SLICE_LITERAL("queues"));
    table_put_int(&fields, "priority", policy->priority);
    size_t nested = table_put_table(&fields, "definition");
    put(&fields, &policy->settings, 2);
    table_end(&fields, nested);
    (void)policy_put(vhost, kind, name, buf_slice(&fields));
    buf_fini(&fields);
}

static bool is_empty(const struct m_settings *chosen)
{
    bool is = true;
    for (int i = 0; i < SETTINGS; i++)
        is &= chosen->of[i] == NONE;
    return is;
}

void settings_operate(struct model *model)
{
    struct vhost *vhost = map_get(&model->harness.engine->vhosts, SLICE_LITERAL("/"));
    enum policy_kind kind = one_in(model, 2) ? POLICY_USERS : POLICY_OPERATORS;
    uint32_t which = below(model, POLICIES);
    struct m_policy *policy = &model->policies[kind][which];
    char name[8];
    (void)snprintf(name, sizeof name, "p%u", which);
    if (policy->alive && one_in(model, 2)) {
        policy->alive = false;
        (void)policy_delete(vhost, kind, policy_find(vhost, kind, S(name)));
    } else {
        *policy = (struct m_policy){.alive = true,
                                    .scope = (int)below(model, sizeof scopes / sizeof scopes[0]),
                                    .priority = (int)below(model, 3),
                                    .uid = ++model->uids,
                                    .settings = choose(model, kind == POLICY_OPERATORS)};
        if (is_empty(&policy->settings))
            policy->settings.of[SETTING_DELIVERIES] = 1;
        put_policy(model, kind, policy, S(name));
    }
    uint32_t uids[POLICY_KINDS];
    for (int q = 0; q < QUEUES; q++)
        if (model->queues[q].alive && find_policies(model, q, uids)) {
            memcpy(model->queues[q].policies, uids, sizeof uids);
            change(model, q);
        }
    engine_end_change(model->harness.engine);
}
