/* SPDX-License-Identifier: Apache-2.0
 *
 * model_parts: what the model's files do for each other; see model.h.
 */
#ifndef STOATMQ_TEST_SIM_MODEL_PARTS_H
#define STOATMQ_TEST_SIM_MODEL_PARTS_H

#include "test/sim/model.h"

/* --- model_state.c --------------------------------------------------------------------------- */

void state_init(struct model *model);
void state_fini(struct model *model);

/* Where a message would go from EXCHANGE now. */
void state_route(const struct model *model, int exchange, const struct m_message *message,
                 bool places[PLACES]);

/* Are the messages of PLACE, or some of them, durable? */
bool state_is_durable(const struct model *model, int place);

/* A message that was published is on its way to where it goes, or its return to CHANNEL is
 * expected. False: a queue refuses it. */
bool state_publish(struct model *model, int session, uint16_t channel,
                   const struct m_message *message);
void state_delete_queue(struct model *model, int queue);
void state_delete_exchange(struct model *model, int exchange);
int state_find_binding(const struct model *model, const struct m_binding *binding);
void state_remove_binding(struct model *model, size_t index);
uint32_t state_consumers(const struct model *model, int queue);
void state_cancel(struct model *model, struct m_consumer *consumer);

/* Where only one consumer gets messages and none does: chooses the one whose turn it is. */
void state_choose_active(struct model *model, int queue);

/* Settles the INDEXth unacked of CHANNEL and takes it out. */
void state_settle(struct model *model, struct m_channel *channel, size_t index, bool acked,
                  bool requeue);
void state_recover(struct model *model, struct m_channel *channel);
void state_track(struct m_channel *channel, const struct m_entry *entry, int queue,
                 uint32_t queue_uid, struct m_consumer *consumer);
void state_apply_held(struct model *model, struct m_channel *channel);
void state_close_channel(struct model *model, int session, uint16_t number, bool tell);
void state_close_session(struct model *model, int session);

/* The confirms that are due on the channel now, if any, are expected. */
void state_confirm(struct model *model, int session, uint16_t number);

/* --- model_stock.c --------------------------------------------------------------------------- */

/* What the clocks say. */
uint64_t stock_now_ms(const struct model *model);
uint64_t stock_wall_ms(const struct model *model);

void stock_remove_first(struct m_queue *queue);
void stock_insert(struct model *model, struct m_queue *queue, const struct m_entry *entry);

/* Is the time of ENTRY over? */
bool stock_has_expired(const struct model *model, const struct m_queue *queue,
                       const struct m_entry *entry);

/* With COUNT more messages of BYTES: is it too long? */
bool stock_is_over(const struct model *model, const struct m_queue *queue, size_t count,
                   uint64_t bytes);

/* Does it refuse MESSAGE? */
bool stock_refuses(const struct model *model, const struct m_queue *queue,
                   const struct m_message *message);

/* MESSAGE is on its way to PLACES; queues that refuse it are taken out of them. */
bool stock_give(struct model *model, const struct m_message *message, bool places[PLACES]);

/* An entry of QUEUE that was delivered is on its way back, or has been rejected. */
void stock_return(struct model *model, int queue, const struct m_entry *entry);
void stock_reject(struct model *model, int queue, const struct m_entry *entry);

/* What came of the step's events before the effect ORDER. */
void stock_follow(struct model *model, uint64_t order);

/* The step is over: nothing may be on its way; at a tick's end nothing overdue. */
void stock_end_step(struct model *model);
void stock_end_tick(struct model *model);

/* --- model_later.c --------------------------------------------------------------------------- */

/* ENTRY waits in EXCHANGE from now on. */
void later_insert(struct model *model, int exchange, const struct m_entry *entry);

/* Message NUMBER has waited long enough there: it goes on its way. */
void later_follow_due(struct model *model, int exchange, uint64_t number);

/* The exchange is deleted, and what waits in it. */
void later_delete(struct model *model, int exchange);

/* At a tick's end nothing may be overdue. */
void later_end_tick(struct model *model);
void later_check(struct model *model);

/* --- model_letter.c -------------------------------------------------------------------------- */

