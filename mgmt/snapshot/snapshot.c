/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/snapshot/snapshot.h"

#include <math.h>

#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/base/mem.h"

static struct slice id_key(const uint64_t *id)
{
    return slice_of(id, sizeof *id);
}

static struct row *by_id(const struct snapshot *snapshot, enum registry_kind kind, uint64_t id)
{
    return id == 0 ? NULL : map_get(&snapshot->tables[kind].by_id, id_key(&id));
}

const struct row *snapshot_row(const struct snapshot *snapshot, enum registry_kind kind,
                               uint64_t id)
{
    return by_id(snapshot, kind, id);
}

/* --- names ----------------------------------------------------------------------------------- */

static struct row *by_name(const struct snapshot *snapshot, enum registry_kind kind,
                           struct slice vhost, struct slice name)
{
    struct buf key = {0};
    buf_bytes(&key, vhost);
    buf_u8(&key, '\0');
    buf_bytes(&key, name);
    struct row *row = map_get(&snapshot->tables[kind].by_key, buf_slice(&key));
    buf_fini(&key);
    return row;
}

struct row *snapshot_vhost(const struct snapshot *snapshot, struct slice name)
{
    return map_get(&snapshot->tables[REGISTRY_VHOST].by_key, name);
}

struct row *snapshot_session(const struct snapshot *snapshot, struct slice name)
{
    return map_get(&snapshot->tables[REGISTRY_SESSION].by_key, name);
}

struct row *snapshot_exchange(const struct snapshot *snapshot, struct slice vhost,
                              struct slice name)
{
    return by_name(snapshot, REGISTRY_EXCHANGE, vhost, name);
}

struct row *snapshot_queue(const struct snapshot *snapshot, struct slice vhost, struct slice name)
{
    return by_name(snapshot, REGISTRY_QUEUE, vhost, name);
}

static bool has_key(enum registry_kind kind)
{
    return kind == REGISTRY_VHOST || kind == REGISTRY_EXCHANGE || kind == REGISTRY_QUEUE ||
           kind == REGISTRY_SESSION;
}

/* --- rows come and go ------------------------------------------------------------------------ */

static struct series *new_series(enum registry_kind kind, uint64_t now_ms)
{
    static const uint32_t columns[REGISTRY_KIND_COUNT] = {
        [REGISTRY_VHOST] = VHOST_COLUMNS,     [REGISTRY_EXCHANGE] = EXCHANGE_COLUMNS,
        [REGISTRY_QUEUE] = QUEUE_COLUMNS,     [REGISTRY_SESSION] = SESSION_COLUMNS,
        [REGISTRY_CHANNEL] = CHANNEL_COLUMNS,
    };
    return columns[kind] == 0 ? NULL : series_new(columns[kind], kind == REGISTRY_VHOST, now_ms);
}

static void free_row(struct row *row)
{
    series_free(row->series);
    mem_free((void *)row->key.data);
    if (row->is.registry == REGISTRY_SESSION)
        mem_free(row->tls);
    mem_free(row);
}

/* One allocation holds vhost, zero and the texts; the name stands behind the zero. */
static void set_texts(struct row *row, const struct fact_came *came, const uint8_t *texts)
{
    enum registry_kind kind = (enum registry_kind)came->registry;
    struct slice vhost = kind == REGISTRY_EXCHANGE || kind == REGISTRY_QUEUE
                             ? row->vhost->text[TEXT_NAME]
                             : SLICE_EMPTY;
    size_t front = vhost.size + 1, bytes = front;
    for (unsigned i = 0; i < CAME_TEXTS; i++)
        bytes += came->text_bytes[i];
    uint8_t *room = mem_alloc(bytes);
    if (vhost.size > 0)
        memcpy(room, vhost.data, vhost.size);
    room[vhost.size] = '\0';
    memcpy(room + front, texts, bytes - front);
    size_t at = front;
    for (unsigned i = 0; i < CAME_TEXTS; at += came->text_bytes[i], i++)
        row->text[i] = slice_of(room + at, came->text_bytes[i]);
    row->key = slice_of(room, front + came->text_bytes[0]);
}

static struct slice index_key(const struct row *row)
{
    enum registry_kind kind = (enum registry_kind)row->is.registry;
    return kind == REGISTRY_VHOST || kind == REGISTRY_SESSION ? row->text[TEXT_NAME] : row->key;
}

