/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of bindings. Every queue has one to the default exchange, which is nowhere
 * kept: it is written from the queue's row.
 */
#include "mgmt/api/handlers.h"
#include "mgmt/api/properties_key.h"
#include "mgmt/api/rows.h"

static struct slice name_of(const struct row *row)
{
    return row != NULL ? row->text[TEXT_NAME] : SLICE_EMPTY;
}

/* ROW is a binding, or a queue: then it is that queue's to the default exchange. */
static void write_binding(struct listing *listing, struct json_writer *writer,
                          const struct row *row)
{
    bool is_default = row->is.registry == REGISTRY_QUEUE;
    bool to_queue = is_default || (row->is.flags & CAME_TO_QUEUE) != 0;
    struct slice arguments = is_default ? SLICE_EMPTY : row->text[TEXT_ARGUMENTS];
    struct buf key = {0};
    (void)listing;
    properties_key(&key, row->text[TEXT_NAME], arguments);
    json_write_object(writer);
    json_put_string(writer, "source", is_default ? SLICE_EMPTY : name_of(row->of));
    json_put_string(writer, "vhost", name_of(row->vhost));
    json_put_string(writer, "destination", name_of(is_default ? row : row->to));
    json_put_text(writer, "destination_type", to_queue ? "queue" : "exchange");
    json_put_string(writer, "routing_key", row->text[TEXT_NAME]);
    json_put_table(writer, "arguments", arguments);
    json_put_string(writer, "properties_key", buf_slice(&key));
    json_write_object_end(writer);
    buf_fini(&key);
}

/* What the path asks for. What it does not name is NULL and `any_...`. */
struct wanted {
    const struct row *vhost, *source, *destination;
    bool is_default; /* the source is the default exchange */
    bool is_missing; /* something that the path names is not there */
};

static struct slice argument(const struct listing *listing, const char *name)
{
    return route_argument(listing->request->route, name) < 0 ? SLICE_EMPTY
                                                             : api_argument(listing->request, name);
}

static const struct row *find_exchange(struct listing *listing, struct slice vhost,
                                       struct slice name)
{
    return snapshot_exchange(listing->snapshot, vhost,
                             slice_equal(name, SLICE_LITERAL("amq.default")) ? SLICE_EMPTY : name);
}

static bool path_ends_with(const struct listing *listing, struct slice end)
{
    struct slice path = slice_from_string(listing->request->route->path);
    return path.size >= end.size &&
           memcmp(path.data + path.size - end.size, end.data, end.size) == 0;
}

static struct wanted read_wanted(struct listing *listing)
{
    const struct route *route = listing->request->route;
    struct wanted wanted = {0};
    struct slice vhost = argument(listing, "vhost"), name = argument(listing, "name");
    if (route_argument(route, "vhost") < 0)
        return wanted;
    wanted.vhost = snapshot_vhost(listing->snapshot, vhost);
    bool by_source = route_argument(route, "source") >= 0 ||
                     path_ends_with(listing, SLICE_LITERAL("/source"));
    bool to_exchange = route_argument(route, "destination") >= 0 ||
                       path_ends_with(listing, SLICE_LITERAL("/destination"));
    bool to_queue = route_argument(route, "queue") >= 0 ||
                    (route_argument(route, "name") >= 0 && !by_source && !to_exchange);
    if (by_source)
        wanted.source = find_exchange(
            listing, vhost,
            route_argument(route, "source") >= 0 ? argument(listing, "source") : name);
    if (to_exchange)
        wanted.destination = find_exchange(
            listing, vhost,
            route_argument(route, "destination") >= 0 ? argument(listing, "destination") : name);
    else if (to_queue)
        wanted.destination = snapshot_queue(
            listing->snapshot, vhost,
            route_argument(route, "queue") >= 0 ? argument(listing, "queue") : name);
    wanted.is_default = wanted.source != NULL && wanted.source->text[TEXT_NAME].size == 0;
    wanted.is_missing = wanted.vhost == NULL || (by_source && wanted.source == NULL) ||
                        ((to_exchange || to_queue) && wanted.destination == NULL);
    return wanted;
}

static bool is_wanted(const struct listing *listing, const struct row *row, const void *context)
{
    const struct wanted *wanted = context;
    (void)listing;
    if (wanted->is_missing)
        return false; /* RabbitMQ says the same of ends without bindings and of none */
    if (wanted->vhost != NULL && row->vhost != wanted->vhost)
        return false;
    if (row->is.registry == REGISTRY_QUEUE)
        return (wanted->source == NULL || wanted->is_default) &&
               (wanted->destination == NULL || wanted->destination == row);
    return (wanted->source == NULL || row->of == wanted->source) &&
           (wanted->destination == NULL || row->to == wanted->destination);
}

static void reply_bindings(struct listing *listing)
{
    static const enum registry_kind kinds[] = {REGISTRY_QUEUE, REGISTRY_BINDING};
    struct wanted wanted = read_wanted(listing);
    if (route_argument(listing->request->route, "vhost") >= 0 && wanted.vhost == NULL)
        api_refuse_not_found(listing->request);
    else
        listing_reply_tables(listing, kinds, 2, is_wanted, &wanted, write_binding);
}

void api_get_bindings(struct api_request *request)
{
    listing_ask(request, reply_bindings);
}

static const struct row *find_by_key(struct listing *listing, enum registry_kind kind,
                                     const struct wanted *wanted, struct slice props)
{
    const struct table *table = &listing->snapshot->tables[kind];
    struct buf key = {0};
    const struct row *found = NULL;
    for (uint32_t i = 0; i < table->count && found == NULL; i++) {
        const struct row *row = table->rows[i];
        if (!is_wanted(listing, row, wanted))
            continue;
        key.size = 0;
        properties_key(&key, row->text[TEXT_NAME],
                       kind == REGISTRY_QUEUE ? SLICE_EMPTY : row->text[TEXT_ARGUMENTS]);
        if (properties_key_equal(buf_slice(&key), props))
            found = row;
    }
    buf_fini(&key);
    return found;
}

static void reply_binding(struct listing *listing)
{
    struct wanted wanted = read_wanted(listing);
    const struct row *row = NULL;
    struct slice props = api_argument(listing->request, "props");
    if (!wanted.is_missing)
        row = find_by_key(listing, wanted.is_default ? REGISTRY_QUEUE : REGISTRY_BINDING, &wanted,
                          props);
    listing_reply_row(listing, row, write_binding);
}

void api_get_binding(struct api_request *request)
{
    listing_ask(request, reply_binding);
}
