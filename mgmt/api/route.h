/* SPDX-License-Identifier: Apache-2.0
 *
 * route: which handler answers which path and method, and who may ask: the table routes.def as
 * data. Constant; any thread.
 */
#ifndef STOATMQ_MGMT_API_ROUTE_H
#define STOATMQ_MGMT_API_ROUTE_H

#include "mgmt/http/request.h"

struct api_request;

#define ROUTE_ARGUMENTS_MAX 6

/* Who may: RabbitMQ's rules, by the user's tags. An administrator may do everything; each tag but
 * "impersonator" includes "management". */
enum route_access {
    ROUTE_PUBLIC,           /* without a login */
    ROUTE_MANAGEMENT,       /* all who may use the API */
    ROUTE_VHOST,            /* who has permissions in {vhost}, when the path has one */
    ROUTE_VHOST_MONITORING, /* that, or monitoring */
    ROUTE_POLICYMAKER,      /* policymakers, with permissions in {vhost}, when the path has one */
    ROUTE_MONITORING,
    ROUTE_SELF_OR_MONITORING, /* {user} itself, or monitoring */
    ROUTE_ADMINISTRATOR,
};

/* What of the body is wanted. */
enum route_body {
    ROUTE_NO_BODY,    /* none; what comes is dropped */
    ROUTE_SMALL_BODY, /* at most ROUTE_SMALL_BODY_BYTES */
    ROUTE_LARGE_BODY, /* at most management.http.max_body_size */
};

#define ROUTE_SMALL_BODY_BYTES 65536

struct route {
    enum http_method method;
    const char *path; /* "/api/queues/{vhost}/{name}" */
    enum route_access access;
    enum route_body body;
    void (*handle)(struct api_request *request);
    const char *group;   /* of the description */
    const char *summary; /* for people */
};

extern const struct route routes[];
extern const size_t routes_count;

/* Builds the index of the table; once, before any other thread asks. And frees it. */
void routes_init(void);
void routes_fini(void);

/* Finds REQUEST's route: NULL when there is none for its method (HEAD is GET), and ALLOWED, a bit
 * for each method that there is one for, is then 0 when there is no such path at all. ARGUMENTS get
 * the segments in the places of {names}, in order. */
const struct route *routes_find(const struct http_request *request,
                                struct slice arguments[ROUTE_ARGUMENTS_MAX], unsigned *allowed);

/* Which of the route's arguments NAME is, or -1. */
int route_argument(const struct route *route, const char *name);

#endif
