/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/policies and /api/operator-policies: two paths, the same handlers.
 */
#include "exchange/policy.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"

static enum policy_kind kind_of(const struct api_request *request)
{
    bool operators = slice_starts_with(slice_from_string(request->route->path),
                                       SLICE_LITERAL("/api/operator-policies"));
    return operators ? POLICY_OPERATORS : POLICY_USERS;
}

/* --- shown ----------------------------------------------------------------------------------- */

static void write_policy(struct json_writer *writer, const struct vhost *vhost,
                         const struct policy *policy)
{
    json_write_object(writer);
    json_put_string(writer, "vhost", vhost->name);
    json_put_string(writer, "name", policy->name);
    json_put_string(writer, "pattern", policy->pattern);
    json_put_text(writer, "apply-to", policy->apply_to);
    json_put_table(writer, "definition", policy->definition);
    if (json_write_key(writer, SLICE_LITERAL("priority"))) {
        if (policy->priority.type == TABLE_DOUBLE)
            json_write_real(writer, policy->priority.real);
        else
            json_write_int(writer, policy->priority.integer);
    }
    json_write_object_end(writer);
}

static void write_policies_of(struct json_writer *writer, const struct vhost *vhost,
                              enum policy_kind kind)
{
    list_for_each (node, &vhost->policies[kind])
        write_policy(writer, vhost, LIST_ENTRY(node, struct policy, by_rank));
}

static uint64_t write_all(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct json_writer writer;
    uint32_t position = 0;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        if (api_user_sees_vhost(request->user, vhost->name))
            write_policies_of(&writer, vhost, kind_of(request));
    json_write_array_end(&writer);
    return 0;
}

void api_get_policies(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_all);
}

static uint64_t write_vhost(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct json_writer writer;
    const struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    write_policies_of(&writer, vhost, kind_of(request));
    json_write_array_end(&writer);
    return 0;
}

void api_get_vhost_policies(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_vhost);
}

static uint64_t write_one(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct json_writer writer;
    const struct vhost *vhost = outcome_vhost(request, engine);
    const struct policy *policy = vhost == NULL ? NULL
                                                : policy_find(vhost, kind_of(request),
                                                              api_argument(request, "name"));
    if (policy == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    write_policy(&writer, vhost, policy);
    return 0;
}

void api_get_policy(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_one);
}

/* --- changed --------------------------------------------------------------------------------- */

static uint64_t put(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    outcome->status = policy_find(vhost, kind_of(request), name) == NULL ? 201 : 204;
    return policy_put(vhost, kind_of(request), name, buf_slice(&outcome->input));
}

/* The fields that a policy has of BODY, with defaults, as a table; false when one cannot be one. */
static bool read_fields(const json_t *body, struct buf *fields)
{
    static const char *const members[] = {"pattern", "definition", "priority", "apply-to"};
    bool good = true;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *member = json_object_get(body, members[i]);
        if (member != NULL)
            good &= amqp_json_to_pair(slice_from_string(members[i]), member, fields);
    }
    if (json_object_get(body, "priority") == NULL)
        table_put_int(fields, "priority", 0);
    return good;
}

static void refuse(struct api_request *request, struct slice problem)
{
    struct buf reason = {0};
    if (kind_of(request) == POLICY_USERS)
        outcome_escape_html(&reason, problem);
    else
        buf_bytes(&reason, problem);
    api_refuse_bad_request(request, "%.*s", SLICE_ARGS(buf_slice(&reason)));
    buf_fini(&reason);
}

static void put_body(struct api_request *request, const json_t *body)
{
    struct buf problem = {0};
    bool has_pattern = json_object_get(body, "pattern") != NULL;
    bool has_definition = json_object_get(body, "definition") != NULL;
    struct outcome *outcome = outcome_new(request);
    if (!has_pattern || !has_definition)
        api_refuse_bad_request(request, "[%s%s%s]", has_pattern ? "" : "{key_missing,pattern}",
                               has_pattern || has_definition ? "" : ",",
                               has_definition ? "" : "{key_missing,definition}");
    else if (!read_fields(body, &outcome->input))
        api_refuse_bad_request(request, "a definition's keys are of at most 255 bytes");
    else if (!policy_check(kind_of(request), api_argument(request, "name"),
                           buf_slice(&outcome->input), &problem))
        refuse(request, buf_slice(&problem));
    else
        outcome_ask(request, outcome, put);
    buf_fini(&problem);
}

void api_put_policy(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    put_body(request, body);
    json_decref(body);
}

static uint64_t remove_one(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    struct policy *policy = vhost == NULL ? NULL
                                          : policy_find(vhost, kind_of(request),
                                                        api_argument(request, "name"));
    if (policy == NULL)
        return outcome_not_found(outcome);
    outcome->status = 204;
    return policy_delete(vhost, kind_of(request), policy);
}

void api_delete_policy(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), remove_one);
}
