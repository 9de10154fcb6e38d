/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/global-parameters, and /api/parameters: there RabbitMQ shows, and lets one set, what its
 * components keep for virtual hosts. Without plugins that is operators' policies and limits.
 */
#include "exchange/parameter.h"

#include "exchange/accounts.h"
#include "exchange/erlang_term.h"
#include "exchange/policy.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"

#define OPERATOR_POLICY "operator_policy"
#define VHOST_LIMITS    "vhost-limits"
#define LIMITS_NAME     "limits" /* of the one parameter that has a virtual host's limits */

/* --- global ---------------------------------------------------------------------------------- */

static void write_global(struct json_writer *writer, const struct parameter *parameter)
{
    struct buf pairs = {0};
    table_put_longstr(&pairs, "name", parameter->name);
    buf_bytes(&pairs, parameter->value);
    json_write_table(writer, buf_slice(&pairs));
    buf_fini(&pairs);
}

static uint64_t write_globals(struct api_request *request, struct engine *engine,
                              struct outcome *outcome)
{
    struct json_writer writer;
    (void)request;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    list_for_each (node, &engine->global_parameters)
        write_global(&writer, LIST_ENTRY(node, struct parameter, by_name));
    json_write_array_end(&writer);
    return 0;
}

void api_get_global_parameters(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_globals);
}

static struct parameter *global_of(struct api_request *request, struct engine *engine)
{
    return parameter_find(engine, api_argument(request, "name"));
}

static uint64_t write_global_one(struct api_request *request, struct engine *engine,
                                 struct outcome *outcome)
{
    struct json_writer writer;
    const struct parameter *parameter = global_of(request, engine);
    if (parameter == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    write_global(&writer, parameter);
    return 0;
}

void api_get_global_parameter(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_global_one);
}

static uint64_t put_global(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    outcome->status = global_of(request, engine) == NULL ? 201 : 204;
    return parameter_put(engine, api_argument(request, "name"), buf_slice(&outcome->input));
}

/* Reads the body's "value" as a pair into the outcome's input; NULL when that was refused. */
static struct outcome *read_value(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return NULL;
    const json_t *value = json_object_get(body, PARAMETER_VALUE);
    struct outcome *outcome = outcome_new(request);
    bool good = false;
    if (value == NULL)
        api_refuse_bad_request(request, "[{key_missing,value}]");
    else if (!amqp_json_to_pair(SLICE_LITERAL(PARAMETER_VALUE), value, &outcome->input))
        api_refuse_bad_request(request, "a value's keys are of at most 255 bytes");
    else if (outcome->input.size > PARAMETER_BYTES_MAX)
        api_refuse_bad_request(request, "value is larger than %u bytes", PARAMETER_BYTES_MAX);
    else
        good = true;
    json_decref(body);
    return good ? outcome : NULL;
}

void api_put_global_parameter(struct api_request *request)
{
    if (api_argument(request, "name").size > PARAMETER_NAME_MAX) {
        api_refuse_bad_request(request, "name is longer than %u bytes", PARAMETER_NAME_MAX);
        return;
    }
    struct outcome *outcome = read_value(request);
    if (outcome != NULL)
        outcome_ask(request, outcome, put_global);
}

static uint64_t remove_global(struct api_request *request, struct engine *engine,
                              struct outcome *outcome)
{
    struct parameter *parameter = global_of(request, engine);
    if (parameter == NULL)
        return outcome_not_found(outcome);
    outcome->status = 204;
    return parameter_delete(engine, parameter);
}

void api_delete_global_parameter(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), remove_global);
}

/* --- of virtual hosts ------------------------------------------------------------------------ */

static bool wants_component(const struct api_request *request, const char *component)
{
    return route_argument(request->route, "component") < 0 ||
           slice_equal(api_argument(request, "component"), slice_from_string(component));
}

static void write_operator_policy(struct json_writer *writer, const struct vhost *vhost,
                                  const struct policy *policy)
{
    struct buf pairs = {0};
    size_t mark = table_put_table(&pairs, PARAMETER_VALUE);
    policy_fields(policy, &pairs);
    table_end(&pairs, mark);
    table_put_longstr(&pairs, "vhost", vhost->name);
    table_put_longstr(&pairs, "component", SLICE_LITERAL(OPERATOR_POLICY));
    table_put_longstr(&pairs, "name", policy->name);
    json_write_table(writer, buf_slice(&pairs));
    buf_fini(&pairs);
}

