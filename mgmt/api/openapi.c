/* SPDX-License-Identifier: Apache-2.0
 *
 * openapi: the description of the API, for programs (OpenAPI 3) and for people, both from the table
 * of routes.
 */
#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/json_writer.h"
#include "mgmt/management.h"

/* The path's {names}, one after another; false behind the last. */
static bool next_argument(struct slice *rest, struct slice *name)
{
    const uint8_t *open = rest->size > 0 ? memchr(rest->data, '{', rest->size) : NULL;
    if (open == NULL)
        return false;
    size_t left = rest->size - (size_t)(open - rest->data);
    const uint8_t *close = memchr(open, '}', left);
    *name = slice_of(open + 1, (size_t)(close - open) - 1);
    *rest = slice_of(close + 1, left - (size_t)(close - open) - 1);
    return true;
}

static const char *about_argument(struct slice name)
{
    return slice_equal(name, SLICE_LITERAL("vhost")) ? "virtual host; / is written %2F"
                                                     : "name, percent-encoded";
}

static void put_parameters(struct json_writer *writer, const struct route *route)
{
    struct slice rest = slice_from_string(route->path), name;
    json_put_array(writer, "parameters");
    while (next_argument(&rest, &name)) {
        json_write_object(writer);
        json_put_string(writer, "name", name);
        json_put_text(writer, "in", "path");
        json_put_bool(writer, "required", true);
        json_put_text(writer, "description", about_argument(name));
        json_put_object(writer, "schema");
        json_put_text(writer, "type", "string");
        json_write_object_end(writer);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void put_response(struct json_writer *writer, const char *status, const char *about)
{
    json_put_object(writer, status);
    json_put_text(writer, "description", about);
    json_write_object_end(writer);
}

static void put_responses(struct json_writer *writer, const struct route *route)
{
    json_put_object(writer, "responses");
    put_response(writer, "2XX", route->summary);
    if (route->body != ROUTE_NO_BODY)
        put_response(writer, "400", "The body is not what it should be; nothing has changed");
    if (route->access != ROUTE_PUBLIC)
        put_response(writer, "401", "No login, or the user may not do this");
    if (strchr(route->path, '{') != NULL)
        put_response(writer, "404", "There is none of that name");
    json_write_object_end(writer);
}

static void put_body(struct json_writer *writer)
{
    json_put_object(writer, "requestBody");
    json_put_object(writer, "content");
    json_put_object(writer, "application/json");
    json_put_object(writer, "schema");
    json_put_text(writer, "type", "object");
    for (int i = 0; i < 4; i++)
        json_write_object_end(writer);
}

static const char *const access_words[] = {
    [ROUTE_PUBLIC] = "No login is needed.",
    [ROUTE_MANAGEMENT] = "For all users of the management.",
    [ROUTE_VHOST] = "For administrators, and users with permissions in the virtual host.",
    [ROUTE_VHOST_MONITORING] =
        "For administrators, monitoring, and users with permissions in the virtual host.",
    [ROUTE_POLICYMAKER] =
        "For administrators, and policymakers with permissions in the virtual host.",
    [ROUTE_MONITORING] = "For administrators and monitoring.",
    [ROUTE_SELF_OR_MONITORING] = "For administrators, monitoring, and the user itself.",
    [ROUTE_ADMINISTRATOR] = "For administrators.",
};

static void put_operation(struct json_writer *writer, const struct route *route)
{
    static const char *const keys[HTTP_METHOD_COUNT] = {"get",    "head",    "post", "put",
                                                        "delete", "options", "patch"};
    json_put_object(writer, keys[route->method]);
    json_put_text(writer, "summary", route->summary);
    json_put_text(writer, "description", access_words[route->access]);
    json_put_array(writer, "tags");
    json_write_string(writer, slice_from_string(route->group));
    json_write_array_end(writer);
    put_parameters(writer, route);
    if (route->body != ROUTE_NO_BODY)
        put_body(writer);
    put_responses(writer, route);
    if (route->access == ROUTE_PUBLIC) {
        json_put_array(writer, "security");
        json_write_array_end(writer);
    }
    json_write_object_end(writer);
}

/* Is the route the first of its path? */
static bool is_first(size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(routes[i].path, routes[at].path) == 0)
            return false;
    return true;
}

static void put_paths(struct json_writer *writer)
{
    json_put_object(writer, "paths");
    for (size_t i = 0; i < routes_count; i++) {
        if (!is_first(i))
            continue;
        json_put_object(writer, routes[i].path);
        for (size_t j = i; j < routes_count; j++)
            if (strcmp(routes[j].path, routes[i].path) == 0)
                put_operation(writer, &routes[j]);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void put_security(struct json_writer *writer)
{
    json_put_object(writer, "components");
    json_put_object(writer, "securitySchemes");
    json_put_object(writer, "basic");
    json_put_text(writer, "type", "http");
    json_put_text(writer, "scheme", "basic");
    json_write_object_end(writer);
    json_write_object_end(writer);
    json_write_object_end(writer);
    json_put_array(writer, "security");
    json_write_object(writer);
    json_put_array(writer, "basic");
    json_write_array_end(writer);
    json_write_object_end(writer);
    json_write_array_end(writer);
}

void api_get_openapi(struct api_request *request)
{
    struct buf body = {0};
    struct json_writer writer;
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    json_put_text(&writer, "openapi", "3.0.3");
    json_put_object(&writer, "info");
    json_put_text(&writer, "title", "StoatMQ management API");
    json_put_text(&writer, "description",
                  "Compatible with RabbitMQ's. Errors are {\"error\", \"reason\"}.");
    json_put_text(&writer, "version", STOATMQ_VERSION);
    json_write_object_end(&writer);
    put_paths(&writer);
    put_security(&writer);
    json_write_object_end(&writer);
    api_reply_json(request, &body);
}

/* --- for people ------------------------------------------------------------------------------ */

void api_get_help(struct api_request *request)
{
    struct buf page = {0};
    const char *group = "";
    buf_printf(&page,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
               "<title>StoatMQ management API</title>\n<h1>StoatMQ management API</h1>\n"
               "<p>Compatible with RabbitMQ's: JSON in and out, errors are"
               " <code>{\"error\", \"reason\"}</code>, a virtual host <code>/</code> is written"
               " <code>%%2F</code>. Programs find this page as"
               " <a href=\"/api/openapi.json\">OpenAPI 3</a>.</p>\n");
    for (size_t i = 0; i < routes_count; i++) {
        if (strcmp(routes[i].group, group) != 0) {
            buf_printf(&page, "%s<h2>%s</h2>\n<dl>\n", i > 0 ? "</dl>\n" : "", routes[i].group);
            group = routes[i].group;
        }
        buf_printf(&page, "<dt><code>%s %s</code></dt>\n<dd>%s. %s</dd>\n",
                   http_method_name(routes[i].method), routes[i].path, routes[i].summary,
                   access_words[routes[i].access]);
    }
    buf_printf(&page, "</dl>\n</html>\n");
    api_reply_body(request, "text/html; charset=utf-8", &page);
}
