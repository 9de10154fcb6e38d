/* SPDX-License-Identifier: Apache-2.0
 *
 * hold: what the engine does with the commands and replies of sessions that are held. What has
 * sessions held and released is in session.h. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_HOLD_H
#define STOATMQ_EXCHANGE_HOLD_H

#include "exchange/packed.h"
#include "exchange/session.h"

/* COMMAND came for a session that is held, or the store has failed. True: it is kept for later, or
 * dropped; false: it is to be applied now. */
bool hold_defer(struct session *session, const struct command *command);

/* METHOD goes behind the replies that wait, as soon as they have gone. */
void hold_reply_behind(struct session *session, uint16_t channel, const struct method *method);

/* Sends the replies that are due by now, and releases the sessions that have no others. */
void hold_send_due(struct engine *engine);

/* Takes the first session that was released and is not held from now on; NULL when there is
 * none. */
struct session *hold_pop_released(struct engine *engine);

/* Takes the next deferred command; false when there is none, or the session is held (again). What
 * it borrows is valid until the next call. */
bool hold_next(struct session *session, struct packed_command *next);

/* The store will never be durable further: drops all replies that wait and releases all sessions;
 * of their commands, only what ends the connection is left. */
void hold_fail(struct engine *engine);

#endif
