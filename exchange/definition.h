/* SPDX-License-Identifier: Apache-2.0
 *
 * definition: durable facts that are no topology (virtual hosts, users, permissions, policies...),
 * each a value under a key of its kind. Here they go to the store and come back from it; what they
 * mean is their modules'. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_DEFINITION_H
#define STOATMQ_EXCHANGE_DEFINITION_H

#include "server/base/slice.h"

struct engine;

/* The numbers are in the log (docs/log-format.md): they are never given to anything else. What is
 * restored first has the lower one, but for limits. */
enum definition_kind {
    DEFINITION_VHOST = 1,
    DEFINITION_USER = 2,
    DEFINITION_PERMISSION = 3,
    DEFINITION_TOPIC_PERMISSION = 4,
    DEFINITION_POLICY = 5,
    DEFINITION_OPERATOR_POLICY = 6,
    DEFINITION_PARAMETER = 7,
    DEFINITION_GLOBAL_PARAMETER = 8,
    DEFINITION_VHOST_LIMITS = 9,
    DEFINITION_USER_LIMITS = 10,
    DEFINITION_PAUSED_QUEUE = 11, /* of what is in the topology, and restored behind it */
    DEFINITION_KIND_COUNT
};

/* "vhost", "topic_permission"...; NULL: there is no such kind. Any thread. */
const char *definition_kind_name(enum definition_kind kind);

/* Key and value together at most; who takes them from a client refuses more. */
#define DEFINITION_BYTES_MAX (1u << 20)

struct definition {
    enum definition_kind kind;
    struct slice key;   /* parts of it are joined with a zero octet: vhost, zero, name */
    struct slice value; /* a valid field table (amqp/table.h), so that fields may come and go */
};

/* From now on the store has VALUE under KEY, in place of what was there. Returns the record's LSN,
 * or 0 when there is nothing to wait for. The slices are borrowed for the call. */
uint64_t engine_define(struct engine *engine, enum definition_kind kind, struct slice key,
                       struct slice value);

/* From now on there is nothing under KEY. */
uint64_t engine_undefine(struct engine *engine, enum definition_kind kind, struct slice key);

/* All that is appended between these two is one in the log: it happens, or nothing of it. May be
 * nested: the outermost counts. The end returns the LSN to wait for, or 0 when nothing was appended
 * (or, within another, always). No command is applied in between. */
void engine_begin_together(struct engine *engine);
uint64_t engine_end_together(struct engine *engine);

/* An earlier run left this definition in the store. What makes no sense is passed over with a line
 * in the log. Recovery's: in order of kind, before the topology (DEFINITION_PAUSED_QUEUE: behind
 * it), engine_forget_defaults first. */
void engine_restore_definition(struct engine *engine, enum definition_kind kind, struct slice key,
                               struct slice value);

/* Drops the vhost, user and permission that engine_new made: the store knows what there is. */
void engine_forget_defaults(struct engine *engine);

/* Tells the store of those: it is new, or of a version that kept no definitions. */
uint64_t engine_define_defaults(struct engine *engine);

/* The key of A, B and, unless it is empty, C, in ROOM, which is cleared. None holds a zero octet
 * but the last. */
struct buf;
struct slice definition_key(struct buf *room, struct slice a, struct slice b, struct slice c);

/* Cuts the first part off KEY: what is before the first zero octet, or all of it. */
struct slice definition_key_next(struct slice *key);

#endif
