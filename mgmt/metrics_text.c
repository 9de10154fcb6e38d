/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/metrics_text.h"

#include <inttypes.h>

#include "mgmt/api/rows.h"
#include "mgmt/metrics_parts.h"
#include "mgmt/metrics_table.h"
#include "server/base/mem.h"

const char *metrics_prefix(const struct scrape *scrape)
{
    return scrape->wish->form == METRICS_DETAILED ? "rabbitmq_detailed_" : "rabbitmq_";
}

void metrics_put_head(struct scrape *scrape, const char *prefix, const char *name, const char *type,
                      const char *help)
{
    buf_printf(scrape->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name,
               type);
}

static void put_head(struct scrape *scrape, const char *prefix, const char *name, bool is_counter,
                     const char *help)
{
    metrics_put_head(scrape, prefix, name, is_counter ? "counter" : "gauge", help);
}

void metrics_put_number(struct scrape *scrape, const char *prefix, const char *name,
                        bool is_counter, const char *help, uint64_t value)
{
    put_head(scrape, prefix, name, is_counter, help);
    buf_printf(scrape->out, "%s%s %" PRIu64 "\n", prefix, name, value);
}

/* --- wishes ---------------------------------------------------------------------------------- */

static bool is_wanted(const struct scrape *scrape, const char *family)
{
    const struct http_request *http = scrape->wish->http;
    if (scrape->wish->form != METRICS_DETAILED)
        return true;
    for (unsigned i = 0; i < http->parameter_count; i++)
        if (slice_equal(http->parameters[i].name, SLICE_LITERAL("family")) &&
            slice_equal(http->parameters[i].value, slice_from_string(family)))
            return true;
    return false;
}

static bool is_row_wanted(const struct scrape *scrape, const struct row *row)
{
    const struct http_request *http = scrape->wish->http;
    bool is_any = false;
    if (scrape->wish->form != METRICS_DETAILED || row->vhost == NULL)
        return true;
    for (unsigned i = 0; i < http->parameter_count; i++) {
        if (!slice_equal(http->parameters[i].name, SLICE_LITERAL("vhost")))
            continue;
        is_any = true;
        if (slice_equal(http->parameters[i].value, row->vhost->text[TEXT_NAME]))
            return true;
    }
    return !is_any;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t octet = text.data[i];
        if (octet == '\\' || octet == '"')
            buf_u8(out, '\\');
        if (octet == '\n')
            buf_bytes(out, SLICE_LITERAL("\\n"));
        else
            buf_u8(out, octet);
    }
}

static void put_label(struct buf *out, const char *name, struct slice value)
{
    if (out->size > 0)
        buf_u8(out, ',');
    buf_bytes(out, slice_from_string(name));
    buf_bytes(out, SLICE_LITERAL("=\""));
    put_escaped(out, value);
    buf_u8(out, '"');
}

static void put_labels(struct buf *out, const struct row *row)
{
    out->size = 0;
    switch ((unsigned)row->is.registry) {
    case REGISTRY_QUEUE:
        put_label(out, "vhost", row->vhost->text[TEXT_NAME]);
        put_label(out, "queue", row->text[TEXT_NAME]);
        break;
    case REGISTRY_EXCHANGE:
        put_label(out, "vhost", row->vhost->text[TEXT_NAME]);
        put_label(out, "exchange", row->text[TEXT_NAME]);
        break;
    case REGISTRY_SESSION:
        put_label(out, "connection", row->text[TEXT_NAME]);
        break;
    case REGISTRY_CHANNEL:
        put_label(out, "channel", row->of->text[TEXT_NAME]);
        out->size--; /* in the quotes */
        buf_printf(out, " (%u)\"", row->is.number);
        break;
    default:
        break;
    }
}