static void link_row(struct snapshot *snapshot, struct row *row)
{
    static const enum registry_kind of[REGISTRY_KIND_COUNT] = {
        [REGISTRY_QUEUE] = REGISTRY_SESSION,
        [REGISTRY_BINDING] = REGISTRY_EXCHANGE,
        [REGISTRY_CHANNEL] = REGISTRY_SESSION,
        [REGISTRY_CONSUMER] = REGISTRY_CHANNEL,
    };
    enum registry_kind to = row->is.registry == REGISTRY_BINDING &&
                                    (row->is.flags & CAME_TO_QUEUE) == 0
                                ? REGISTRY_EXCHANGE
                                : REGISTRY_QUEUE;
    row->vhost = by_id(snapshot, REGISTRY_VHOST, row->is.vhost_id);
    row->of = by_id(snapshot, of[row->is.registry], row->is.of_id);
    row->to = by_id(snapshot, to, row->is.to_id);
}

/* Puts ROW under its names; of two sessions of the same name the first is found. */
static void index_row(struct snapshot *snapshot, struct row *row)
{
    struct table *table = &snapshot->tables[row->is.registry];
    if (has_key((enum registry_kind)row->is.registry) &&
        map_get(&table->by_key, index_key(row)) == NULL)
        map_add(&table->by_key, index_key(row), row);
    struct slice connection = slice_of(&row->is.connection, sizeof row->is.connection);
    if (row->is.registry == REGISTRY_SESSION) {
        (void)map_remove(&snapshot->by_connection, connection);
        map_add(&snapshot->by_connection, connection, row);
    }
}

static void unindex_row(struct snapshot *snapshot, struct row *row)
{
    struct table *table = &snapshot->tables[row->is.registry];
    if (has_key((enum registry_kind)row->is.registry) &&
        map_get(&table->by_key, index_key(row)) == row)
        (void)map_remove(&table->by_key, index_key(row));
    struct slice connection = slice_of(&row->is.connection, sizeof row->is.connection);
    if (row->is.registry == REGISTRY_SESSION &&
        map_get(&snapshot->by_connection, connection) == row)
        (void)map_remove(&snapshot->by_connection, connection);
}

static void take_came(struct snapshot *snapshot, const struct fact_came *came, uint64_t now_ms)
{
    enum registry_kind kind = (enum registry_kind)came->registry;
    struct table *table = &snapshot->tables[kind];
    struct row *row = by_id(snapshot, kind, came->id);
    snapshot->generation++;
    if (row == NULL) {
        row = mem_zalloc(sizeof *row);
        row->is = *came;
        row->changed_wall_ms = came->wall_ms;
        row->series = new_series(kind, now_ms);
        row->at = table->count;
        if (table->count == table->capacity) {
            table->capacity = table->capacity == 0 ? 16 : table->capacity * 2;
            table->rows = mem_realloc(table->rows, table->capacity * sizeof(struct row *));
        }
        table->rows[table->count++] = row;
        map_add(&table->by_id, id_key(&row->is.id), row);
        snapshot->strangers += kind == REGISTRY_SESSION;
    } else { /* described anew */
        uint64_t since = row->is.wall_ms;
        unindex_row(snapshot, row);
        mem_free((void *)row->key.data);
        row->is = *came;
        row->is.wall_ms = since;
    }
    link_row(snapshot, row);
    set_texts(row, came, (const uint8_t *)(came + 1));
    index_row(snapshot, row);
    if (kind == REGISTRY_CONSUMER && (came->flags & CAME_EXCLUSIVE) != 0 && row->to != NULL)
        row->to->exclusive_consumer = row;
    if (kind == REGISTRY_CONSUMER && (came->flags & CAME_SINGLE_ACTIVE) != 0 && row->to != NULL)
        row->to->single_active = row;
}

/* The consumer ROW goes: its queue does not name it any more. */
static void forget_consumer(const struct row *row)
{
    if (row->to == NULL)
        return;
    if (row->to->exclusive_consumer == row)
        row->to->exclusive_consumer = NULL;
    if (row->to->single_active == row)
        row->to->single_active = NULL;
}

static bool is_stranger(const struct row *row)
{
    return row->is.registry == REGISTRY_SESSION && row->socket.connection == 0;
}

