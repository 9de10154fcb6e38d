/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Events of what administrators change, with RabbitMQ's fields. Whoever calls has
 * made the change already.
 */
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/permission.h"
#include "exchange/policy.h"
#include "exchange/user.h"
#include "exchange/vhost.h"

#define AUDITED      (EVENT_PUBLISHED | EVENT_BY_USER | EVENT_AUDITED)
#define TEXT(string) slice_from_string(string)

/* --- virtual hosts, users, permissions ------------------------------------------------------- */

void event_vhost(const struct vhost *vhost, const char *name)
{
    bool goes = strcmp(name, "vhost.deleted") == 0;
    struct buf state = {0};
    struct slice queue_type = vhost->default_queue_type;
    table_put(&state, vhost->engine->node_name,
              &(struct table_value){.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("running")});
    const struct event_field fields[] = {
        EVENT_TEXT("name", vhost->name),
        goes ? EVENT_END : EVENT_TEXT("description", vhost->description),
        EVENT_ARRAY("tags", vhost->tags),
        EVENT_BOOL("tracing", vhost->tracing),
        EVENT_TABLE("cluster_state", buf_slice(&state)),
        EVENT_TEXT("default_queue_type", queue_type.size > 0 ? queue_type : TEXT("undefined")),
        EVENT_END,
    };
    event_tell(vhost->engine, name, AUDITED, fields);
    buf_fini(&state);
}

void event_user(struct engine *engine, const char *name, struct slice user)
{
    event_tell(engine, name, AUDITED, EVENT_FIELDS(EVENT_TEXT("name", user)));
}

void event_user_tags(struct engine *engine, const struct user *user)
{
    event_tell(engine, "user.tags.set", AUDITED,
               EVENT_FIELDS(EVENT_ARRAY("tags", user->tags), EVENT_TEXT("name", user->name)));
}

void event_permission_set(const struct vhost *vhost, const struct permission *permission,
                          bool is_topic)
{
    struct event_field fields[] = {
        EVENT_TEXT("read", permission->expressions[ACCESS_READ]),
        EVENT_TEXT("write", permission->expressions[ACCESS_WRITE]),
        is_topic ? EVENT_TEXT("exchange", permission->exchange)
                 : EVENT_TEXT("configure", permission->expressions[ACCESS_CONFIGURE]),
        EVENT_TEXT("vhost", vhost->name),
        EVENT_TEXT("user", permission->user),
        EVENT_END,
    };
    event_tell(vhost->engine, is_topic ? "topic.permission.created" : "permission.created", AUDITED,
               fields);
}

void event_permission_cleared(const struct vhost *vhost, struct slice user, bool is_topic)
{
    event_tell(vhost->engine, is_topic ? "topic.permission.deleted" : "permission.deleted", AUDITED,
               EVENT_FIELDS(EVENT_TEXT("vhost", vhost->name), EVENT_TEXT("user", user)));
}

/* --- limits, policies, parameters ------------------------------------------------------------ */

#define LIMITS_MAX 2

/* The limits as fields of their own; returns how many. */
static unsigned put_limits(struct event_field fields[LIMITS_MAX], char keys[LIMITS_MAX][32],
                           struct slice limits)
{
    struct cursor cursor = cursor_of(limits);
    struct slice key;
    struct table_value value;
    unsigned count = 0;
    while (count < LIMITS_MAX && table_next(&cursor, &key, &value)) {
        size_t size = key.size < 31 ? key.size : 31;
        memcpy(keys[count], key.data, size);
        keys[count][size] = '\0';
        fields[count] = EVENT_INT(keys[count], value.integer);
        count++;
    }
    return count;
}

static void tell_limits(struct engine *engine, const char *name, const char *owner_key,
                        struct slice owner, struct slice limits)
{
    struct event_field fields[LIMITS_MAX + 3];
    char keys[LIMITS_MAX][32];
    unsigned count = put_limits(fields, keys, limits);
    fields[count++] = EVENT_TEXT(owner_key, owner);
    fields[count++] = EVENT_TEXT("name", TEXT("limits"));
    fields[count] = EVENT_END;
    event_tell(engine, name, AUDITED, fields);
}

