/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of connections, channels and exchanges.
 */
#include "mgmt/api/rows.h"

#include "amqp/table.h"
#include "exchange/channel.h"
#include "mgmt/api/handlers.h"
#include "server/connection.h"

static bool is_of_vhost(const struct listing *listing, const struct row *row, const void *vhost)
{
    (void)listing;
    return row->vhost == vhost;
}

void rows_reply_of_vhost(struct listing *listing, enum registry_kind kind, listing_writer write)
{
    if (route_argument(listing->request->route, "vhost") < 0) {
        listing_reply_table(listing, kind, NULL, NULL, write);
        return;
    }
    const struct row *vhost = snapshot_vhost(listing->snapshot,
                                             api_argument(listing->request, "vhost"));
    if (vhost == NULL)
        api_refuse_not_found(listing->request);
    else
        listing_reply_table(listing, kind, is_of_vhost, vhost, write);
}

/* --- virtual hosts --------------------------------------------------------------------------- */

static void put_tags(struct json_writer *writer, const struct row *row)
{
    struct cursor cursor = cursor_of(row->text[TEXT_TAGS]);
    (void)json_put_array(writer, "tags");
    for (struct table_value tag; table_next_item(&cursor, &tag);)
        if (tag.type == TABLE_LONGSTR)
            json_write_string(writer, tag.bytes);
    json_write_array_end(writer);
}

static void put_metadata(struct json_writer *writer, const struct row *row)
{
    struct slice type = row->text[TEXT_QUEUE_TYPE];
    json_put_string(writer, "description", row->text[TEXT_DESCRIPTION]);
    put_tags(writer, row);
    json_put_string(writer, "default_queue_type", type.size > 0 ? type : SLICE_LITERAL("classic"));
}

static void write_vhost(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_write_object(writer);
    json_put_string(writer, "name", row->text[TEXT_NAME]);
    put_metadata(writer, row);
    (void)json_put_object(writer, "metadata");
    put_metadata(writer, row);
    json_write_object_end(writer);
    json_put_bool(writer, "tracing", (row->is.flags & CAME_TRACING) != 0);
    if (json_put_object(writer, "cluster_state")) {
        (void)json_write_key(writer, listing_node(listing));
        json_write_string(writer, SLICE_LITERAL("running"));
    }
    json_write_object_end(writer);
    if (!listing->without_stats) {
        for (uint32_t i = 0; i < SESSION_COLUMNS; i++)
            listing_put_column(listing, writer, octets_names[i], row->series, COLUMN_VHOST_RECV + i,
                               &listing->data_rates);
        for (uint32_t i = 0; i < 3; i++)
            listing_put_column(listing, writer, depth_names[i], row->series, COLUMN_READY + i,
                               &listing->lengths);
        listing_put_traffic(listing, writer, row->series, UINT32_MAX);
    }
    json_write_object_end(writer);
}

static void reply_vhosts(struct listing *listing)
{
    listing_reply_table(listing, REGISTRY_VHOST, NULL, NULL, write_vhost);
}

void api_get_vhosts(struct api_request *request)
{
    listing_ask(request, reply_vhosts);
}

static void reply_vhost(struct listing *listing)
{
    listing_reply_row(listing,
                      snapshot_vhost(listing->snapshot, api_argument(listing->request, "vhost")),
                      write_vhost);
}

void api_get_vhost(struct api_request *request)
{
    listing_ask(request, reply_vhost);
}

/* --- exchanges ------------------------------------------------------------------------------- */