static void take_went(struct snapshot *snapshot, const struct fact_went *went)
{
    enum registry_kind kind = (enum registry_kind)went->registry;
    struct table *table = &snapshot->tables[kind];
    struct row *row = by_id(snapshot, kind, went->id);
    if (row == NULL)
        return;
    snapshot->generation++;
    unindex_row(snapshot, row);
    if (kind == REGISTRY_CONSUMER)
        forget_consumer(row);
    (void)map_remove(&table->by_id, id_key(&row->is.id));
    struct row *last = table->rows[--table->count];
    table->rows[row->at] = last;
    last->at = row->at;
    snapshot->strangers -= is_stranger(row);
    if (kind == REGISTRY_SESSION && row->vhost != NULL) {
        row->vhost->closed_recv_octets += row->socket.recv_octets;
        row->vhost->closed_send_octets += row->socket.send_octets;
    }
    free_row(row);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* The columns that queues, channels and virtual hosts begin with. */
static void set_traffic(uint64_t *values, const struct traffic *traffic)
{
    memcpy(values, traffic->count, sizeof traffic->count);
    values[COLUMN_DELIVER_GET] = traffic->count[TRAFFIC_DELIVER] +
                                 traffic->count[TRAFFIC_DELIVER_NO_ACK] +
                                 traffic->count[TRAFFIC_GET] + traffic->count[TRAFFIC_GET_NO_ACK];
}

/* Drops the mark without which the least is lost: so they stay about evenly apart. */
static void drop_closest_mark(struct age_mark *marks, unsigned count)
{
    unsigned closest = 1;
    for (unsigned i = 2; i + 1 < count; i++)
        if (marks[i + 1].at_ms - marks[i - 1].at_ms <
            marks[closest + 1].at_ms - marks[closest - 1].at_ms)
            closest = i;
    memmove(&marks[closest], &marks[closest + 1], (count - closest - 1) * sizeof *marks);
}

static void mark_age(struct queue_ages *ages, const struct fact_queue *now, uint64_t now_ms)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < ages->count; i++)
        if (ages->marks[i].position > now->first_position &&
            ages->marks[i].position <= now->next_position) /* else it is of another level */
            ages->marks[kept++] = ages->marks[i];
    if (kept == AGE_MARKS)
        drop_closest_mark(ages->marks, kept--);
    if (now->ready > 0 && (kept == 0 || ages->marks[kept - 1].position < now->next_position))
        ages->marks[kept++] = (struct age_mark){now->next_position, now_ms};
    ages->count = kept;
}

uint64_t queue_age_ms(const struct row *queue, uint64_t now_ms)
{
    const struct queue_ages *ages = &queue->ages;
    if (queue->queue.ready == 0 || ages->count == 0 || ages->marks[0].at_ms > now_ms)
        return 0;
    return now_ms - ages->marks[0].at_ms;
}

double queue_utilisation(const struct row *queue, uint64_t now_ms)
{
    double able = queue->queue.is_able ? 1 : 0;
    uint64_t passed_ms = now_ms > queue->changed_wall_ms ? now_ms - queue->changed_wall_ms : 0;
    return able + (queue->utilisation - able) * exp2(-(double)passed_ms / UTILISATION_HALF_LIFE_MS);
}

static void take_queue(struct snapshot *snapshot, const struct fact_queue *fact, uint64_t now_ms)
{
    struct row *row = by_id(snapshot, REGISTRY_QUEUE, fact->id);
    uint64_t values[QUEUE_COLUMNS];
    if (row == NULL)
        return;
    row->utilisation = queue_utilisation(row, now_ms); /* with what was so until now */
    row->queue = *fact;
    set_traffic(values, &fact->traffic);
    values[COLUMN_READY] = fact->ready;
    values[COLUMN_UNACKED] = fact->unacked;
    values[COLUMN_MESSAGES] = fact->ready + fact->unacked;
    series_set(row->series, values, now_ms);
    mark_age(&row->ages, fact, now_ms);
    row->changed_wall_ms = now_ms;
}

static void take_channel(struct snapshot *snapshot, const struct fact_channel *fact,
                         uint64_t now_ms)
{
    struct row *row = by_id(snapshot, REGISTRY_CHANNEL, fact->id);
    uint64_t values[CHANNEL_COLUMNS];
    if (row == NULL)
        return;
    row->channel = *fact;
    set_traffic(values, &fact->traffic);
    series_set(row->series, values, now_ms);
    row->changed_wall_ms = now_ms;
}

static void take_exchange(struct snapshot *snapshot, const struct fact_exchange *fact,
                          uint64_t now_ms)
{
    struct row *row = by_id(snapshot, REGISTRY_EXCHANGE, fact->id);
    if (row == NULL)
        return;
    row->exchange = *fact;
    series_set(row->series, (const uint64_t[]){fact->published, fact->routed}, now_ms);
    row->changed_wall_ms = now_ms;
}

