/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/template.h"

/* Closes the connection NAME; that it has gone meanwhile is no failure unless MUST_BE. */
static int close_one(struct api *api, const char *name, bool must_be)
{
    struct answer answer;
    struct buf path = {0};
    char error[API_ERROR_BYTES];
    buf_printf(&path, "/connections/");
    template_percent(&path, name);
    buf_u8(&path, '\0');
    int status = api_send(api, "DELETE", (const char *)path.data, NULL, &answer, error);
    buf_fini(&path);
    if (status != 0)
        return fail(status, "%s", error);
    if (answer.code == 404 && must_be)
        status = fail(EXIT_UNAVAILABLE, "there is no connection '%s'; see list_connections name",
                      name);
    else if (answer.code >= 300 && answer.code != 404)
        status = answer_refused(&answer, EXIT_UNAVAILABLE);
    answer_fini(&answer);
    return status;
}

static void wait_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    if (milliseconds > 0)
        (void)nanosleep(&time, NULL);
}

/* Closes those that PATH lists and that are of USER, unless that is NULL. */
static int close_listed(struct api *api, const struct arguments *arguments, const char *path,
                        const char *user, long limit, long delay_ms)
{
    json_t *list, *item;
    size_t index;
    long closed = 0;
    int status = api_get(api, path, &list);
    json_array_foreach(list, index, item)
    {
        if (status != 0 || (limit > 0 && closed == limit))
            break;
        if (user != NULL && strcmp(json_text_at(item, "user"), user) != 0)
            continue;
        if (closed > 0)
            wait_ms(delay_ms);
        status = close_one(api, json_text_at(item, "name"), false);
        closed++;
    }
    json_decref(list);
    if (status == 0)
        say(arguments, "Closed %ld connections", closed);
    return status;
}

static int close_all(struct api *api, const struct arguments *arguments)
{
    struct buf path = {0};
    if (argument_of(arguments, "--global") != NULL)
        buf_printf(&path, "/connections");
    else
        (void)template_expand("/vhosts/{vhost}/connections", arguments, TEMPLATE_PATH, &path);
    buf_u8(&path, '\0');
    int status = close_listed(api, arguments, (const char *)path.data, NULL,
                              atol(argument_of(arguments, "--limit")),
                              atol(argument_of(arguments, "--per-connection-delay")));
    buf_fini(&path);
    return status;
}

int run_close_connections(const struct arguments *arguments)
{
    struct api api;
    const char *name = arguments->command->name;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    api.reason = arguments->operands[arguments->operand_count - 1];
    if (strcmp(name, "close_connection") == 0)
        status = close_one(&api, arguments->operands[0], true);
    else if (strcmp(name, "close_all_user_connections") == 0)
        status = close_listed(&api, arguments, "/connections", arguments->operands[0], 0, 0);
    else
        status = close_all(&api, arguments);
    api_fini(&api);
    return status;
}