/* Does the path ask for limits, and has VHOST some? */
static bool has_limits(struct api_request *request, const struct vhost *vhost)
{
    bool is_one = route_argument(request->route, "name") >= 0;
    return vhost != NULL && wants_component(request, VHOST_LIMITS) &&
           (!is_one || slice_equal(api_argument(request, "name"), SLICE_LITERAL(LIMITS_NAME))) &&
           (vhost->connections_max != LIMIT_UNSET || vhost->queues_max != LIMIT_UNSET);
}

static void write_limits(struct json_writer *writer, const struct vhost *vhost)
{
    struct buf pairs = {0};
    size_t mark = table_put_table(&pairs, PARAMETER_VALUE);
    if (vhost->connections_max != LIMIT_UNSET)
        table_put_int(&pairs, "max-connections", vhost->connections_max);
    if (vhost->queues_max != LIMIT_UNSET)
        table_put_int(&pairs, "max-queues", vhost->queues_max);
    table_end(&pairs, mark);
    table_put_longstr(&pairs, "vhost", vhost->name);
    table_put_longstr(&pairs, "component", SLICE_LITERAL(VHOST_LIMITS));
    table_put_longstr(&pairs, "name", SLICE_LITERAL(LIMITS_NAME));
    json_write_table(writer, buf_slice(&pairs));
    buf_fini(&pairs);
}

static void write_parameters_of(struct api_request *request, struct json_writer *writer,
                                const struct vhost *vhost)
{
    if (has_limits(request, vhost))
        write_limits(writer, vhost);
    if (wants_component(request, OPERATOR_POLICY))
        list_for_each (node, &vhost->policies[POLICY_OPERATORS])
            write_operator_policy(writer, vhost, LIST_ENTRY(node, struct policy, by_rank));
}

static uint64_t write_parameters(struct api_request *request, struct engine *engine,
                                 struct outcome *outcome)
{
    struct json_writer writer;
    uint32_t position = 0;
    bool has_vhost = route_argument(request->route, "vhost") >= 0;
    const struct vhost *only = has_vhost ? outcome_vhost(request, engine) : NULL;
    if (has_vhost && only == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        if (has_vhost ? vhost == only : api_user_sees_vhost(request->user, vhost->name))
            write_parameters_of(request, &writer, vhost);
    json_write_array_end(&writer);
    return 0;
}

void api_get_parameters(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_parameters);
}

/* NULL when there is none. */
static struct policy *operator_policy_of(struct api_request *request, const struct vhost *vhost)
{
    return vhost != NULL && wants_component(request, OPERATOR_POLICY)
               ? policy_find(vhost, POLICY_OPERATORS, api_argument(request, "name"))
               : NULL;
}

static uint64_t write_parameter(struct api_request *request, struct engine *engine,
                                struct outcome *outcome)
{
    struct json_writer writer;
    const struct vhost *vhost = outcome_vhost(request, engine);
    const struct policy *policy = operator_policy_of(request, vhost);
    if (policy == NULL && !has_limits(request, vhost))
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    if (policy != NULL)
        write_operator_policy(&writer, vhost, policy);
    else
        write_limits(&writer, vhost);
    return 0;
}

void api_get_parameter(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_parameter);
}

static uint64_t refuse(struct outcome *outcome, struct slice problem)
{
    outcome->status = 400;
    outcome->error = "bad_request";
    outcome_escape_html(&outcome->body, problem);
    return 0;
}

static uint64_t put_operator_policy(struct api_request *request, struct vhost *vhost,
                                    struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct buf problem = {0};
    struct table_value value;
    uint64_t lsn = 0;
    (void)table_find(buf_slice(&outcome->input), SLICE_LITERAL(PARAMETER_VALUE), &value);
    if (value.type != TABLE_TABLE) {
        buf_printf(&problem, "Validation failed\n\n%.*s not a list ", SLICE_ARGS(name));
        erlang_term(&problem, &value);
        buf_bytes(&problem, SLICE_LITERAL("\n"));
        (void)refuse(outcome, buf_slice(&problem));
    } else if (!policy_check(POLICY_OPERATORS, name, value.bytes, &problem)) {
        (void)refuse(outcome, buf_slice(&problem));
    } else {
        outcome->status = policy_find(vhost, POLICY_OPERATORS, name) == NULL ? 201 : 204;
        lsn = policy_put(vhost, POLICY_OPERATORS, name, value.bytes);
    }
    buf_fini(&problem);
    return lsn;
}

