/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log_exchange.h"

#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/notice.h"
#include "server/base/log.h"

/* The second word of LINE; "info" when there is none. */
static struct slice level_of(struct slice line)
{
    const uint8_t *first = memchr(line.data, ' ', line.size);
    if (first == NULL)
        return SLICE_LITERAL("info");
    const uint8_t *level = first + 1, *end = line.data + line.size;
    const uint8_t *second = memchr(level, ' ', (size_t)(end - level));
    return second == NULL ? SLICE_LITERAL("info") : slice_of(level, (size_t)(second - level));
}

/* LINE with its line feed. */
static void publish_line(struct engine *engine, struct slice line)
{
    struct buf headers = {0};
    table_put_longstr(&headers, "node", engine->node_name);
    notice_post(engine->log_exchange, level_of(line),
                &(struct properties){
                    .flags = PROPERTY_CONTENT_TYPE | PROPERTY_HEADERS | PROPERTY_TIMESTAMP,
                    .content_type = SLICE_LITERAL("text/plain"),
                    .headers = buf_slice(&headers),
                    .timestamp = engine->env->wall_ms(engine->env->context) / 1000,
                },
                line);
    buf_fini(&headers);
}

static void publish_lines(struct engine *engine, struct slice lines)
{
    while (lines.size > 0) {
        const uint8_t *feed = memchr(lines.data, '\n', lines.size);
        size_t size = feed == NULL ? lines.size : (size_t)(feed - lines.data) + 1;
        publish_line(engine, slice_of(lines.data, size));
        lines = slice_of(lines.data + size, lines.size - size);
    }
}

void log_exchange_publish(struct log_exchange *log, struct engine *engine)
{
    bool was_wanted = log->is_wanted;
    log->is_wanted = notice_is_wanted(engine->log_exchange);
    if (!log->is_wanted)
        return;
    struct buf lines = {0};
    log->at = log_recent(log->at, &lines);
    if (was_wanted) /* else they came before */
        publish_lines(engine, buf_slice(&lines));
    buf_fini(&lines);
}
