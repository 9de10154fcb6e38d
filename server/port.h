/* SPDX-License-Identifier: Apache-2.0
 *
 * port: how a loop's connections reach the engine: by a plain call when it runs on the same loop,
 * or in batches when it has a thread of its own (relay.h). One loop's thread only.
 */
#ifndef STOATMQ_SERVER_PORT_H
#define STOATMQ_SERVER_PORT_H

#include "exchange/command.h"

struct port {
    /* Lets COMMAND happen, now or when the batch gets there, in the order of the calls. */
    void (*apply)(struct port *port, const struct command *command);
    /* The tick's end, before outputs are written: confirms become due. */
    void (*end_tick)(struct port *port);
    /* Behind the writing: what this tick has for the engine is sent on its way. */
    void (*after_tick)(struct port *port);
    /* So much is under way to the engine that reading should stop until a later tick. */
    bool (*is_full)(const struct port *port);
    struct sink *sink; /* what sessions of this loop emit to */
};

#endif
