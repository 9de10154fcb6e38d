/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/ctl/listing.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/template.h"

int status_ask(struct api *api, json_t **overview, json_t **node)
{
    json_t *answer;
    int status = api_get(api, "/overview", &answer);
    if (node != NULL)
        *node = NULL;
    *overview = answer;
    if (status != 0 || node == NULL)
        return status;
    struct buf path = {0};
    buf_printf(&path, "/nodes/");
    template_percent(&path, json_text_at(answer, "node"));
    buf_u8(&path, '\0');
    status = api_get(api, (const char *)path.data, node);
    buf_fini(&path);
    return status;
}

/* --- parts of the text ---------------------------------------------------------------------- */

static json_int_t number_at(const json_t *object, const char *path)
{
    return json_integer_value(json_at(object, path));
}

static double gigabytes(const json_t *object, const char *path)
{
    return (double)number_at(object, path) / 1e9;
}

static void print_heading(const char *text)
{
    printf("\n%s\n\n", text);
}

static void print_text(const char *label, const char *text)
{
    printf("%s: ", label);
    output_plain(text);
    (void)putchar('\n');
}

static const char *purpose(const char *protocol)
{
    static const char *const known[][2] = {
        {"amqp", "AMQP 0-9-1"},           {"amqp/ssl", "AMQP 0-9-1 over TLS"},
        {"amqps", "AMQP 0-9-1 over TLS"}, {"http", "HTTP API"},
        {"https", "HTTP API over TLS"},   {"http/prometheus", "Prometheus metrics"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i][0], protocol) == 0)
            return known[i][1];
    return protocol;
}

void status_print_listeners(const json_t *overview)
{
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)json_at(overview, "listeners"), index, item)
    {
        const char *address = json_text_at(item, "ip_address");
        const char *protocol = json_text_at(item, "protocol");
        bool is_ipv6 = strchr(address, ':') != NULL;
        if (strcmp(json_text_at(item, "node"), json_text_at(overview, "node")) == 0)
            printf("Interface: %s%s%s, port: %" JSON_INTEGER_FORMAT ", protocol: %s, purpose: %s\n",
                   is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", number_at(item, "port"),
                   protocol, purpose(protocol));
    }
}

static void print_alarms(const json_t *node)
{
    bool memory = json_is_true(json_at(node, "mem_alarm"));
    bool disk = json_is_true(json_at(node, "disk_free_alarm"));
    if (memory)
        printf("Memory alarm on node %s\n", json_text_at(node, "name"));
    if (disk)
        printf("Free disk space alarm on node %s\n", json_text_at(node, "name"));
    if (!memory && !disk)
        puts("(none)");
}

static void print_files(const json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)list, index, item)
    {
        printf(" * ");
        output_plain(json_is_string(item) ? json_string_value(item) : "");
        (void)putchar('\n');
    }
    if (json_array_size(list) == 0)
        puts("(none)");
}

static void print_status(const json_t *overview, const json_t *node)
{
    puts("Runtime\n");
    print_text("OS PID", json_text_at(node, "os_pid"));
    printf("Uptime (seconds): %" JSON_INTEGER_FORMAT "\n", number_at(node, "uptime") / 1000);
    printf("Is under maintenance?: %s\n",
           json_is_true(json_at(node, "being_drained")) ? "true" : "false");
    printf("%s version: %s\n", json_text_at(overview, "product_name"),
           json_text_at(overview, "product_version"));
    print_text("RabbitMQ version", json_text_at(overview, "rabbitmq_version"));
    print_text("Node name", json_text_at(overview, "node"));
    print_heading("Data directory");
    print_text("Node data directory", json_text_at(node, "db_dir"));
    print_heading("Config files");
    print_files(json_at(node, "config_files"));
    print_heading("Log file(s)");
    print_files(json_at(node, "log_files"));
    print_heading("Alarms");
    print_alarms(node);
    print_heading("Memory");
    printf("Total memory used: %.4f gb\nMemory high watermark: %.4f gb\n",
           gigabytes(node, "mem_used"), gigabytes(node, "mem_limit"));
    print_heading("File Descriptors");
    printf("Total: %" JSON_INTEGER_FORMAT ", limit: %" JSON_INTEGER_FORMAT
           "\nSockets: %" JSON_INTEGER_FORMAT ", limit: %" JSON_INTEGER_FORMAT "\n",
           number_at(node, "fd_used"), number_at(node, "fd_total"), number_at(node, "sockets_used"),
           number_at(node, "sockets_total"));
    print_heading("Free Disk Space");
    printf("Low free disk space watermark: %.4f gb\nFree disk space: %.4f gb\n",
           gigabytes(node, "disk_free_limit"), gigabytes(node, "disk_free"));
    print_heading("Totals");
    printf("Connection count: %" JSON_INTEGER_FORMAT "\nQueue count: %" JSON_INTEGER_FORMAT "\n",
           number_at(overview, "object_totals.connections"),
           number_at(overview, "object_totals.queues"));
    print_heading("Listeners");
    status_print_listeners(overview);
}

