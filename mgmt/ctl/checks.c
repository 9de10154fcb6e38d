/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks for probes. What is well is said on standard output, what is not on standard error, with
 * EXIT_UNAVAILABLE.
 */
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mgmt/ctl/output.h"
#include "mgmt/ctl/status.h"
#include "mgmt/ctl/template.h"

enum { STARTUP_TIMEOUT_S = 60, STARTUP_POLL_MS = 200, CONNECT_TIMEOUT_MS = 5000 };

/* --- the API's own health checks ------------------------------------------------------------ */

static const struct {
    const char *name, *path, *well;
} checks[] = {
    {"check_local_alarms", "/health/checks/local-alarms", "no local alarms"},
    {"check_alarms", "/health/checks/alarms", "no alarms, local or clusterwide"},
    {"check_port_listener", "/health/checks/port-listener/{1}",
     "A listener for port {1} is running"},
    {"check_protocol_listener", "/health/checks/protocol-listener/{1}",
     "A listener for protocol {1} is running"},
    {"check_virtual_hosts", "/health/checks/virtual-hosts", "all vhosts are running"},
    {"check_certificate_expiration", "/health/checks/certificate-expiration/{--within}/{--unit}",
     "No certificates are expiring within {--within} {--unit}."},
    {"check_if_node_is_quorum_critical", "/health/checks/node-is-quorum-critical",
     "no queue would be lost"},
    {"check_if_node_is_mirror_sync_critical", "/health/checks/node-is-mirror-sync-critical",
     "no queue would be lost"},
};

int run_check(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    struct buf path = {0}, well = {0};
    size_t at = 0;
    char error[API_ERROR_BYTES];
    while (strcmp(checks[at].name, arguments->command->name) != 0)
        at++;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    (void)template_expand(checks[at].path, arguments, TEMPLATE_PATH, &path);
    (void)template_expand(checks[at].well, arguments, TEMPLATE_TEXT, &well);
    buf_u8(&path, '\0');
    status = api_send(&api, "GET", (const char *)path.data, NULL, &answer, error);
    if (status != 0) {
        fail(status, "%s", error);
    } else {
        if (answer.code == 200)
            say(arguments, "%.*s", SLICE_ARGS(buf_slice(&well)));
        else
            status = answer_refused(&answer, EXIT_UNAVAILABLE);
        answer_fini(&answer);
    }
    buf_fini(&path);
    buf_fini(&well);
    api_fini(&api);
    return status;
}

/* --- is it there? --------------------------------------------------------------------------- */

int run_ping(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    char error[API_ERROR_BYTES];
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = api_send(&api, "GET", "/whoami", NULL, &answer, error);
    if (status == 0) {
        answer_fini(&answer); /* also that we may not ask is an answer */
        say(arguments, "Ping succeeded");
    } else {
        fail(status, "%s", error);
    }
    api_fini(&api);
    return status;
}

int run_check_running(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *node = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, &node);
    if (status == 0 && json_is_true(json_at(node, "running")))
        say(arguments, "Node %s is fully booted and running", json_text_at(overview, "node"));
    else if (status == 0)
        status = fail(EXIT_UNAVAILABLE, "node %s does not run", json_text_at(overview, "node"));
    json_decref(overview);
    json_decref(node);
    api_fini(&api);
    return status;
}

int run_await_startup(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    char error[API_ERROR_BYTES] = "";
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    time_t until = time(NULL) + (api.timeout_s > 0 ? api.timeout_s : STARTUP_TIMEOUT_S);
    api.timeout_s = 5;
    for (;;) {
        status = api_send(&api, "GET", "/whoami", NULL, &answer, error);
        if (status == 0 && (answer.code == 200 || answer.code == 401 || answer.code == 403))
            break;
        if (status == 0) {
            (void)snprintf(error, sizeof error, "%s", answer_reason(&answer));
            answer_fini(&answer);
        }
        if (time(NULL) >= until) {
            api_fini(&api);
            return fail(EXIT_TRY_LATER, "%s", error);
        }
        (void)poll(NULL, 0, STARTUP_POLL_MS);
    }
    status = answer.code == 200 ? 0 : answer_refused(&answer, EXIT_UNAVAILABLE);
    answer_fini(&answer);
    api_fini(&api);
    return status;
}

int run_await_online_nodes(const struct arguments *arguments)
{
    char *end;
    const char *given = arguments->operands[0];
    long count = strtol(given, &end, 10);
    if (end == given || *end != '\0' || count < 1)
        return usage_error(arguments->command, "expected a number of nodes, got '%s'", given);
    return count == 1 ? run_await_startup(arguments)
                      : fail(EXIT_UNAVAILABLE, "this broker is a cluster of one node");
}

/* --- listeners and alarms ------------------------------------------------------------------- */

int run_listeners(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, NULL);
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS)
        output_json(json_incref(json_object_get(overview, "listeners")));
    else if (status == 0)
        status_print_listeners(overview);
    json_decref(overview);
    api_fini(&api);
    return status == 0 ? output_end(0) : status;
}

int run_alarms(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *node = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, &node);
    bool memory = json_is_true(json_at(node, "mem_alarm"));
    bool disk = json_is_true(json_at(node, "disk_free_alarm"));
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS)
        output_json(json_pack("{s:b, s:b}", "memory", (int)memory, "disk", (int)disk));
    else if (status == 0)
        printf("Node %s reported %s\n", json_text_at(overview, "node"),
               memory && disk ? "alarms: memory, disk"
               : memory       ? "an alarm: memory"
               : disk         ? "an alarm: disk"
                              : "no alarms");
    json_decref(overview);
    json_decref(node);
    api_fini(&api);
    return status == 0 ? output_end(0) : status;
}

/* Connects, and closes at once. */
static bool can_connect(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *at;
    bool connected = false;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return false;
    for (at = list; at != NULL && !connected; at = at->ai_next) {
        int error = 0;
        socklen_t size = sizeof error;
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)connect(fd, at->ai_addr, at->ai_addrlen);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        connected = poll(&wait, 1, CONNECT_TIMEOUT_MS) == 1 &&
                    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
        close(fd);
    }
    freeaddrinfo(list);
    return connected;
}

/* Where a listener on ADDRESS can be reached: there, or, when it takes all, where the API is. */
static const char *reach(const char *address, const char *api_host)
{
    bool is_any = address[0] == '\0' || strcmp(address, "::") == 0 ||
                  strcmp(address, "0.0.0.0") == 0;
    return is_any ? api_host : address;
}

int run_check_port_connectivity(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *item;
    size_t index;
    char host[TARGET_TEXT_BYTES];
    struct buf ports = {0};
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    target_host(&api.target, host);
    status = status_ask(&api, &overview, NULL);
    json_array_foreach(json_object_get(overview, "listeners"), index, item)
    {
        char port[24];
        if (status != 0 || strcmp(json_text_at(item, "node"), json_text_at(overview, "node")) != 0)
            continue;
        (void)snprintf(port, sizeof port, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(json_at(item, "port")));
        buf_printf(&ports, "%s%s", ports.size > 0 ? ", " : "", port);
        if (!can_connect(reach(json_text_at(item, "ip_address"), host), port))
            status = fail(EXIT_UNAVAILABLE, "cannot connect to port %s of %s", port, host);
    }
    if (status == 0)
        say(arguments, "Successfully connected to ports %.*s.", SLICE_ARGS(buf_slice(&ports)));
    buf_fini(&ports);
    json_decref(overview);
    api_fini(&api);
    return status;
}
