/* SPDX-License-Identifier: Apache-2.0
 *
 * api: what handlers of the HTTP API work with. A handler is called when the user may ask this and
 * the body is there; it answers with one of api_reply_... or api_refuse..., at once or in the
 * `done` of api_ask, once, after which its request is gone. Management's thread, but for what
 * api_ask says.
 */
#ifndef STOATMQ_MGMT_API_API_H
#define STOATMQ_MGMT_API_API_H

#include <jansson.h>

#include "exchange/engine.h"
#include "exchange/paging.h"
#include "mgmt/api/route.h"
#include "mgmt/api/user.h"
#include "mgmt/http/exchange.h"
#include "server/net/loop.h"

struct management;

struct api_request {
    struct management *management;
    struct http_exchange *exchange;
    const struct http_request *http;
    const struct route *route;
    struct slice arguments[ROUTE_ARGUMENTS_MAX]; /* in the places of the path's {names}, decoded */
    struct api_user *user;                       /* NULL on ROUTE_PUBLIC */
    struct buf headers;                          /* of the answer, by api_put_header */

    /* The handler's, from one call to the next; freed with free_state, if that is set. */
    void *state;
    void (*free_state)(void *state);

    /* api_ask's. */
    struct call call;
    struct durable_wait durable;
    struct paging_wait messages;
    bool awaits_messages; /* the work, which is called again when there are some */
    uint64_t (*work)(struct api_request *request, struct engine *engine);
    void (*done)(struct api_request *request);
};

/* The path's argument NAME, which it has. */
struct slice api_argument(const struct api_request *request, const char *name);

/* Is the query's parameter NAME "true"? */
bool api_flag(const struct api_request *request, const char *name);

/* Calls WORK on the engine's thread; then, when the store is durable up to the LSN that it returns
 * (0: at once), DONE on this one. When the store fails instead, the request is refused with 500.
 * What WORK finds out or refuses goes through REQUEST's state; the engine's own things do not leave
 * WORK. */
void api_ask(struct api_request *request,
             uint64_t (*work)(struct api_request *request, struct engine *engine),
             void (*done)(struct api_request *request));

/* From WORK: it is called again when more of QUEUE's messages can be taken, or QUEUE is not there
 * any more; what it returns then does not count. False: there is nothing to wait for
 * (paging_await). */
bool api_await_messages(struct api_request *request, struct queue *queue)
    __attribute__((warn_unused_result));

/* The same for the first COUNT messages that wait in EXCHANGE, for about BYTES_MAX of bodies, or
 * until it is known what CANCEL comes to (delay.h). */
bool api_await_delayed(struct api_request *request, struct exchange *exchange, uint64_t count,
                       uint64_t bytes_max) __attribute__((warn_unused_result));
bool api_await_cancel(struct api_request *request, struct exchange *exchange,
                      struct delay_cancel *cancel) __attribute__((warn_unused_result));

/* The body as JSON, an object (an empty body or null: an empty one), owned by the caller; or NULL,
 * and the request is refused and gone. */
json_t *api_read_json(struct api_request *request) __attribute__((warn_unused_result));

void api_put_header(struct api_request *request, const char *name, struct slice value);

/* Answers 200 with JSON: text, which is taken; or a value, of which the reference is taken. */
void api_reply_json(struct api_request *request, struct buf *json);
void api_reply_value(struct api_request *request, json_t *value);

/* The same with another status: health checks answer 503. */
void api_reply_json_as(struct api_request *request, unsigned status, struct buf *json);
void api_reply_value_as(struct api_request *request, unsigned status, json_t *value);

/* Answers without a body: 201, 204... */
void api_reply_empty(struct api_request *request, unsigned status);

/* Answers 200 with BODY, which is taken, of another kind. */
void api_reply_body(struct api_request *request, const char *content_type, struct buf *body);

/* The same with one that lives as long as the process, and may be gzip'd. */
void api_reply_constant(struct api_request *request, const char *content_type,
                        const char *cache_control, struct slice body, bool is_gzip);

/* Answers STATUS with {"error": ERROR, "reason": ...}. */
void api_refuse(struct api_request *request, unsigned status, const char *error, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
void api_refuse_bad_request(struct api_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 404, as RabbitMQ says it. */
void api_refuse_not_found(struct api_request *request);

/* 401 not_authorised: the user may not do this. */
void api_refuse_not_authorised(struct api_request *request, const char *reason);

/* Is the node, as the API names it, called NAME? */
bool api_is_node(const struct api_request *request, struct slice name);

#endif
