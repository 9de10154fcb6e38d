/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome: what comes of a request whose whole work is one visit to the engine. The handler makes
 * one with what the work needs, the work on the engine's thread says what comes of it, and the
 * answer is sent from that on management's.
 */
#ifndef STOATMQ_MGMT_API_OUTCOME_H
#define STOATMQ_MGMT_API_OUTCOME_H

#include "mgmt/api/api.h"
#include "mgmt/json_writer.h"

struct outcome {
    unsigned status;             /* of the answer; 0 until it is known */
    const char *error;           /* of a refusal: "bad_request"; lives as long as the process */
    struct buf body;             /* JSON, or the reason of a refusal */
    struct buf input;            /* the work's: a field table */
    json_t *document;            /* the work's, or NULL */
    json_t *reason;              /* of a refusal, where it is no text; or NULL */
    struct json_columns columns; /* what the query asks for */
    bool is_unfinished;          /* the work is to be called again when what it did is durable */
    void *result;                /* what WRITE writes, and then FREE_RESULT frees; or NULL */
    void (*write)(struct outcome *outcome); /* the body, on management's thread; or NULL */
    void (*free_result)(void *result);
    uint64_t (*work)(struct api_request *request, struct engine *engine, struct outcome *outcome);
};

/* The request's outcome, empty; the request owns it. */
struct outcome *outcome_new(struct api_request *request);

/* Has ASKED called on the engine's thread, and the outcome sent when what it did is durable. ASKED
 * returns an LSN, as api_ask's does. */
void outcome_ask(struct api_request *request, struct outcome *outcome,
                 uint64_t (*asked)(struct api_request *request, struct engine *engine,
                                   struct outcome *outcome));

/* For a work to end with: they return 0. */
uint64_t outcome_not_found(struct outcome *outcome);
uint64_t outcome_no_vhost(struct outcome *outcome);

/* Starts to write the body of a 200, with the query's columns. */
void outcome_write(struct outcome *outcome, struct json_writer *writer);

/* Appends TEXT with <, > and & as HTML writes them: RabbitMQ does that to some of its reasons. */
void outcome_escape_html(struct buf *out, struct slice text);

/* The virtual host that the path names; NULL when there is none. */
struct vhost *outcome_vhost(struct api_request *request, struct engine *engine);

#endif