/* Says what is wrong with LIMITS, a value; false when something is. */
static bool check_limits(const struct table_value *limits, struct buf *problem)
{
    struct cursor cursor = cursor_of(limits->type == TABLE_TABLE ? limits->bytes : SLICE_EMPTY);
    struct buf wrong = {0}, unknown = {0};
    struct slice key;
    struct table_value value;
    if (limits->type != TABLE_TABLE) {
        buf_bytes(&wrong, SLICE_LITERAL("limits not a list "));
        erlang_term(&wrong, limits);
        buf_u8(&wrong, '\n');
    }
    while (table_next(&cursor, &key, &value)) {
        bool is_known = slice_equal(key, SLICE_LITERAL("max-connections")) ||
                        slice_equal(key, SLICE_LITERAL("max-queues"));
        if (!is_known) {
            if (unknown.size > 0)
                buf_u8(&unknown, ',');
            erlang_pair(&unknown, key, &value);
        } else if (!table_type_is_integer(value.type)) {
            buf_printf(&wrong, "%.*s should be a number, actually was ", SLICE_ARGS(key));
            erlang_term(&wrong, &value);
            buf_u8(&wrong, '\n');
        }
    }
    if (unknown.size > 0)
        buf_printf(&wrong, "Unrecognised terms [%.*s] in limits\n",
                   SLICE_ARGS(buf_slice(&unknown)));
    bool good = wrong.size == 0;
    if (!good)
        buf_printf(problem, "Validation failed\n\n%.*s", SLICE_ARGS(buf_slice(&wrong)));
    buf_fini(&unknown);
    buf_fini(&wrong);
    return good;
}

/* Sets a virtual host's limits to those in VALUES, a table: what it does not name is none. */
static uint64_t set_limits(struct engine *engine, const struct vhost *vhost, struct slice values)
{
    static const char *const names[] = {"max-connections", "max-queues"};
    uint64_t lsn = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct table_value value;
        bool is_set = table_find(values, slice_from_string(names[i]), &value);
        struct account_result result = access_put_vhost_limit(
            engine, vhost->name, slice_from_string(names[i]), is_set ? &value.integer : NULL);
        if (result.lsn > lsn)
            lsn = result.lsn;
    }
    return lsn;
}

static uint64_t put_limits(struct api_request *request, struct engine *engine,
                           const struct vhost *vhost, struct outcome *outcome)
{
    struct buf problem = {0};
    struct table_value value;
    uint64_t lsn = 0;
    (void)table_find(buf_slice(&outcome->input), SLICE_LITERAL(PARAMETER_VALUE), &value);
    if (!slice_equal(api_argument(request, "name"), SLICE_LITERAL(LIMITS_NAME))) {
        (void)refuse(outcome, SLICE_LITERAL("vhost-limits has one parameter, which is limits"));
    } else if (!check_limits(&value, &problem)) {
        (void)refuse(outcome, buf_slice(&problem));
    } else {
        outcome->status = has_limits(request, vhost) ? 204 : 201;
        lsn = set_limits(engine, vhost, value.bytes);
    }
    buf_fini(&problem);
    return lsn;
}

static uint64_t put_parameter(struct api_request *request, struct engine *engine,
                              struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    if (wants_component(request, OPERATOR_POLICY))
        return put_operator_policy(request, vhost, outcome);
    if (wants_component(request, VHOST_LIMITS))
        return put_limits(request, engine, vhost, outcome);
    if (wants_component(request, "policy"))
        return refuse(outcome, SLICE_LITERAL("policies may not be set using this method"));
    struct buf problem = {0};
    buf_printf(&problem, "Validation failed\n\ncomponent %.*s not found\n",
               SLICE_ARGS(api_argument(request, "component")));
    (void)refuse(outcome, buf_slice(&problem));
    buf_fini(&problem);
    return 0;
}

void api_put_parameter(struct api_request *request)
{
    struct outcome *outcome = read_value(request);
    if (outcome != NULL)
        outcome_ask(request, outcome, put_parameter);
}

static uint64_t remove_parameter(struct api_request *request, struct engine *engine,
                                 struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    struct policy *policy = operator_policy_of(request, vhost);
    if (policy == NULL && !has_limits(request, vhost))
        return outcome_not_found(outcome);
    outcome->status = 204;
    if (policy == NULL)
        return set_limits(engine, vhost, SLICE_EMPTY);
    return policy_delete(vhost, POLICY_OPERATORS, policy);
}

void api_delete_parameter(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), remove_parameter);
}
