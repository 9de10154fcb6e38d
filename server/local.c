/* SPDX-License-Identifier: Apache-2.0 */
#include "server/local.h"

#include "server/connection.h"

static void apply(struct port *port, const struct command *command)
{
    engine_apply(((struct local *)port)->engine, command);
}

static void end_tick(struct port *port)
{
    engine_end_tick(((struct local *)port)->engine);
}

static void after_tick(struct port *port)
{
    (void)port;
}

static bool is_full(const struct port *port)
{
    return engine_is_full(((const struct local *)port)->engine);
}

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    (void)sink;
    connection_emit(connection, effect);
}

void local_init(struct local *local, struct engine *engine)
{
    *local = (struct local){
        .port = {apply, end_tick, after_tick, is_full, &local->sink},
        .sink = {emit},
        .engine = engine,
    };
}
