/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. While replies of a session wait, the engine applies its further methods about the
 * topology at once and defers all else. Of the latter the model sends one, and at once lets all be
 * durable, so that what clients see of it can be told from what others do.
 */
#include "test/sim/model_parts.h"

static void wait_for(struct model *model, const struct m_expected *expected, uint64_t lsn)
{
    struct m_session *session = &model->sessions[expected->session];
    CHECK(session->waiting_count < WAITING_MAX);
    session->waiting[session->waiting_count++] = (struct m_waiting){*expected, lsn};
    model->waited++;
    model->followed += model->following == expected->session;
}

void hold_resolve(struct model *model)
{
    size_t now = 0;
    for (size_t i = 0; i < model->expected_count; i++) {
        const struct m_expected *expected = &model->expected[i];
        uint64_t lsn = expected->durable                     ? model->topology_lsn
                       : expected->id == METHOD_TX_COMMIT_OK ? model->commit_lsn
                                                             : 0;
        if (!expected->due && (lsn > model->durable_lsn || expected->session == model->following))
            wait_for(model, expected, lsn);
        else
            model->expected[now++] = *expected;
    }
    model->expected_count = now;
    model->following = NONE;
}

static void expect_confirms(struct model *model)
{
    for (int s = 0; s < SESSIONS; s++)
        for (uint16_t c = 1; c <= CHANNELS; c++)
            if (model->sessions[s].channels[c].open &&
                model->sessions[s].channels[c].mode == CHANNEL_CONFIRM)
                state_confirm(model, s, c);
}

static void expect_replies(struct model *model, struct m_session *session)
{
    size_t due = 0;
    while (due < session->waiting_count && session->waiting[due].lsn <= model->durable_lsn) {
        const struct m_expected *waited = &session->waiting[due++].expected;
        struct m_expected *expected = model_expect(model, waited->session, waited->channel,
                                                   waited->id);
        *expected = *waited;
        expected->due = true;
    }
    session->waiting_count -= due;
    memmove(session->waiting, session->waiting + due,
            session->waiting_count * sizeof *session->waiting);
}

void hold_expect_due(struct model *model)
{
    expect_confirms(model);
    for (int s = 0; s < SESSIONS; s++)
        expect_replies(model, &model->sessions[s]);
}

void hold_begin_deferred(struct model *model)
{
    model->durable_lsn = model->harness.store.durable_lsn = model->harness.store.last_lsn;
    hold_expect_due(model);
    model->releasing = true;
    model->deferred++;
}

void hold_release(struct model *model)
{
    if (!model->releasing)
        return;
    model->releasing = false;
    harness_tick(&model->harness);
}