static uint64_t value_of(const struct metric *metric, const struct row *row, uint64_t now_ms)
{
    const char *at = (const char *)row + metric->offset;
    switch (metric->source) {
    case METRIC_COLUMN:
        return row->series->values[metric->offset];
    case METRIC_U64:
        return *(const uint64_t *)(const void *)at;
    case METRIC_U32:
        return *(const uint32_t *)(const void *)at;
    case METRIC_AGE:
        return queue_age_ms(row, now_ms) / 1000;
    case METRIC_MESSAGE_BYTES:
        return row->queue.ready_bytes + row->queue.unacked_bytes;
    case METRIC_RAM:
        return row->queue.in_memory + row->queue.unacked;
    case METRIC_RAM_BYTES:
        return row->queue.ready_bytes + row->queue.unacked_bytes - row->queue.cold_bytes;
    }
    return 0;
}

static void put_digits(struct buf *out, uint64_t number)
{
    uint8_t digits[21];
    unsigned at = sizeof digits;
    digits[--at] = '\n';
    do
        digits[--at] = (uint8_t)('0' + number % 10);
    while ((number /= 10) > 0);
    buf_bytes(out, slice_of(digits + at, sizeof digits - at));
}

/* What the rows of a kind are called, made once for all metrics of that kind. */
struct labels {
    struct buf text;
    size_t *at; /* where each row's begin, and the end */
    const struct row **rows;
    uint32_t count;
};

static struct labels make_labels(const struct scrape *scrape, enum registry_kind kind)
{
    const struct table *table = &scrape->snapshot->tables[kind];
    struct labels labels = {.at = mem_alloc((table->count + 1) * sizeof(size_t)),
                            .rows = mem_alloc((table->count + 1) * sizeof(struct row *))};
    struct buf one = {0};
    for (uint32_t i = 0; i < table->count; i++) {
        if (!is_row_wanted(scrape, table->rows[i]))
            continue;
        put_labels(&one, table->rows[i]);
        labels.at[labels.count] = labels.text.size;
        labels.rows[labels.count++] = table->rows[i];
        buf_bytes(&labels.text, buf_slice(&one));
    }
    labels.at[labels.count] = labels.text.size;
    buf_fini(&one);
    return labels;
}

static const char *prefix_of(const struct scrape *scrape, const struct metric *metric)
{
    return metric->is_ours ? "stoatmq_" : metrics_prefix(scrape);
}

static void put_metric(struct scrape *scrape, const struct metric *metric,
                       const struct labels *labels)
{
    const char *prefix = prefix_of(scrape, metric);
    struct slice start = slice_from_string(prefix), name = slice_from_string(metric->name);
    put_head(scrape, prefix, metric->name, metric->is_counter, metric->help);
    for (uint32_t i = 0; i < labels->count; i++) {
        buf_bytes(scrape->out, start);
        buf_bytes(scrape->out, name);
        buf_u8(scrape->out, '{');
        buf_bytes(scrape->out,
                  slice_of(labels->text.data + labels->at[i], labels->at[i + 1] - labels->at[i]));
        buf_bytes(scrape->out, SLICE_LITERAL("} "));
        put_digits(scrape->out, value_of(metric, labels->rows[i], scrape->now_ms));
    }
}

/* The COUNT metrics from FIRST on, which are of one kind, by object. */
static void put_objects(struct scrape *scrape, const struct metric *first, size_t count)
{
    struct labels labels = make_labels(scrape, first->kind);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(scrape, first[i].family))
            put_metric(scrape, &first[i], &labels);
    buf_fini(&labels.text);
    mem_free(labels.at);
    mem_free((void *)labels.rows);
}

/* The same in sum; of ages, the greatest. */
static void put_sums(struct scrape *scrape, const struct metric *first, size_t count)
{
    const struct table *table = &scrape->snapshot->tables[first->kind];
    uint64_t *sums = mem_zalloc((count + 1) * sizeof *sums);
    for (uint32_t row = 0; row < table->count; row++)
        for (size_t i = 0; i < count; i++) {
            uint64_t value = value_of(&first[i], table->rows[row], scrape->now_ms);
            if (first[i].source != METRIC_AGE)
                sums[i] += value;
            else if (value > sums[i])
                sums[i] = value;
        }
    for (size_t i = 0; i < count; i++)
        metrics_put_number(scrape, prefix_of(scrape, &first[i]), first[i].name, first[i].is_counter,
                           first[i].help, sums[i]);
    mem_free(sums);
}

