/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/handlers.h"
#include "exchange/tx.h"

int handle_channel_flow(struct channel *channel, const struct method *method,
                        struct reply_error *error)
{
    if (!method->channel_flow.active)
        return reply_error(error, REPLY_NOT_IMPLEMENTED, "active=false");
    channel_reply(channel, &(struct method){.id = METHOD_CHANNEL_FLOW_OK,
                                            .channel_flow_ok = {.active = true}});
    return 0;
}

/* Of AMQP 0-8; old clients send it and want any ticket. */
int handle_access_request(struct channel *channel, const struct method *method,
                          struct reply_error *error)
{
    (void)method;
    (void)error;
    channel_reply(channel, &(struct method){.id = METHOD_ACCESS_REQUEST_OK,
                                            .access_request_ok = {.ticket = 1}});
    return 0;
}

int handle_confirm_select(struct channel *channel, const struct method *method,
                          struct reply_error *error)
{
    if (channel->mode == CHANNEL_TX)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "cannot switch from tx to confirm mode");
    channel->mode = CHANNEL_CONFIRM;
    channel_reply_ok(channel, METHOD_CONFIRM_SELECT_OK, method->confirm_select.nowait);
    return 0;
}

int handle_tx_select(struct channel *channel, const struct method *method,
                     struct reply_error *error)
{
    (void)method;
    if (channel->mode == CHANNEL_CONFIRM)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "cannot switch from confirm to tx mode");
    channel->mode = CHANNEL_TX;
    if (channel->tx == NULL)
        channel->tx = tx_new();
    channel_reply_ok(channel, METHOD_TX_SELECT_OK, false);
    return 0;
}

static int refuse_outside_tx(const struct channel *channel, struct reply_error *error)
{
    if (channel->mode == CHANNEL_TX)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED, "channel is not transactional");
}

int handle_tx_commit(struct channel *channel, const struct method *method,
                     struct reply_error *error)
{
    (void)method;
    if (refuse_outside_tx(channel, error) < 0)
        return -1;
    uint64_t lsn = tx_commit(channel);
    if (channel->confirms.rejected)
        return reply_error(error, REPLY_PRECONDITION_FAILED, "partial tx completion");
    session_hold_reply(channel->session, channel->number,
                       &(struct method){.id = METHOD_TX_COMMIT_OK}, lsn);
    return 0;
}

int handle_tx_rollback(struct channel *channel, const struct method *method,
                       struct reply_error *error)
{
    (void)method;
    if (refuse_outside_tx(channel, error) < 0)
        return -1;
    tx_rollback(channel);
    channel_reply_ok(channel, METHOD_TX_ROLLBACK_OK, false);
    return 0;
}
