/* SPDX-License-Identifier: Apache-2.0
 *
 * model_ops: what the operations on the model share, and their list. An operation first changes the
 * model, saying what its client is to see, then sends the command to the engine. They are chosen
 * without much regard to what is legal: errors are part of the game.
 */
#ifndef STOATMQ_TEST_SIM_MODEL_OPS_H
#define STOATMQ_TEST_SIM_MODEL_OPS_H

#include "test/sim/model_parts.h"

/* A place to operate at, and what is there. */
struct place {
    struct model *model;
    int session;
    uint16_t number;
    struct m_session *at;
    struct m_channel *channel;
};

/* The place's client is to see METHOD. */
struct m_expected *expect(struct place *p, enum method_id id);

void send(struct place *p, const struct method *method);

/* The channel or connection is closed with CODE. */
void channel_error(struct place *p, uint16_t code);
void connection_error(struct place *p, uint16_t code);

/* The error of using QUEUE, or 0. */
uint16_t queue_error(const struct place *p, int queue);

/* Mostly a queue that may be used, sometimes any. */
int choose_queue(const struct place *p);

void send_message(struct place *p, const struct m_message *message);

/* What basic.get of QUEUE gets now is expected. */
void expect_get(struct place *p, int queue, bool no_ack);

/* A basic.get of QUEUE, which there is. */
void paging_wait(struct place *p, int queue, bool no_ack);

/* model_messages.c */
void op_publish(struct place *p);
void op_get(struct place *p);
void op_settle(struct place *p);
void op_recover(struct place *p);
void op_qos(struct place *p);
void op_consume(struct place *p);
void op_cancel(struct place *p);

/* model_topology.c */
void op_declare_queue(struct place *p);
void op_purge(struct place *p);
void op_delete_queue(struct place *p);
void op_declare_exchange(struct place *p);
void op_delete_exchange(struct place *p);
void op_bind(struct place *p);
void op_unbind(struct place *p);

#endif
