/* SPDX-License-Identifier: Apache-2.0
 *
 * health: the checks that load balancers, probes and scripts ask: 200 {"status":"ok"}, or 503 with
 * the reason. Those about several nodes are those of a node alone.
 */
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"
#include "mgmt/management.h"
#include "server/alarms.h"
#include "server/listeners.h"

#define DAY_S (24 * 60 * 60.0)

/* --- a check's answer, on the engine's thread ------------------------------------------------ */

static uint64_t healthy(struct outcome *outcome)
{
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    json_put_text(&writer, "status", "ok");
    json_write_object_end(&writer);
    return 0;
}

/* Begins {"status":"failed","reason":REASON; the caller adds what else there is, and ends it. */
static void begin_unhealthy(struct outcome *outcome, struct json_writer *writer, const char *reason)
{
    outcome_write(outcome, writer);
    outcome->status = 503;
    json_write_object(writer);
    json_put_text(writer, "status", "failed");
    json_put_text(writer, "reason", reason);
}

/* --- alarms ---------------------------------------------------------------------------------- */

static void put_alarm(struct json_writer *writer, const char *node, const char *resource)
{
    json_write_object(writer);
    json_put_text(writer, "node", node);
    json_put_text(writer, "resource", resource);
    json_write_object_end(writer);
}

static uint64_t check_alarms(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    const struct node_view *view = request->management->view;
    unsigned alarms = node_alarms(view->node)->on;
    bool is_local = strstr(request->route->path, "local") != NULL;
    struct json_writer writer;
    (void)engine;
    if ((alarms & ALARM_ANY) == 0)
        return healthy(outcome);
    begin_unhealthy(outcome, &writer,
                    is_local ? "There are alarms in effect on the node"
                             : "There are alarms in effect in the cluster");
    json_put_array(&writer, "alarms");
    if ((alarms & ALARM_MEMORY) != 0)
        put_alarm(&writer, view->settings->node_name, "memory");
    if ((alarms & ALARM_DISK) != 0)
        put_alarm(&writer, view->settings->node_name, "disk");
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return 0;
}

void api_check_alarms(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_alarms);
}

/* --- listeners ------------------------------------------------------------------------------- */

/* Reads a whole number of at most nine digits. */
static bool read_number(struct slice text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *number = 10 * *number + (uint64_t)(text.data[i] - '0');
    }
    return text.size > 0 && text.size < 10;
}

static uint64_t check_port(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t count = listeners_rows(request->management->view->listeners, rows);
    struct json_writer writer;
    uint64_t port;
    CHECK(read_number(api_argument(request, "port"), &port));
    (void)engine;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].port != port)
            continue;
        outcome_write(outcome, &writer);
        json_write_object(&writer);
        json_put_text(&writer, "status", "ok");
        json_put_uint(&writer, "port", port);
        json_write_object_end(&writer);
        return 0;
    }
    begin_unhealthy(outcome, &writer, "No active listener");
    json_put_uint(&writer, "missing", port);
    json_put_array(&writer, "ports");
    for (size_t i = 0; i < count; i++)
        json_write_uint(&writer, rows[i].port);
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return 0;
}

void api_check_port(struct api_request *request)
{
    uint64_t port;
    if (!read_number(api_argument(request, "port"), &port)) {
        api_refuse_bad_request(request, "Invalid port");
        return;
    }
    outcome_ask(request, outcome_new(request), check_port);
}

/* RabbitMQ's word for what people call a protocol. */
static struct slice protocol_word(struct slice name)
{
    static const struct {
        const char *alias, *word;
    } aliases[] = {
        {"amqp091", "amqp"},
        {"amqp0.9.1", "amqp"},
        {"amqp0-9-1", "amqp"},
        {"amqp0_9_1", "amqp"},
        {"amqp10", "amqp"},
        {"amqp1.0", "amqp"},
        {"amqps", "amqp/ssl"},
        {"amqp091s", "amqp/ssl"},
        {"amqp/tls", "amqp/ssl"},
        {"https", "https"},
        {"prometheus", "http/prometheus"},
    };
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (http_equal_ignoring_case(name, slice_from_string(aliases[i].alias)))
            return slice_from_string(aliases[i].word);
    return name;
}

static uint64_t check_protocol(struct api_request *request, struct engine *engine,
                               struct outcome *outcome)
{
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t count = listeners_rows(request->management->view->listeners, rows);
    struct slice wanted = protocol_word(api_argument(request, "protocol"));
    struct json_writer writer;
    (void)engine;
    for (size_t i = 0; i < count; i++) {
        if (!slice_equal(slice_from_string(rows[i].protocol), wanted))
            continue;
        outcome_write(outcome, &writer);
        json_write_object(&writer);
        json_put_text(&writer, "status", "ok");
        json_put_string(&writer, "protocol", wanted);
        json_write_object_end(&writer);
        return 0;
    }
    begin_unhealthy(outcome, &writer, "No active listener");
    json_put_string(&writer, "missing", wanted);
    json_put_array(&writer, "protocols");
    for (size_t i = 0; i < count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i; j++)
            is_new = is_new && strcmp(rows[i].protocol, rows[j].protocol) != 0;
        if (is_new)
            json_write_string(&writer, slice_from_string(rows[i].protocol));
    }
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return 0;
}