void rows_write_exchange(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_write_object(writer);
    json_put_table(writer, "arguments", row->text[TEXT_ARGUMENTS]);
    json_put_bool(writer, "auto_delete", (row->is.flags & CAME_AUTO_DELETE) != 0);
    json_put_bool(writer, "durable", (row->is.flags & CAME_DURABLE) != 0);
    json_put_bool(writer, "internal", (row->is.flags & CAME_INTERNAL) != 0);
    if (!listing->without_stats && row->series->values[0] + row->series->values[1] > 0) {
        (void)json_put_object(writer, "message_stats");
        for (uint32_t i = 0; i < EXCHANGE_COLUMNS; i++)
            listing_put_column(listing, writer, exchange_names[i], row->series, i,
                               &listing->message_rates);
        json_write_object_end(writer);
    }
    if ((row->is.flags & CAME_DELAYED) != 0 || row->exchange.delayed > 0)
        json_put_uint(writer, "messages_delayed", row->exchange.delayed);
    json_put_string(writer, "name", row->text[TEXT_NAME]);
    if (row->text[TEXT_POLICY].size > 0)
        json_put_string(writer, "policy", row->text[TEXT_POLICY]);
    json_put_string(writer, "type", row->text[TEXT_TYPE]);
    json_put_string(writer, "user_who_performed_action", row->text[TEXT_CREATOR]);
    json_put_string(writer, "vhost", row->vhost->text[TEXT_NAME]);
    if (listing->is_detail) {
        partners_put_of_exchange(listing, writer, row);
    }
    json_write_object_end(writer);
}

static void reply_exchanges(struct listing *listing)
{
    rows_reply_of_vhost(listing, REGISTRY_EXCHANGE, rows_write_exchange);
}

void api_get_exchanges(struct api_request *request)
{
    listing_ask(request, reply_exchanges);
}

static void reply_exchange(struct listing *listing)
{
    struct slice name = api_argument(listing->request, "name");
    if (slice_equal(name, SLICE_LITERAL("amq.default")))
        name = SLICE_EMPTY;
    listing_reply_row(
        listing,
        snapshot_exchange(listing->snapshot, api_argument(listing->request, "vhost"), name),
        rows_write_exchange);
}

void api_get_exchange(struct api_request *request)
{
    listing_ask(request, reply_exchange);
}

/* --- connections ----------------------------------------------------------------------------- */

static const char *state_of(const struct row *row)
{
    return row->socket.is_closing ? "closing" : row->socket.is_blocked ? "blocked" : "running";
}

static const char *mechanism_of(const struct row *row)
{
    return row->socket.mechanism == MECHANISM_EXTERNAL   ? "EXTERNAL"
           : row->socket.mechanism == MECHANISM_AMQPLAIN ? "AMQPLAIN"
                                                         : "PLAIN";
}

/* Of what there is not, RabbitMQ has null in lists and "" in a single object. */
static void put_tls(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    static const struct tls_description none;
    const struct tls_description *tls = row->tls != NULL ? row->tls : &none;
    const struct {
        const char *name, *text;
    } members[] = {{"peer_cert_issuer", tls->peer_issuer},
                   {"peer_cert_subject", tls->peer_subject},
                   {"peer_cert_validity", tls->peer_validity},
                   {"ssl_cipher", tls->cipher},
                   {"ssl_hash", tls->hash},
                   {"ssl_key_exchange", tls->key_exchange},
                   {"ssl_protocol", tls->protocol}};
    json_put_bool(writer, "ssl", row->socket.is_tls);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (members[i].text[0] != '\0' || listing->is_detail)
            json_put_text(writer, members[i].name, members[i].text);
        else
            json_put_null(writer, members[i].name);
}

static void put_socket(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    const struct fact_socket *socket = &row->socket;
    for (uint32_t i = 0; i < SESSION_COLUMNS; i++)
        listing_put_column(listing, writer, octets_names[i], row->series, i, &listing->data_rates);
    json_put_uint(writer, "recv_cnt", socket->recv_count);
    json_put_uint(writer, "send_cnt", socket->send_count);
    json_put_uint(writer, "send_pend", socket->pending_bytes);
    json_put_uint(writer, "channel_max", socket->channel_max);
    json_put_uint(writer, "frame_max", socket->frame_max);
    json_put_uint(writer, "timeout", socket->heartbeat_s);
    json_put_text(writer, "state", state_of(row));
}

