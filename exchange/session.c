/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/session.h"

#include "amqp/table.h"
#include "exchange/channel.h"
#include "exchange/engine.h"
#include "exchange/hold.h"
#include "exchange/queue.h"
#include "exchange/user.h"
#include "server/base/mem.h"

struct session *session_new(void)
{
    struct session *session = mem_zalloc(sizeof *session);
    session->magic = SESSION_MAGIC;
    list_init(&session->exclusive_queues);
    return session;
}

void session_free(struct session *session)
{
    CHECK_MAGIC(session, SESSION_MAGIC);
    CHECK(session->channel_count == 0 && list_is_empty(&session->exclusive_queues));
    CHECK(session->hold == SESSION_NOT_HELD && session->deferred_at == session->deferred.size);
    buf_fini(&session->deferred);
    session->magic = 0;
    mem_free((void *)session->name.data);
    mem_free((void *)session->client_properties.data);
    mem_free((void *)session->tls.data);
    mem_free(session->channels);
    access_forget(&session->access);
    if (session->user != NULL)
        user_unref(session->user);
    mem_free(session);
}

bool session_client_can(struct slice client_properties, struct slice capability)
{
    struct table_value table, value;
    return table_find(client_properties, SLICE_LITERAL("capabilities"), &table) &&
           table.type == TABLE_TABLE && table_find(table.bytes, capability, &value) &&
           value.type == TABLE_BOOL && value.boolean;
}

struct channel *session_channel(const struct session *session, uint16_t number)
{
    return number < session->channel_capacity ? session->channels[number] : NULL;
}

void session_shut(struct session *session)
{
    session->state = SESSION_CLOSED;
    for (uint32_t i = 0; i < session->channel_capacity && session->channel_count > 0; i++)
        if (session->channels[i] != NULL)
            channel_close(session->channels[i], false);
    const struct session *acting = session->engine->acting;
    session->engine->acting = NULL; /* that they go nobody has asked for */
    for (struct list_node *node; (node = list_first(&session->exclusive_queues)) != NULL;)
        queue_delete(LIST_ENTRY(node, struct queue, owned));
    session->engine->acting = acting;
}

void session_drained(struct session *session, uint64_t bytes)
{
    CHECK_ID(bytes <= session->unwritten, session->id);
    session->unwritten -= bytes;
    if (!session->clogged || session->unwritten > session->unwritten_max / 2)
        return;
    session->clogged = false;
    for (uint32_t i = 0; i < session->channel_capacity; i++)
        if (session->channels[i] != NULL)
            channel_wake(session->channels[i]);
}

void session_send(struct session *session, uint16_t channel, const struct method *method)
{
    if (__builtin_expect(session->replies_wait, 0)) {
        hold_reply_behind(session, channel, method);
        return;
    }
    session_emit(session,
                 &(struct effect){.kind = EFFECT_METHOD, .channel = channel, .method = method});
}