/* Is any of these asked for? */
static bool is_any_wanted(const struct scrape *scrape, const struct metric *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_wanted(scrape, first[i].family))
            return true;
    return false;
}

/* The metrics of one kind stand together in the table. */
static void put_rows(struct scrape *scrape)
{
    for (size_t first = 0, end = 0; first < metrics_count; first = end) {
        while (end < metrics_count && metrics[end].kind == metrics[first].kind)
            end++;
        if (scrape->wish->form == METRICS_SUMMED)
            put_sums(scrape, &metrics[first], end - first);
        else if (is_any_wanted(scrape, &metrics[first], end - first))
            put_objects(scrape, &metrics[first], end - first);
    }
}

/* --- what there is --------------------------------------------------------------------------- */

/* Families of /metrics/detailed alone. */
static bool is_named(const struct scrape *scrape, const char *family)
{
    return scrape->wish->form == METRICS_DETAILED && is_wanted(scrape, family);
}

static void put_vhost_status(struct scrape *scrape)
{
    const struct table *vhosts = &scrape->snapshot->tables[REGISTRY_VHOST];
    put_head(scrape, "rabbitmq_cluster_", "vhost_status", false,
             "Whether a given vhost is running");
    for (uint32_t i = 0; i < vhosts->count; i++) {
        buf_bytes(scrape->out, SLICE_LITERAL("rabbitmq_cluster_vhost_status{vhost=\""));
        put_escaped(scrape->out, vhosts->rows[i]->text[TEXT_NAME]);
        buf_bytes(scrape->out, SLICE_LITERAL("\"} 1\n"));
    }
}

/* How many bindings each exchange is the source of; the caller frees it. */
static uint64_t *count_bindings(const struct scrape *scrape)
{
    const struct table *bindings = &scrape->snapshot->tables[REGISTRY_BINDING];
    uint64_t *counts = mem_zalloc((scrape->snapshot->tables[REGISTRY_EXCHANGE].count + 1) *
                                  sizeof *counts);
    for (uint32_t i = 0; i < bindings->count; i++)
        if (bindings->rows[i]->of != NULL)
            counts[bindings->rows[i]->of->at]++;
    return counts;
}

/* NAME with a value each: of VALUES, or 1. Not of the default exchange, as by RabbitMQ. */
static void put_exchanges(struct scrape *scrape, const char *name, const char *help,
                          const uint64_t *values)
{
    const struct table *exchanges = &scrape->snapshot->tables[REGISTRY_EXCHANGE];
    struct buf labels = {0};
    put_head(scrape, "rabbitmq_cluster_", name, false, help);
    for (uint32_t i = 0; i < exchanges->count; i++) {
        const struct row *row = exchanges->rows[i];
        if (row->text[TEXT_NAME].size == 0 || !is_row_wanted(scrape, row))
            continue;
        put_labels(&labels, row);
        put_label(&labels, "type", row->text[TEXT_TYPE]);
        buf_printf(scrape->out, "rabbitmq_cluster_%s{%.*s} ", name, SLICE_ARGS(buf_slice(&labels)));
        put_digits(scrape->out, values != NULL ? values[i] : 1);
    }
    buf_fini(&labels);
}