static void take_session(struct snapshot *snapshot, const struct fact_session *fact)
{
    struct row *row = by_id(snapshot, REGISTRY_SESSION, fact->id);
    if (row != NULL)
        row->session = *fact;
}

static void take_vhost(struct snapshot *snapshot, const struct fact_vhost *fact)
{
    struct row *row = by_id(snapshot, REGISTRY_VHOST, fact->id);
    if (row != NULL)
        row->vhost_now = *fact;
}

static void take_socket(struct snapshot *snapshot, const struct fact_socket *fact, uint64_t now_ms)
{
    struct row *row = map_get(&snapshot->by_connection,
                              slice_of(&fact->connection, sizeof fact->connection));
    if (row == NULL)
        return;
    if (fact->recv_octets != row->socket.recv_octets ||
        fact->send_octets != row->socket.send_octets)
        series_set(row->series, (const uint64_t[]){fact->recv_octets, fact->send_octets}, now_ms);
    snapshot->strangers -= is_stranger(row);
    row->socket = *fact;
}

static void take_tls(struct snapshot *snapshot, const struct fact_tls *fact)
{
    struct row *row = map_get(&snapshot->by_connection,
                              slice_of(&fact->connection, sizeof fact->connection));
    if (row == NULL || row->tls != NULL)
        return;
    row->tls = mem_alloc(sizeof *row->tls);
    *row->tls = fact->tls;
}

void snapshot_missing_tls(const struct snapshot *snapshot, struct buf *connections)
{
    const struct table *sessions = &snapshot->tables[REGISTRY_SESSION];
    connections->size = 0;
    for (uint32_t i = 0; i < sessions->count; i++)
        if (is_stranger(sessions->rows[i]) ||
            (sessions->rows[i]->socket.is_tls && sessions->rows[i]->tls == NULL))
            buf_bytes(connections, slice_of(&sessions->rows[i]->is.connection, sizeof(uintptr_t)));
}

void snapshot_take(struct snapshot *snapshot, struct slice facts, uint64_t now_ms)
{
    for (size_t at = 0; at < facts.size;) {
        const struct fact_front *fact = (const struct fact_front *)(const void *)(facts.data + at);
        const void *whole = fact;
        at += fact->bytes;
        CHECK_ID(fact->bytes > 0 && at <= facts.size, fact->kind);
        switch ((enum fact_kind)fact->kind) {
        case FACT_CAME:
            take_came(snapshot, whole, now_ms);
            break;
        case FACT_WENT:
            take_went(snapshot, whole);
            break;
        case FACT_VHOST:
            take_vhost(snapshot, whole);
            break;
        case FACT_EXCHANGE:
            take_exchange(snapshot, whole, now_ms);
            break;
        case FACT_QUEUE:
            take_queue(snapshot, whole, now_ms);
            break;
        case FACT_SESSION:
            take_session(snapshot, whole);
            break;
        case FACT_CHANNEL:
            take_channel(snapshot, whole, now_ms);
            break;
        case FACT_SOCKET:
            take_socket(snapshot, whole, now_ms);
            break;
        case FACT_TLS:
            take_tls(snapshot, whole);
            break;
        case FACT_ENGINE:
            snapshot->engine = *(const struct fact_engine *)whole;
            break;
        }
    }
}

/* --- sums ------------------------------------------------------------------------------------ */

struct sums {
    uint64_t values[VHOST_COLUMNS];
};

static void add_columns(struct row *row, struct sums *sums, uint32_t first, uint32_t end)
{
    if (row->vhost == NULL)
        return;
    uint64_t *values = sums[row->vhost->at].values;
    for (uint32_t i = first; i < end; i++)
        values[i] += row->series->values[i];
}

static void sum_rows(struct snapshot *snapshot, struct sums *sums)
{
    const struct table *tables = snapshot->tables;
    for (uint32_t i = 0; i < tables[REGISTRY_VHOST].count; i++) {
        const struct row *vhost = tables[REGISTRY_VHOST].rows[i];
        set_traffic(sums[i].values, &vhost->vhost_now.traffic);
        sums[i].values[COLUMN_VHOST_RECV] = vhost->closed_recv_octets;
        sums[i].values[COLUMN_VHOST_SEND] = vhost->closed_send_octets;
    }
    for (uint32_t i = 0; i < tables[REGISTRY_CHANNEL].count; i++)
        add_columns(tables[REGISTRY_CHANNEL].rows[i], sums, 0, CHANNEL_COLUMNS);
    for (uint32_t i = 0; i < tables[REGISTRY_QUEUE].count; i++)
        add_columns(tables[REGISTRY_QUEUE].rows[i], sums, COLUMN_READY, QUEUE_COLUMNS);
    for (uint32_t i = 0; i < tables[REGISTRY_SESSION].count; i++) {
        const struct row *session = tables[REGISTRY_SESSION].rows[i];
        if (session->vhost == NULL)
            continue;
        uint64_t *values = sums[session->vhost->at].values;
        values[COLUMN_VHOST_RECV] += session->socket.recv_octets;
        values[COLUMN_VHOST_SEND] += session->socket.send_octets;
    }
}

