/* SPDX-License-Identifier: Apache-2.0
 *
 * erlang_term: values as RabbitMQ's answers show them, in Erlang's notation: <<"text">>, [1,2],
 * #{<<"key">> => null}. On one line, where Erlang would break long ones. Pure; any thread.
 */
#ifndef STOATMQ_EXCHANGE_ERLANG_TERM_H
#define STOATMQ_EXCHANGE_ERLANG_TERM_H

#include "amqp/table.h"

/* Appends VALUE, which is valid and came from JSON: a string, number, bool, null, array, table. */
void erlang_term(struct buf *out, const struct table_value *value);

/* Appends "{<<"KEY">>,VALUE}", a pair in a list of such. */
void erlang_pair(struct buf *out, struct slice key, const struct table_value *value);

/* Appends TEXT in quotes, as a string of Erlang's. */
void erlang_string(struct buf *out, struct slice text);

#endif