static void put_cluster(struct scrape *scrape)
{
    if (is_named(scrape, "vhost_status"))
        put_vhost_status(scrape);
    if (is_named(scrape, "exchange_bindings")) {
        uint64_t *counts = count_bindings(scrape);
        put_exchanges(scrape, "exchange_bindings",
                      "Number of bindings for an exchange (value depends on the number of "
                      "bindings)",
                      counts);
        mem_free(counts);
    }
    if (is_named(scrape, "exchange_names"))
        put_exchanges(scrape, "exchange_name",
                      "Enumerates exchanges without any additional info. This value is "
                      "cluster-wide",
                      NULL);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void put_totals(struct scrape *scrape)
{
    static const struct {
        const char *name, *help;
        enum registry_kind kind;
    } totals[] = {{"connections", "Connections currently open", REGISTRY_SESSION},
                  {"channels", "Channels currently open", REGISTRY_CHANNEL},
                  {"consumers", "Consumers currently connected", REGISTRY_CONSUMER},
                  {"queues", "Queues available", REGISTRY_QUEUE}};
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++)
        metrics_put_number(scrape, "rabbitmq_", totals[i].name, false, totals[i].help,
                           scrape->snapshot->tables[totals[i].kind].count);
}

static void put_churn(struct scrape *scrape)
{
    static const struct {
        const char *name, *help;
    } churn[CHURN_COLUMNS] = {
        {"connections_opened_total", "Total number of connections opened"},
        {"connections_closed_total", "Total number of connections closed or terminated"},
        {"channels_opened_total", "Total number of channels opened"},
        {"channels_closed_total", "Total number of channels closed"},
        {"queues_declared_total", "Total number of queues declared"},
        {"queues_created_total", "Total number of queues created"},
        {"queues_deleted_total", "Total number of queues deleted"},
    };
    for (uint32_t i = 0; i < CHURN_COLUMNS; i++)
        metrics_put_number(scrape, metrics_prefix(scrape), churn[i].name, true, churn[i].help,
                           scrape->snapshot->overview->values[COLUMN_CHURN + i]);
}

/* "disabled", RabbitMQ says of messages that no dead-letter exchange was for. */
static void put_dead_letters(struct scrape *scrape)
{
    const struct counters *counters = &scrape->snapshot->engine.counters;
    const struct {
        const char *name, *help;
        uint64_t dropped, sent;
    } reasons[] = {
        {"messages_dead_lettered_expired_total",
         "Total number of messages dead-lettered due to message TTL exceeded",
         counters->messages_dropped_expired, counters->messages_dead_lettered_expired},
        {"messages_dead_lettered_rejected_total",
         "Total number of messages dead-lettered due to basic.reject or basic.nack",
         counters->messages_dropped_rejected, counters->messages_dead_lettered_rejected},
        {"messages_dead_lettered_maxlen_total",
         "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx",
         counters->messages_dropped_maxlen, counters->messages_dead_lettered_maxlen},
        {"messages_dead_lettered_delivery_limit_total",
         "Total number of messages dead-lettered due to delivery-limit exceeded",
         counters->messages_dropped_delivery_limit,
         counters->messages_dead_lettered_delivery_limit},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        put_head(scrape, "rabbitmq_global_", reasons[i].name, true, reasons[i].help);
        buf_printf(scrape->out,
                   "rabbitmq_global_%s{queue_type=\"rabbit_classic_queue\","
                   "dead_letter_strategy=\"at_most_once\"} %" PRIu64 "\n"
                   "rabbitmq_global_%s{queue_type=\"rabbit_classic_queue\","
                   "dead_letter_strategy=\"disabled\"} %" PRIu64 "\n",
                   reasons[i].name, reasons[i].sent, reasons[i].name, reasons[i].dropped);
    }
}

