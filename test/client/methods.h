/* SPDX-License-Identifier: Apache-2.0 */
/* One macro for each method that a client sends, fields given by name: queue_declare(ch, .queue =
 * str("q")). `send_x` does not wait; `x` waits for the answer and yields it, decoded; anything else
 * fails the test. */
#ifndef STOATMQ_TEST_METHODS_H
#define STOATMQ_TEST_METHODS_H

#include "client.h"

#define send_method(ch, ID, type, ...) \
    client_send(ch, AMQP_##ID##_METHOD, &(amqp_##type##_t){__VA_ARGS__})
#define answer(ch, ID, type) ((amqp_##type##_t *)client_await(ch, AMQP_##ID##_METHOD))

#define send_exchange_declare(ch, ...) \
    send_method(ch, EXCHANGE_DECLARE, exchange_declare, __VA_ARGS__)
#define send_exchange_delete(ch, ...) send_method(ch, EXCHANGE_DELETE, exchange_delete, __VA_ARGS__)
#define send_exchange_bind(ch, ...)   send_method(ch, EXCHANGE_BIND, exchange_bind, __VA_ARGS__)
#define send_exchange_unbind(ch, ...) send_method(ch, EXCHANGE_UNBIND, exchange_unbind, __VA_ARGS__)
#define send_queue_declare(ch, ...)   send_method(ch, QUEUE_DECLARE, queue_declare, __VA_ARGS__)
#define send_queue_bind(ch, ...)      send_method(ch, QUEUE_BIND, queue_bind, __VA_ARGS__)
#define send_queue_unbind(ch, ...)    send_method(ch, QUEUE_UNBIND, queue_unbind, __VA_ARGS__)
#define send_queue_purge(ch, ...)     send_method(ch, QUEUE_PURGE, queue_purge, __VA_ARGS__)
#define send_queue_delete(ch, ...)    send_method(ch, QUEUE_DELETE, queue_delete, __VA_ARGS__)
#define send_qos(ch, ...)             send_method(ch, BASIC_QOS, basic_qos, __VA_ARGS__)
#define send_consume(ch, ...)         send_method(ch, BASIC_CONSUME, basic_consume, __VA_ARGS__)
#define send_cancel(ch, ...)          send_method(ch, BASIC_CANCEL, basic_cancel, __VA_ARGS__)
#define send_get(ch, ...)             send_method(ch, BASIC_GET, basic_get, __VA_ARGS__)
#define send_recover(ch, ...)         send_method(ch, BASIC_RECOVER, basic_recover, __VA_ARGS__)
#define send_confirm_select(ch)       send_method(ch, CONFIRM_SELECT, confirm_select, .nowait = 0)
#define send_tx_select(ch)            send_method(ch, TX_SELECT, tx_select, 0)
#define send_tx_commit(ch)            send_method(ch, TX_COMMIT, tx_commit, 0)
#define send_tx_rollback(ch)          send_method(ch, TX_ROLLBACK, tx_rollback, 0)
#define send_flow(ch, on)             send_method(ch, CHANNEL_FLOW, channel_flow, .active = (on))

#define exchange_declare(ch, ...) \
    (send_exchange_declare(ch, __VA_ARGS__), answer(ch, EXCHANGE_DECLARE_OK, exchange_declare_ok))
#define exchange_delete(ch, ...) \
    (send_exchange_delete(ch, __VA_ARGS__), answer(ch, EXCHANGE_DELETE_OK, exchange_delete_ok))
#define exchange_bind(ch, ...) \
    (send_exchange_bind(ch, __VA_ARGS__), answer(ch, EXCHANGE_BIND_OK, exchange_bind_ok))
#define exchange_unbind(ch, ...) \
    (send_exchange_unbind(ch, __VA_ARGS__), answer(ch, EXCHANGE_UNBIND_OK, exchange_unbind_ok))
#define queue_declare(ch, ...) \
    (send_queue_declare(ch, __VA_ARGS__), answer(ch, QUEUE_DECLARE_OK, queue_declare_ok))
#define queue_bind(ch, ...) \
    (send_queue_bind(ch, __VA_ARGS__), answer(ch, QUEUE_BIND_OK, queue_bind_ok))
#define queue_unbind(ch, ...) \
    (send_queue_unbind(ch, __VA_ARGS__), answer(ch, QUEUE_UNBIND_OK, queue_unbind_ok))
#define queue_purge(ch, ...) \
    (send_queue_purge(ch, __VA_ARGS__), answer(ch, QUEUE_PURGE_OK, queue_purge_ok))
#define queue_delete(ch, ...) \
    (send_queue_delete(ch, __VA_ARGS__), answer(ch, QUEUE_DELETE_OK, queue_delete_ok))
#define qos(ch, ...) (send_qos(ch, __VA_ARGS__), answer(ch, BASIC_QOS_OK, basic_qos_ok))
#define consume(ch, ...) \
    (send_consume(ch, __VA_ARGS__), answer(ch, BASIC_CONSUME_OK, basic_consume_ok))
#define cancel(ch, ...) (send_cancel(ch, __VA_ARGS__), answer(ch, BASIC_CANCEL_OK, basic_cancel_ok))
#define recover(ch, ...) \
    (send_recover(ch, __VA_ARGS__), answer(ch, BASIC_RECOVER_OK, basic_recover_ok))
#define tx_select(ch)   (send_tx_select(ch), answer(ch, TX_SELECT_OK, tx_select_ok))
#define tx_commit(ch)   (send_tx_commit(ch), answer(ch, TX_COMMIT_OK, tx_commit_ok))
#define tx_rollback(ch) (send_tx_rollback(ch), answer(ch, TX_ROLLBACK_OK, tx_rollback_ok))
#define flow(ch, on)    (send_flow(ch, on), answer(ch, CHANNEL_FLOW_OK, channel_flow_ok))

#define ack(ch, tag) send_method(ch, BASIC_ACK, basic_ack, .delivery_tag = (tag))
#define ack_upto(ch, tag) \
    send_method(ch, BASIC_ACK, basic_ack, .delivery_tag = (tag), .multiple = 1)
#define nack(ch, tag, ...) \
    send_method(ch, BASIC_NACK, basic_nack, .delivery_tag = (tag), __VA_ARGS__)
#define reject(ch, tag, again) \
    send_method(ch, BASIC_REJECT, basic_reject, .delivery_tag = (tag), .requeue = (again))

#endif