/* ENTRY leaves QUEUE for REASON; its number is 0 when it never was there. */
void letter_put_off(struct model *model, int queue, const struct m_entry *entry,
                    enum dead_letter_reason reason);

/* The first that waits is on its way, or goes nowhere; false when there is none. */
bool letter_send(struct model *model);

/* --- model_settings.c ------------------------------------------------------------------------ */

struct m_features settings_choose(struct model *model);
void settings_put_arguments(struct buf *table, const struct m_features *features);

/* A new queue. */
void settings_apply(struct model *model, int queue);

/* A policy comes, changes or goes. */
void settings_operate(struct model *model);

/* --- model_content.c ------------------------------------------------------------------------- */

/* Appends a header or an argument. */
void content_put_header(struct buf *table, const struct m_header *header);

/* The properties of MESSAGE, and x-delivery-count when COUNT is not 0; TABLE and TEXT get what they
 * point to. */
void content_properties(const struct m_message *message, uint32_t count,
                        struct properties *properties, struct buf *table, char text[16]);

/* --- model_watch.c --------------------------------------------------------------------------- */

/* MODEL (or NULL) gets the events from now on. */
void watch(struct model *model);

/* --- model_ops.c ----------------------------------------------------------------------------- */

/* One random operation, on the model and the engine. */
void model_operate(struct model *model);

struct m_expected *model_expect(struct model *model, int session, uint16_t channel,
                                enum method_id id);

/* --- model_hold.c ---------------------------------------------------------------------------- */

/* What is expected and must wait for the store waits from now on. */
void hold_resolve(struct model *model);

/* The end of a tick: confirms and replies that are due are expected. */
void hold_expect_due(struct model *model);

/* What comes next is to be deferred: its session is held, until all is durable and hold_release. */
void hold_begin_deferred(struct model *model);

/* The session is released, and what was deferred happens, if that has not been done. */
void hold_release(struct model *model);

/* --- model_paging.c -------------------------------------------------------------------------- */

/* From now on messages leave memory when they take more than WATERMARK bytes. */
void paging_start(struct model *model, uint64_t watermark);

/* Before a tick: time goes on. */
void paging_tick(struct model *model);

/* Is the next message of a queue that has some not in memory? */
bool paging_is_away(const struct queue *queue);

/* Does a message of QUEUE wait for the store, so that consumers that may take it wait as well? */
bool paging_keeps_waiting(const struct queue *queue);

/* Method ID comes on CHANNEL of SESSION: if that is the answer of a basic.get that waits, it is to
 * be what that would get now. */
void paging_resolve(struct model *model, int session, uint16_t channel, enum method_id id);

/* Message ID of QUEUE is over: if a basic.get is answered with the one that stands before it, that
 * has been taken. */
void paging_take(struct model *model, int queue, uint32_t id);

/* Somebody who waits for a message of a queue that is gone is refused, which closes a channel that
 * has a consumer of QUEUE, or with an ID a delivery of that message from there; false: nobody. */
bool paging_refuse(struct model *model, int queue, uint32_t id);

/* Does a basic.get of QUEUE wait? */
bool paging_is_awaited(const struct model *model, int queue);

/* May QUEUE be deleted? Not when that closes a channel with consumers: their queues may go as well,
 * and it would be hard to tell which record the answer waits for. */
bool paging_may_delete(const struct model *model, int queue);

/* Behind the end of a connection whose session may be held. */
void paging_leave(struct model *model);
void paging_check(struct model *model);

/* --- model_check.c --------------------------------------------------------------------------- */

bool consumer_may_get(const struct model *model, int session, uint16_t channel, int tag);

/* Looks at all that clients saw. */
void check_seen(struct model *model);

/* What must hold between steps. */
void check_state(struct model *model);

/* --- model_store.c --------------------------------------------------------------------------- */

/* Takes in what the store was told since the last time. */
void store_follow(struct model *model);

/* Messages that were stored in this step are those that had to be. */
void store_end_step(struct model *model);

/* Compares what a recovery would find with the model. */
void store_compare(const struct model *model);
void store_fini(struct model *model);

#endif
