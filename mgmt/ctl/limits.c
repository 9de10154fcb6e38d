/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of virtual hosts and users. The commands take and show them as one JSON object; the API
 * has a path for each.
 */
#include <stdio.h>
#include <string.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/listing.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/template.h"
#include "server/base/mem.h"

static bool is_of_user(const struct arguments *arguments)
{
    return strstr(arguments->command->name, "user_limits") != NULL;
}

/* /user-limits/USER or /vhost-limits/VHOST, and behind it LIMIT unless that is NULL. */
static void path_of(const struct arguments *arguments, const char *owner, const char *limit,
                    struct buf *path)
{
    buf_printf(path, is_of_user(arguments) ? "/user-limits/" : "/vhost-limits/");
    template_percent(path, owner);
    if (limit != NULL) {
        buf_u8(path, '/');
        template_percent(path, limit);
    }
    buf_u8(path, '\0');
}

/* METHOD on the path of LIMIT, with {"value": VALUE} unless that is NULL. */
static int change(struct api *api, const struct arguments *arguments, const char *owner,
                  const char *method, const char *limit, json_t *value)
{
    struct answer answer;
    struct buf path = {0};
    char *body = NULL;
    path_of(arguments, owner, limit, &path);
    if (value != NULL) {
        json_t *object = json_pack("{s:O}", "value", value);
        body = json_dumps(object, JSON_COMPACT);
        json_decref(object);
    }
    int status = api_ask(api, method, (const char *)path.data, body, EXIT_DATA, &answer);
    if (status == 0)
        answer_fini(&answer);
    mem_free(body);
    buf_fini(&path);
    return status;
}

/* --- set and clear -------------------------------------------------------------------------- */

int run_set_limits(const struct arguments *arguments)
{
    struct api api;
    json_error_t error;
    bool of_user = is_of_user(arguments);
    const char *owner = of_user ? arguments->operands[0] : arguments->common.vhost;
    json_t *limits = json_loads(arguments->operands[of_user], JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(limits)) {
        json_decref(limits);
        return fail(EXIT_UNAVAILABLE, "JSON decoding error. Reason: %s",
                    limits == NULL ? error.text : "expected an object");
    }
    int status = api_init(&api, arguments);
    const char *name;
    json_t *value;
    json_object_foreach(limits, name, value)
    {
        if (status == 0)
            status = change(&api, arguments, owner, "PUT", name, value);
    }
    api_fini(&api);
    json_decref(limits);
    return status;
}

/* The limits of OWNER: a new reference to an object. */
static int get_limits(struct api *api, const struct arguments *arguments, const char *owner,
                      json_t **limits)
{
    struct buf path = {0};
    json_t *list;
    path_of(arguments, owner, NULL, &path);
    int status = api_get(api, (const char *)path.data, &list);
    buf_fini(&path);
    json_t *value = json_object_get(json_array_get(list, 0), "value");
    *limits = value != NULL ? json_incref(value) : json_object();
    json_decref(list);
    return status;
}

int run_clear_limits(const struct arguments *arguments)
{
    struct api api;
    json_t *limits, *value;
    const char *name, *chosen = operand_of(arguments, 1);
    const char *owner = is_of_user(arguments) ? arguments->operands[0] : arguments->common.vhost;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    if (chosen != NULL && strcmp(chosen, "all") != 0) {
        status = change(&api, arguments, owner, "DELETE", chosen, NULL);
        api_fini(&api);
        return status;
    }
    status = get_limits(&api, arguments, owner, &limits);
    json_object_foreach(limits, name, value)
    {
        if (status == 0)
            status = change(&api, arguments, owner, "DELETE", name, NULL);
    }
    json_decref(limits);
    api_fini(&api);
    return status;
}

/* --- list ----------------------------------------------------------------------------------- */

static int list_all(struct api *api, const struct arguments *arguments)
{
    static const struct column of_users[] = {{"user", "user"}, {"limits", "value"}, {0}};
    static const struct column of_vhosts[] = {{"vhost", "vhost"}, {"limits", "value"}, {0}};
    struct rows table;
    json_t *list, *item;
    size_t index;
    bool of_user = is_of_user(arguments);
    int status = api_get(api, of_user ? "/user-limits" : "/vhost-limits", &list);
    if (status != 0)
        return status;
    say(arguments, "Listing limits for all %s ...", of_user ? "users" : "vhosts");
    listing_begin(&table, &arguments->common, of_user ? of_users : of_vhosts, 2);
    json_array_foreach(list, index, item)
    {
        listing_row(&table, item);
    }
    json_decref(list);
    return listing_end(&table, 0);
}

int run_list_limits(const struct arguments *arguments)
{
    struct api api;
    json_t *limits = NULL;
    bool of_user = is_of_user(arguments);
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    if (argument_of(arguments, "--global") != NULL) {
        status = list_all(&api, arguments);
        api_fini(&api);
        return status;
    }
    const char *owner = of_user ? argument_of(arguments, "--user-name") : arguments->common.vhost;
    say(arguments, "Listing limits for %s \"%s\" ...", of_user ? "user" : "vhost", owner);
    status = get_limits(&api, arguments, owner, &limits);
    if (status == 0) {
        output_json_line(limits);
        status = output_end(0);
    } else {
        json_decref(limits);
    }
    api_fini(&api);
    return status;
}