void api_check_protocol(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_protocol);
}

/* --- certificates ---------------------------------------------------------------------------- */

/* Reads the path's time; or why it is none. */
static const char *read_time(const struct api_request *request, double *seconds)
{
    static const struct {
        const char *word;
        double days;
    } units[] = {{"days", 1}, {"weeks", 7}, {"months", 365 / 12.0}, {"years", 365}};
    uint64_t number;
    if (!read_number(api_argument(request, "within"), &number))
        return "Invalid expiration value.";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        *seconds = (double)number * units[i].days * DAY_S;
        if (http_equal_ignoring_case(api_argument(request, "unit"),
                                     slice_from_string(units[i].word)))
            return NULL;
    }
    return "Time unit not recognised. Supported units: days, weeks, months, years.";
}

static void put_expiring(struct json_writer *writer, const char *node,
                         const struct listener_row *row)
{
    json_write_object(writer);
    json_put_text(writer, "node", node);
    json_put_text(writer, "protocol", row->protocol);
    json_put_text(writer, "interface", row->address);
    json_put_uint(writer, "port", row->port);
    json_write_object_end(writer);
}

static uint64_t check_certificates(struct api_request *request, struct engine *engine,
                                   struct outcome *outcome)
{
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t count = listeners_rows(request->management->view->listeners, rows);
    struct json_writer writer;
    bool has_begun = false;
    double seconds;
    CHECK(read_time(request, &seconds) == NULL);
    (void)engine;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].tls == NULL || tls_server_days_left(rows[i].tls) * DAY_S > seconds)
            continue;
        if (!has_begun) {
            begin_unhealthy(outcome, &writer, "Certificates expiring");
            json_put_array(&writer, "expired");
            has_begun = true;
        }
        put_expiring(&writer, request->management->view->settings->node_name, &rows[i]);
    }
    if (!has_begun)
        return healthy(outcome);
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return 0;
}

void api_check_certificates(struct api_request *request)
{
    double seconds;
    const char *problem = read_time(request, &seconds);
    if (problem != NULL)
        api_refuse_bad_request(request, "%s", problem);
    else
        outcome_ask(request, outcome_new(request), check_certificates);
}

/* --- the node -------------------------------------------------------------------------------- */

/* The engine answers, and can store what it is told: all that these checks ask of one node. */
static uint64_t check_engine(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    struct json_writer writer;
    (void)request;
    if (!engine->store_failed)
        return healthy(outcome);
    begin_unhealthy(outcome, &writer, "the log cannot be written");
    json_write_object_end(&writer);
    return 0;
}

void api_check_engine(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_engine);
}

static uint64_t check_vhost(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    return outcome_vhost(request, engine) != NULL ? check_engine(request, engine, outcome)
                                                  : outcome_not_found(outcome);
}

/* Of checks on a cluster: alone, a node is always where it should be. */
static uint64_t check_alone(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct json_writer writer;
    if (engine->store_failed)
        return check_engine(request, engine, outcome);
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    json_put_text(&writer, "status", "ok");
    json_put_text(&writer, "reason", "single node cluster");
    json_write_object_end(&writer);
    return 0;
}

void api_check_alone(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_alone);
}

static uint64_t check_connections(struct api_request *request, struct engine *engine,
                                  struct outcome *outcome)
{
    struct json_writer writer;
    (void)request;
    bool is_full = engine->connection_max != 0 &&
                   engine->connection_count >= engine->connection_max;
    if (is_full) {
        begin_unhealthy(outcome, &writer, "node connection limit is reached");
    } else {
        outcome_write(outcome, &writer);
        json_write_object(&writer);
        json_put_text(&writer, "status", "ok");
    }
    json_put_uint(&writer, "connections", engine->connection_count);
    if (engine->connection_max != 0)
        json_put_uint(&writer, "limit", engine->connection_max);
    else
        json_put_text(&writer, "limit", "infinity");
    json_write_object_end(&writer);
    return 0;
}

void api_check_connections(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_connections);
}

void api_check_node(struct api_request *request)
{
    if (route_argument(request->route, "node") >= 0 &&
        !api_is_node(request, api_argument(request, "node"))) {
        api_refuse_not_found(request);
        return;
    }
    api_check_engine(request);
}

void api_check_vhost(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), check_vhost);
}
