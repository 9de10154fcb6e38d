/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/template.h"

/* PUT of BODY, which is given up, to the virtual host NAME. */
static int put_vhost(const struct arguments *arguments, const char *name, json_t *body)
{
    struct buf path = {0};
    buf_printf(&path, "/vhosts/");
    template_percent(&path, name);
    buf_u8(&path, '\0');
    int status = api_put(arguments, (const char *)path.data, body);
    buf_fini(&path);
    return status;
}

int run_add_vhost(const struct arguments *arguments)
{
    static const char *const options[][2] = {{"--description", "description"},
                                             {"--tags", "tags"},
                                             {"--default-queue-type", "default_queue_type"}};
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (argument_of(arguments, options[i][0]) != NULL)
            json_object_set_new(body, options[i][1],
                                json_string(argument_of(arguments, options[i][0])));
    return put_vhost(arguments, arguments->operands[0], body);
}

int run_set_vhost_tags(const struct arguments *arguments)
{
    struct buf tags = {0};
    for (int i = 1; i < arguments->operand_count; i++)
        buf_printf(&tags, "%s%s", i > 1 ? "," : "", arguments->operands[i]);
    json_t *body = json_pack("{s:s%}", "tags", tags.size > 0 ? (char *)tags.data : "", tags.size);
    buf_fini(&tags);
    return put_vhost(arguments, arguments->operands[0], body);
}

int run_trace(const struct arguments *arguments)
{
    bool on = strcmp(arguments->command->name, "trace_on") == 0;
    int status = put_vhost(arguments, arguments->common.vhost,
                           json_pack("{s:b}", "tracing", (int)on));
    if (status == 0)
        say(arguments, "Trace %s for vhost %s", on ? "enabled" : "disabled",
            arguments->common.vhost);
    return status;
}