void event_vhost_limits(struct engine *engine, struct slice vhost, struct slice limits)
{
    unsigned flags = EVENT_PUBLISHED | EVENT_BY_USER;
    event_tell(engine, "parameter.set", flags,
               EVENT_FIELDS(EVENT_TABLE("value", limits), EVENT_TEXT("name", TEXT("limits")),
                            EVENT_TEXT("component", TEXT("vhost-limits")),
                            EVENT_TEXT("vhost", vhost)));
    tell_limits(engine, "vhost.limits.set", "vhost", vhost, limits);
}

void event_user_limits(struct engine *engine, struct slice user, struct slice limits)
{
    tell_limits(engine, limits.size > 0 ? "user.limits.set" : "user.limits.cleared", "username",
                user, limits);
}

void event_policy_set(const struct vhost *vhost, const struct policy *policy, bool is_operators)
{
    const struct event_field fields[] = {
        EVENT_TEXT("apply-to", TEXT(policy->apply_to)),
        EVENT_INT("priority",
                  table_type_is_integer(policy->priority.type) ? policy->priority.integer : 0),
        EVENT_TABLE("definition", policy->definition),
        EVENT_TEXT("pattern", policy->pattern),
        EVENT_TEXT("vhost", vhost->name),
        EVENT_TEXT("name", policy->name),
        EVENT_END,
    };
    if (is_operators) {
        struct buf value = {0};
        policy_fields(policy, &value);
        event_tell(vhost->engine, "parameter.set", EVENT_PUBLISHED | EVENT_BY_USER,
                   EVENT_FIELDS(EVENT_TABLE("value", buf_slice(&value)),
                                EVENT_TEXT("name", policy->name),
                                EVENT_TEXT("component", TEXT("operator_policy")),
                                EVENT_TEXT("vhost", vhost->name)));
        buf_fini(&value);
    }
    event_tell(vhost->engine, "policy.set",
               is_operators ? EVENT_PUBLISHED | EVENT_BY_USER : (unsigned)AUDITED, fields);
    if (is_operators)
        event_tell(vhost->engine, "operator.policy.set", EVENT_AUDITED, fields);
}

void event_policy_cleared(const struct vhost *vhost, struct slice name, bool is_operators)
{
    if (is_operators)
        event_tell(vhost->engine, "parameter.cleared", EVENT_PUBLISHED | EVENT_BY_USER,
                   EVENT_FIELDS(EVENT_TEXT("name", name),
                                EVENT_TEXT("component", TEXT("operator_policy")),
                                EVENT_TEXT("vhost", vhost->name)));
    event_tell(vhost->engine, is_operators ? "operator.policy.cleared" : "policy.cleared", AUDITED,
               EVENT_FIELDS(EVENT_TEXT("vhost", vhost->name), EVENT_TEXT("name", name)));
}

/* The value may be a secret: of that the log has nothing. */
void event_global_parameter(struct engine *engine, struct slice name, struct slice value)
{
    event_tell(engine, value.size > 0 ? "parameter.set" : "parameter.cleared", AUDITED,
               EVENT_FIELDS(EVENT_PAIRS(value), EVENT_TEXT("name", name),
                            EVENT_TEXT("component", TEXT("global"))));
}

void event_operator(struct engine *engine, const char *name, struct slice subject)
{
    event_tell(engine, name, EVENT_AUDITED, EVENT_FIELDS(EVENT_TEXT("name", subject)));
}

void event_alarm(struct engine *engine, const char *source, bool is_on)
{
    event_tell(
        engine, is_on ? "alarm.set" : "alarm.cleared", EVENT_PUBLISHED,
        EVENT_FIELDS(EVENT_TEXT("node", engine->node_name), EVENT_TEXT("source", TEXT(source))));
}
