/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: commands and effects as plain records in a buffer, for whoever keeps them or hands them
 * to another thread. Records follow each other at multiples of eight bytes. A record of a message
 * holds a reference; whoever unpacks it gets that. Pure; any thread.
 */
#ifndef STOATMQ_EXCHANGE_PACKED_H
#define STOATMQ_EXCHANGE_PACKED_H

#include "exchange/command.h"
#include "exchange/effect.h"

/* A command as it came out of its record, whose bytes it borrows. */
struct packed_command {
    struct command command;
    struct method method;     /* what command.method points to */
    struct reply_error error; /* what command.fail.error points to */
    uint32_t bytes;           /* of the record: the next one is behind them */
};

/* An effect as it came out of its record, whose bytes it borrows. */
struct packed_effect {
    struct effect effect; /* the reference to its message, if it has one, is the receiver's */
    struct method method; /* what effect.method points to */
    void *connection;
    uint32_t bytes;
};

/* Appends COMMAND to RECORDS; a publish's message is taken. */
void packed_put_command(struct buf *records, const struct command *command);

/* Reads the command that RECORDS starts with. */
void packed_get_command(struct slice records, struct packed_command *unpacked);

/* What COMMAND holds beside its record: the bytes of a publish's message. */
uint64_t packed_command_holds(const struct command *command);

/* Appends EFFECT for CONNECTION to RECORDS, with a reference of its own to the message. */
void packed_put_effect(struct buf *records, const struct effect *effect, void *connection);

/* Reads the effect that RECORDS starts with. */
void packed_get_effect(struct slice records, struct packed_effect *unpacked);

#endif