static void put_global(struct scrape *scrape)
{
    static const struct {
        const char *name, *help;
        uint32_t column;
        bool by_queue_type;
    } global[] = {
        {"messages_received_total", "Total number of messages received from publishers",
         TRAFFIC_PUBLISH, false},
        {"messages_confirmed_total", "Total number of messages confirmed to publishers",
         TRAFFIC_CONFIRM, false},
        {"messages_unroutable_dropped_total",
         "Total number of messages published as non-mandatory and dropped as unroutable",
         TRAFFIC_DROP, false},
        {"messages_unroutable_returned_total",
         "Total number of messages published as mandatory and returned as unroutable",
         TRAFFIC_RETURN, false},
        {"messages_delivered_total", "Total number of messages delivered to consumers",
         COLUMN_DELIVER_GET, true},
        {"messages_delivered_consume_manual_ack_total",
         "Total number of messages delivered to consumers with manual acknowledgment",
         TRAFFIC_DELIVER, true},
        {"messages_delivered_consume_auto_ack_total",
         "Total number of messages delivered to consumers with automatic acknowledgment",
         TRAFFIC_DELIVER_NO_ACK, true},
        {"messages_delivered_get_manual_ack_total",
         "Total number of messages delivered by basic.get with manual acknowledgment", TRAFFIC_GET,
         true},
        {"messages_delivered_get_auto_ack_total",
         "Total number of messages delivered by basic.get with automatic acknowledgment",
         TRAFFIC_GET_NO_ACK, true},
        {"messages_get_empty_total", "Total number of times basic.get found no message",
         TRAFFIC_GET_EMPTY, true},
        {"messages_redelivered_total", "Total number of messages redelivered to consumers",
         TRAFFIC_REDELIVER, true},
        {"messages_acknowledged_total", "Total number of messages acknowledged by consumers",
         TRAFFIC_ACK, true},
    };
    for (size_t i = 0; i < sizeof global / sizeof global[0]; i++) {
        put_head(scrape, "rabbitmq_global_", global[i].name, true, global[i].help);
        buf_printf(scrape->out, "rabbitmq_global_%s{protocol=\"amqp091\"%s} %" PRIu64 "\n",
                   global[i].name,
                   global[i].by_queue_type ? ",queue_type=\"rabbit_classic_queue\"" : "",
                   scrape->snapshot->overview->values[global[i].column]);
    }
    put_head(scrape, "rabbitmq_global_", "messages_routed_total", true,
             "Total number of messages routed to queues or streams");
    buf_printf(scrape->out,
               "rabbitmq_global_messages_routed_total{protocol=\"amqp091\"} %" PRIu64 "\n",
               scrape->snapshot->engine.counters.messages_routed);
    put_dead_letters(scrape);
    put_head(scrape, "rabbitmq_global_", "consumers", false, "Current number of consumers");
    buf_printf(scrape->out, "rabbitmq_global_consumers{protocol=\"amqp091\"} %u\n",
               scrape->snapshot->tables[REGISTRY_CONSUMER].count);
}

/* Boards pick their node from this one. */
static void put_identity(struct scrape *scrape)
{
    struct listing none = {0};
    struct slice node = listing_node(&none);
    put_head(scrape, "rabbitmq_", "identity_info", false, "Node and cluster identity info");
    buf_printf(scrape->out,
               "rabbitmq_identity_info{rabbitmq_node=\"%.*s\",rabbitmq_cluster=\"%.*s\","
               "rabbitmq_cluster_permanent_id=\"%.*s\"} 1\n",
               SLICE_ARGS(node), SLICE_ARGS(node), SLICE_ARGS(node));
    put_head(scrape, "rabbitmq_", "build_info", false, "Version info");
    buf_printf(scrape->out,
               "rabbitmq_build_info{rabbitmq_version=\"%s\",product_name=\"StoatMQ\","
               "product_version=\"%s\"} 1\n",
               scrape->management->view->settings->compatible_version, STOATMQ_VERSION);
}

void metrics_write(const struct management *management, const struct metrics_wish *wish,
                   struct buf *out)
{
    struct scrape scrape = {management, &management->collector.snapshot, wish, out,
                            collector_wall_ms()};
    if (is_wanted(&scrape, "connection_churn_metrics"))
        put_churn(&scrape);
    if (is_wanted(&scrape, "node_metrics"))
        metrics_put_node(&scrape);
    if (is_wanted(&scrape, "node_persister_metrics"))
        metrics_put_disk(&scrape);
    if (is_wanted(&scrape, "auth_attempt_metrics"))
        metrics_put_logins(&scrape);
    put_rows(&scrape);
    put_cluster(&scrape);
    put_identity(&scrape);
    if (wish->form == METRICS_DETAILED)
        return;
    put_totals(&scrape);
    put_global(&scrape);
    metrics_put_own(&scrape);
}
