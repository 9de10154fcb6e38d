/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing connections: their clients are told 320 CONNECTION_FORCED and the reason.
 */
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/session.h"
#include "exchange/user.h"
#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"

#define REASON_BYTES_MAX 200

static void close_session(struct session *session, struct slice reason)
{
    struct reply_error error;
    if (reason.size > REASON_BYTES_MAX)
        reason.size = REASON_BYTES_MAX;
    (void)reply_error(&error, REPLY_CONNECTION_FORCED, "%.*s", SLICE_ARGS(reason));
    event_disconnect(session, reason);
    engine_close_session(session, &error);
}

static struct slice reason_of(const struct api_request *request)
{
    struct slice reason;
    return http_request_header(request->http, "x-reason", &reason) && reason.size > 0
               ? reason
               : SLICE_LITERAL("Closed via management plugin");
}

static uint64_t close_one(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct slice name = api_argument(request, "connection");
    list_for_each (node, &engine->sessions) {
        struct session *session = LIST_ENTRY(node, struct session, by_engine);
        if (session->state != SESSION_RUNNING || !slice_equal(session->name, name))
            continue;
        if (!api_user_is_administrator(request->user) &&
            !slice_equal(session->user->name, request->user->name)) {
            outcome->status = 401;
            outcome->error = "not_authorised";
            buf_bytes(&outcome->body, SLICE_LITERAL("User not authorised to access object"));
            return 0;
        }
        close_session(session, reason_of(request));
        outcome->status = 204;
        return 0;
    }
    return outcome_not_found(outcome);
}

void api_delete_connection(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), close_one);
}

static uint64_t close_all(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct slice user = api_argument(request, "user");
    list_for_each_safe (node, &engine->sessions) {
        struct session *session = LIST_ENTRY(node, struct session, by_engine);
        if (session->state == SESSION_RUNNING && slice_equal(session->user->name, user))
            close_session(session, reason_of(request));
    }
    outcome->status = 204;
    return 0;
}

void api_delete_user_connections(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), close_all);
}