/* Counts only grow; that a channel was closed between two looks does not make them smaller. */
static bool is_count(uint32_t column)
{
    return column < COLUMN_READY || column >= COLUMN_VHOST_RECV;
}

static void sum_up(struct snapshot *snapshot, uint64_t now_ms)
{
    const struct table *vhosts = &snapshot->tables[REGISTRY_VHOST];
    struct sums *sums = mem_zalloc((vhosts->count + 1) * sizeof *sums);
    uint64_t overview[OVERVIEW_COLUMNS] = {0};
    const struct counters *counters = &snapshot->engine.counters;
    sum_rows(snapshot, sums);
    for (uint32_t v = 0; v < vhosts->count; v++) {
        struct series *series = vhosts->rows[v]->series;
        for (uint32_t i = 0; i < VHOST_COLUMNS; i++) {
            if (is_count(i) && sums[v].values[i] < series->values[i])
                sums[v].values[i] = series->values[i];
            overview[i] += sums[v].values[i];
        }
        series_set(series, sums[v].values, now_ms);
    }
    for (uint32_t i = 0; i < VHOST_COLUMNS; i++) /* those of a deleted vhost stay counted */
        if (is_count(i) && overview[i] < snapshot->overview->values[i])
            overview[i] = snapshot->overview->values[i];
    const uint64_t churn[CHURN_COLUMNS] = {
        counters->sessions_opened, counters->sessions_closed,       counters->channels_opened,
        counters->channels_closed, snapshot->engine.queue_declares, counters->queues_declared,
        counters->queues_deleted};
    memcpy(overview + COLUMN_CHURN, churn, sizeof churn);
    series_set(snapshot->overview, overview, now_ms);
    mem_free(sums);
}

static void sample(struct snapshot *snapshot, uint64_t now_ms)
{
    snapshot->next_sample_ms = now_ms - now_ms % SAMPLE_MS + SAMPLE_MS;
    series_sample(snapshot->overview, now_ms);
    series_sample(snapshot->node, now_ms);
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < snapshot->tables[kind].count; i++)
            if (snapshot->tables[kind].rows[i]->series != NULL)
                series_sample(snapshot->tables[kind].rows[i]->series, now_ms);
}

void snapshot_end_sweep(struct snapshot *snapshot, uint64_t began_ms, uint64_t now_ms)
{
    snapshot->sweeps++;
    snapshot->sweep_began_ms = began_ms;
    sum_up(snapshot, now_ms);
    if (now_ms >= snapshot->next_sample_ms)
        sample(snapshot, now_ms);
}

double snapshot_rate(const struct snapshot *snapshot, const struct series *series, uint32_t column)
{
    return series_rate(series, column, snapshot->sweep_began_ms);
}

void snapshot_reset(struct snapshot *snapshot, uint64_t now_ms)
{
    series_reset(snapshot->overview, now_ms);
    series_reset(snapshot->node, now_ms);
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < snapshot->tables[kind].count; i++)
            if (snapshot->tables[kind].rows[i]->series != NULL)
                series_reset(snapshot->tables[kind].rows[i]->series, now_ms);
}

/* --- life ------------------------------------------------------------------------------------ */

void snapshot_init(struct snapshot *snapshot, uint64_t now_ms)
{
    *snapshot = (struct snapshot){0};
    snapshot->overview = series_new(OVERVIEW_COLUMNS, true, now_ms);
    snapshot->node = series_new(NODE_COLUMNS, true, now_ms);
    snapshot->next_sample_ms = now_ms - now_ms % SAMPLE_MS + SAMPLE_MS;
}

void snapshot_fini(struct snapshot *snapshot)
{
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++) {
        struct table *table = &snapshot->tables[kind];
        map_fini(&table->by_id);
        map_fini(&table->by_key);
        for (uint32_t i = 0; i < table->count; i++)
            free_row(table->rows[i]);
        mem_free(table->rows);
    }
    map_fini(&snapshot->by_connection);
    series_free(snapshot->overview);
    series_free(snapshot->node);
}
