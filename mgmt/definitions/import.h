/* SPDX-License-Identifier: Apache-2.0
 *
 * import: a definitions document, as RabbitMQ and this broker export them, into the engine: all of
 * it or, when anything in it cannot be, nothing. What is there already and is in the document too
 * is left as it is (exchanges, queues, bindings) or replaced. Engine's thread only.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_IMPORT_H
#define STOATMQ_MGMT_DEFINITIONS_IMPORT_H

#include <jansson.h>

#include "server/base/buf.h"

struct engine;
struct vhost;

#define DEFINITIONS_BYTES_MAX (256u * 1024 * 1024)

/* Reads TEXT; NULL, with PROBLEM saying why, when it is no JSON object. Any thread. */
json_t *definitions_parse(struct slice text, struct buf *problem);

struct definitions_result {
    uint64_t lsn;           /* to wait for, or 0 */
    unsigned problem_count; /* nothing was changed when there is one */
    struct buf problems;    /* a line each, of which only so many are kept; the caller's */
};

/* Applies DOCUMENT, which stays the caller's. With ONLY, what a virtual host's document may have
 * goes into that one; NULL: everything there may be. */
void definitions_import(struct engine *engine, struct vhost *only, const json_t *document,
                        struct definitions_result *result);

#endif