void rows_write_session(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    struct listing_ends ends = listing_ends_of(row->text[TEXT_NAME]);
    struct table_value value;
    json_write_object(writer);
    json_put_text(writer, "auth_mechanism", mechanism_of(row));
    json_put_uint(writer, "channels", row->session.channels);
    json_put_table(writer, "client_properties", row->text[TEXT_ARGUMENTS]);
    json_put_uint(writer, "connected_at", row->is.wall_ms);
    json_put_string(writer, "host", ends.host);
    json_put_string(writer, "name", row->text[TEXT_NAME]);
    json_put_string(writer, "node", listing_node(listing));
    json_put_string(writer, "peer_host", ends.peer_host);
    json_put_uint(writer, "peer_port", ends.peer_port);
    json_put_uint(writer, "port", ends.port);
    json_put_text(writer, "protocol", "AMQP 0-9-1");
    if (!listing->without_stats)
        put_socket(listing, writer, row);
    put_tls(listing, writer, row);
    json_put_text(writer, "type", "network");
    json_put_string(writer, "user", row->text[TEXT_USER]);
    if (table_find(row->text[TEXT_ARGUMENTS], SLICE_LITERAL("connection_name"), &value) &&
        value.type == TABLE_LONGSTR)
        json_put_string(writer, "user_provided_name", value.bytes);
    json_put_string(writer, "user_who_performed_action", row->text[TEXT_USER]);
    json_put_string(writer, "vhost", row->vhost->text[TEXT_NAME]);
    json_write_object_end(writer);
}

/* The connection of a connection, channel or consumer; NULL when that is gone. */
static const struct row *session_of(const struct row *row)
{
    while (row != NULL && row->is.registry != REGISTRY_SESSION)
        row = row->of;
    return row;
}

bool rows_is_own(const struct listing *listing, const struct row *row)
{
    const struct row *session = session_of(row);
    const struct api_user *user = listing->request->user;
    return session != NULL &&
           (api_user_is_monitoring(user) || slice_equal(session->text[TEXT_USER], user->name));
}

/* In the path's {vhost}, of its {user}, on its {connection}: what of these it has. */
static bool is_asked_for(const struct listing *listing, const struct row *row, const void *context)
{
    const struct api_request *request = listing->request;
    const struct row *session = session_of(row);
    (void)context;
    if (!rows_is_own(listing, row))
        return false;
    return (route_argument(request->route, "vhost") < 0 ||
            slice_equal(row->vhost->text[TEXT_NAME], api_argument(request, "vhost"))) &&
           (route_argument(request->route, "user") < 0 ||
            slice_equal(session->text[TEXT_USER], api_argument(request, "user"))) &&
           (route_argument(request->route, "connection") < 0 ||
            slice_equal(session->text[TEXT_NAME], api_argument(request, "connection")));
}

void rows_reply_of_clients(struct listing *listing, enum registry_kind kind, listing_writer write)
{
    const struct api_request *request = listing->request;
    bool is_there = (route_argument(request->route, "vhost") < 0 ||
                     snapshot_vhost(listing->snapshot, api_argument(request, "vhost")) != NULL) &&
                    (route_argument(request->route, "connection") < 0 ||
                     snapshot_session(listing->snapshot, api_argument(request, "connection")) !=
                         NULL);
    if (is_there)
        listing_reply_table(listing, kind, is_asked_for, NULL, write);
    else
        api_refuse_not_found(listing->request);
}

static void reply_connections(struct listing *listing)
{
    rows_reply_of_clients(listing, REGISTRY_SESSION, rows_write_session);
}

void api_get_connections(struct api_request *request)
{
    listing_ask(request, reply_connections);
}

static void reply_connection(struct listing *listing)
{
    const struct row *row = snapshot_session(listing->snapshot,
                                             api_argument(listing->request, "connection"));
    if (row != NULL && !rows_is_own(listing, row))
        api_refuse_not_authorised(listing->request, "User not authorised to access object");
    else
        listing_reply_row(listing, row, rows_write_session);
}

void api_get_connection(struct api_request *request)
{
    listing_ask(request, reply_connection);
}

/* --- channels -------------------------------------------------------------------------------- */

void rows_put_channel_name(struct json_writer *writer, const char *key, const struct row *channel)
{
    struct buf name = {0};
    buf_printf(&name, "%.*s (%u)", SLICE_ARGS(channel->of->text[TEXT_NAME]), channel->is.number);
    json_put_string(writer, key, buf_slice(&name));
    buf_fini(&name);
}