/* --- commands ------------------------------------------------------------------------------- */

/* Prints OBJECT, which is given up, in JSON. */
static int print_object(json_t *object)
{
    output_json(object);
    return output_end(0);
}

int run_status(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *node = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, &node);
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS)
        status = print_object(json_pack("{s:O, s:O}", "overview", overview, "node", node));
    else if (status == 0) {
        print_status(overview, node);
        status = output_end(0);
    }
    json_decref(overview);
    json_decref(node);
    api_fini(&api);
    return status;
}

static void print_nodes(const json_t *nodes)
{
    size_t index;
    json_t *node;
    print_heading("Nodes");
    json_array_foreach((json_t *)nodes, index, node)
    {
        printf("%s: %s\n", json_text_at(node, "name"),
               json_is_true(json_at(node, "running")) ? "running" : "down");
    }
    print_heading("Alarms");
    json_array_foreach((json_t *)nodes, index, node)
    {
        print_alarms(node);
    }
    print_heading("Network Partitions");
    json_array_foreach((json_t *)nodes, index, node)
    {
        if (json_array_size(json_at(node, "partitions")) > 0)
            printf("%s is cut off\n", json_text_at(node, "name"));
    }
    puts("(none)");
}

int run_cluster_status(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *nodes = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, NULL);
    if (status == 0)
        status = api_get(&api, "/nodes", &nodes);
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS) {
        status = print_object(json_pack("{s:s, s:O}", "cluster_name",
                                        json_text_at(overview, "cluster_name"), "nodes", nodes));
    } else if (status == 0) {
        puts("Basics\n");
        print_text("Cluster name", json_text_at(overview, "cluster_name"));
        print_nodes(nodes);
        print_heading("Listeners");
        status_print_listeners(overview);
        status = output_end(0);
    }
    json_decref(overview);
    json_decref(nodes);
    api_fini(&api);
    return status;
}

int run_memory_breakdown(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *memory = NULL, *value;
    const char *name;
    struct buf path = {0};
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, NULL);
    buf_printf(&path, "/nodes/");
    template_percent(&path, json_text_at(overview, "node"));
    buf_printf(&path, "/memory");
    buf_u8(&path, '\0');
    if (status == 0)
        status = api_get(&api, (const char *)path.data, &memory);
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS) {
        status = print_object(json_incref(json_object_get(memory, "memory")));
    } else if (status == 0) {
        json_object_foreach(json_object_get(memory, "memory"), name, value)
        {
            if (json_is_integer(value))
                printf("%s: %.4f gb\n", name, (double)json_integer_value(value) / 1e9);
        }
        status = output_end(0);
    }
    buf_fini(&path);
    json_decref(overview);
    json_decref(memory);
    api_fini(&api);
    return status;
}

int run_server_version(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, NULL);
    if (status == 0) {
        output_plain(json_text_at(overview, "product_version"));
        (void)putchar('\n');
        status = output_end(0);
    }
    json_decref(overview);
    api_fini(&api);
    return status;
}

int run_environment(const struct arguments *arguments)
{
    struct api api;
    json_t *settings = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = api_get(&api, "/config/effective", &settings);
    api_fini(&api);
    return status == 0 ? print_object(settings) : status;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].name != NULL && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int run_report(const struct arguments *arguments)
{
    static const char *const parts[] = {"status",
                                        "cluster_status",
                                        "list_vhosts",
                                        "list_users",
                                        "list_connections",
                                        "list_channels",
                                        "list_queues",
                                        "list_exchanges",
                                        "list_bindings",
                                        "list_consumers",
                                        "list_permissions",
                                        "list_policies",
                                        "list_global_parameters",
                                        "list_parameters"};
    int result = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct arguments part = {.command = find(parts[i]), .common = arguments->common};
        printf("%s--- %s\n", i > 0 ? "\n" : "", parts[i]);
        int status = part.command->run(&part);
        if (result == 0)
            result = status;
    }
    return output_end(result);
}
