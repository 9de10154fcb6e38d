/* SPDX-License-Identifier: Apache-2.0
 *
 * import: a definitions document, as RabbitMQ and this broker export them, into the engine: all of
 * it or, when anything in it cannot be, nothing. What is there already and is in the document too
 * is left as it is (exchanges, queues, bindings) or replaced.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_IMPORT_H
#define STOATMQ_MGMT_DEFINITIONS_IMPORT_H

#include <jansson.h>

#include "server/base/buf.h"
#include "server/base/slice.h"

struct engine;
struct vhost;

#define DEFINITIONS_BYTES_MAX (256u * 1024 * 1024)

/* Reads TEXT; NULL, with PROBLEM saying why, when it is no JSON object. Any thread. */
json_t *definitions_parse(struct slice text, struct buf *problem);

struct definitions_result {
    uint64_t lsn; /* to wait for, or 0 */
    unsigned problem_count;
    struct buf problems; /* a line each, of which only so many are kept */
};

/* An import that is done piece by piece, so that the engine does other things in between: first all
 * is checked, then, when there is no problem, all is applied. What one piece applies is one in the
 * log; that all of them are is the caller's business (pending.h). The engine's thread, but nothing
 * is shared: between two pieces any thread may have it. */
struct import;

/* ONLY: the name of the virtual host that all goes into; NULL: everything goes where it says. Takes
 * a reference to DOCUMENT. */
struct import *import_new(struct engine *engine, const struct slice *only, json_t *document);
void import_free(struct import *import);

/* How many things are in the document. */
size_t import_items(const struct import *import);

/* Goes on for about BUDGET_NS; true when it has come to the end. To apply is allowed when the check
 * has found no problem; what is refused then all the same, for something has changed meanwhile, is
 * a problem, too, and left out. */
bool import_check(struct import *import, uint64_t budget_ns);
bool import_apply(struct import *import, uint64_t budget_ns);

/* What has come of it so far; the import's. */
const struct definitions_result *import_result(const struct import *import);

/* Checks and applies DOCUMENT, which stays the caller's, at once and as one in the log. With ONLY,
 * what a virtual host's document may have goes into that one; NULL: everything there may be. The
 * problems are the caller's. */
void definitions_import(struct engine *engine, const struct vhost *only, json_t *document,
                        struct definitions_result *result);

#endif
