/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies and parameters. RabbitMQ keeps operators' policies and a virtual host's limits among
 * the parameters, as components of these names; it knows no others without plugins.
 */
#include "exchange/engine.h"
#include "exchange/parameter.h"
#include "exchange/policy.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/definitions/import_parts.h"

static bool add_pair(struct import *import, const char *key, const json_t *value,
                     struct buf *fields)
{
    if (amqp_json_to_pair(slice_from_string(key), value, fields))
        return true;
    import_problem(import, "%s is nested too deeply or has a key longer than 255 bytes", key);
    return false;
}

static void set_policy(struct import *import, enum policy_kind kind, const json_t *item,
                       struct slice name, struct slice fields)
{
    struct buf problem = {0};
    if (import->is_applying)
        (void)policy_put(import_vhost(import, item), kind, name, fields);
    else if (!policy_check(kind, name, fields, &problem))
        import_problem_text(import, buf_slice(&problem));
    buf_fini(&problem);
}

void import_policies(struct import *import, const json_t *item)
{
    static const char *const members[] = {"pattern", "definition", "priority", "apply-to"};
    struct buf fields = {0};
    struct slice vhost, name;
    bool good = import_vhost_name(import, item, &vhost);
    good &= import_string(import, item, "name", SIZE_MAX, &name);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *member = json_object_get(item, members[i]);
        if (member != NULL)
            good &= add_pair(import, members[i], member, &fields);
    }
    if (json_object_get(item, "priority") == NULL)
        table_put_int(&fields, "priority", 0);
    if (good)
        set_policy(import, POLICY_USERS, item, name, buf_slice(&fields));
    buf_fini(&fields);
}

void import_parameters(struct import *import, const json_t *item)
{
    struct buf fields = {0};
    struct slice vhost, component, name;
    bool good = import_vhost_name(import, item, &vhost);
    good &= import_string(import, item, "component", SIZE_MAX, &component);
    good &= import_string(import, item, "name", SIZE_MAX, &name);
    if (good && slice_equal(component, SLICE_LITERAL("operator_policy"))) {
        if (import_table(import, item, "value", &fields))
            set_policy(import, POLICY_OPERATORS, item, name, buf_slice(&fields));
    } else if (good && slice_equal(component, SLICE_LITERAL("vhost-limits"))) {
        if (!import->is_applying)
            (void)import_announce(import, IMPORT_LIMITS, vhost, SLICE_EMPTY,
                                  json_object_get(item, "value"));
        import_vhost_limits(import, vhost, json_object_get(item, "value"));
    } else if (good) {
        import_problem(import, "Validation failed\n\ncomponent %.*s not found\n",
                       SLICE_ARGS(component));
    }
    buf_fini(&fields);
}

void import_global_parameters(struct import *import, const json_t *item)
{
    struct buf value = {0};
    struct slice name;
    const json_t *member = json_object_get(item, PARAMETER_VALUE);
    bool good = import_string(import, item, "name", PARAMETER_NAME_MAX, &name);
    if (member == NULL) {
        import_problem(import, "value is missing");
        good = false;
    } else {
        good &= add_pair(import, PARAMETER_VALUE, member, &value);
    }
    if (good && import->is_applying)
        (void)parameter_put(import->engine, name, buf_slice(&value));
    else if (good && value.size > PARAMETER_BYTES_MAX)
        import_problem(import, "value is larger than %u bytes", PARAMETER_BYTES_MAX);
    buf_fini(&value);
}