static void put_connection_details(struct json_writer *writer, struct slice name)
{
    struct listing_ends ends = listing_ends_of(name);
    (void)json_put_object(writer, "connection_details");
    json_put_string(writer, "name", name);
    json_put_string(writer, "peer_host", ends.peer_host);
    json_put_uint(writer, "peer_port", ends.peer_port);
    json_write_object_end(writer);
}

/* What a channel that never published, or never delivered, counts is left out, as by RabbitMQ. */
static uint32_t traffic_of(const struct series *series)
{
    bool delivers = series->values[COLUMN_DELIVER_GET] + series->values[TRAFFIC_GET_EMPTY] > 0;
    return (series->values[TRAFFIC_PUBLISH] > 0 ? PUBLISHERS_TRAFFIC : 0) |
           (delivers ? ~PUBLISHERS_TRAFFIC : 0);
}

static void put_channel_state(struct json_writer *writer, const struct fact_channel *now)
{
    json_put_uint(writer, "acks_uncommitted", now->acks_uncommitted);
    json_put_bool(writer, "confirm", now->mode == CHANNEL_CONFIRM);
    json_put_uint(writer, "consumer_count", now->consumers);
    json_put_uint(writer, "global_prefetch_count", now->prefetch_global);
    json_put_uint(writer, "messages_unacknowledged", now->unacked);
    json_put_uint(writer, "messages_uncommitted", now->uncommitted);
    json_put_uint(writer, "messages_unconfirmed", now->unconfirmed);
    json_put_uint(writer, "pending_raft_commands", 0);
    json_put_uint(writer, "prefetch_count", now->prefetch);
    json_put_bool(writer, "transactional", now->mode == CHANNEL_TX);
}

void rows_write_channel(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_write_object(writer);
    put_connection_details(writer, row->of->text[TEXT_NAME]);
    if (!listing->without_stats) {
        put_channel_state(writer, &row->channel);
        listing_put_traffic(listing, writer, row->series, traffic_of(row->series));
    }
    rows_put_channel_name(writer, "name", row);
    json_put_string(writer, "node", listing_node(listing));
    json_put_uint(writer, "number", row->is.number);
    json_put_text(writer, "state", "running");
    if (row->changed_wall_ms + 2 * COLLECTOR_IDLE_MS < listing->now_ms)
        listing_put_time(writer, "idle_since", row->changed_wall_ms);
    json_put_string(writer, "user", row->of->text[TEXT_USER]);
    json_put_string(writer, "user_who_performed_action", row->of->text[TEXT_USER]);
    json_put_string(writer, "vhost", row->vhost->text[TEXT_NAME]);
    if (listing->is_detail) {
        rows_put_consumers(listing, writer, row);
        partners_put_of_channel(listing, writer, row);
    }
    json_write_object_end(writer);
}

static void reply_channels(struct listing *listing)
{
    rows_reply_of_clients(listing, REGISTRY_CHANNEL, rows_write_channel);
}

void api_get_channels(struct api_request *request)
{
    listing_ask(request, reply_channels);
}

/* The channel called "connection (number)", or NULL. */
static const struct row *find_channel(const struct listing *listing, struct slice name)
{
    const struct table *table = &listing->snapshot->tables[REGISTRY_CHANNEL];
    const uint8_t *open = name.size > 0 ? memrchr(name.data, '(', name.size) : NULL;
    if (open == NULL || open - name.data < 2)
        return NULL;
    const struct row *session = snapshot_session(
        listing->snapshot, slice_of(name.data, (size_t)(open - name.data) - 1));
    for (uint32_t i = 0; session != NULL && i < table->count; i++) {
        char number[16];
        int size = snprintf(number, sizeof number, "(%u)", table->rows[i]->is.number);
        if (table->rows[i]->of == session &&
            slice_equal(slice_of(open, (size_t)(name.data + name.size - open)),
                        slice_of(number, (size_t)size)))
            return table->rows[i];
    }
    return NULL;
}

static void reply_channel(struct listing *listing)
{
    const struct row *row = find_channel(listing, api_argument(listing->request, "channel"));
    if (row != NULL && !rows_is_own(listing, row))
        api_refuse_not_authorised(listing->request, "User not authorised to access object");
    else
        listing_reply_row(listing, row, rows_write_channel);
}

void api_get_channel(struct api_request *request)
{
    listing_ask(request, reply_channel);
}
