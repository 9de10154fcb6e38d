/* SPDX-License-Identifier: Apache-2.0
 *
 * local: the port of connections that share their loop with the engine: a command is a call, an
 * effect is a frame. One thread.
 */
#ifndef STOATMQ_SERVER_LOCAL_H
#define STOATMQ_SERVER_LOCAL_H

#include "exchange/effect.h"
#include "exchange/engine.h"
#include "server/port.h"

struct local {
    struct port port; /* first */
    struct sink sink;
    struct engine *engine;
};

/* ENGINE stays borrowed. */
void local_init(struct local *local, struct engine *engine);

#endif
