/* SPDX-License-Identifier: Apache-2.0
 *
 * api: asks the HTTP API. One request at a time; answers wait in memory, which is bounded.
 */
#ifndef STOATMQ_MGMT_CTL_API_H
#define STOATMQ_MGMT_CTL_API_H

#include <jansson.h>

#include "mgmt/ctl/target.h"
#include "server/base/buf.h"

struct api {
    struct target target;
    void *curl; /* CURL; kept, as is its connection */
    long timeout_s;
    const char *reason; /* of the next request, as X-Reason; may be NULL */
};

struct answer {
    long code;    /* of HTTP */
    json_t *json; /* NULL: there is none */
    struct buf text;
};

/* Prepares API from the command line. 0, or an exit status that has been said. To be finished in
 * any case. */
int api_init(struct api *api, const struct arguments *arguments)
    __attribute__((warn_unused_result));
void api_fini(struct api *api);

/* Sends METHOD to PATH, which is below /api and starts with a /, with BODY unless that is NULL. 0
 * when there is an answer, whatever it says, to be finished with answer_fini; else
 * EXIT_UNAVAILABLE or EXIT_TRY_LATER, with the reason in ERROR. */
enum { API_ERROR_BYTES = 512 };
int api_send(struct api *api, const char *method, const char *path, const char *body,
             struct answer *answer, char error[API_ERROR_BYTES])
    __attribute__((warn_unused_result));
void answer_fini(struct answer *answer);

/* As api_send, but anything but success is said, and its exit status returned. MISSING is that of
 * 404. */
int api_ask(struct api *api, const char *method, const char *path, const char *body, int missing,
            struct answer *answer) __attribute__((warn_unused_result));

/* GET of PATH, parsed: a new reference in *JSON. */
int api_get(struct api *api, const char *path, json_t **json) __attribute__((warn_unused_result));

/* PUT of BODY, which is given up, to PATH, in an exchange of its own; returns the exit status. NULL
 * is a body that could not be made, for a text of the user's was no UTF-8. */
int api_put(const struct arguments *arguments, const char *path, json_t *body);

/* Says what ANSWER, which is no success, means, and returns the exit status of it. */
int answer_refused(const struct answer *answer, int missing);

/* The answer's "reason", or "error", or what HTTP says. */
const char *answer_reason(const struct answer *answer);

/* A path's value in OBJECT: "a.b". Borrowed; NULL when there is none. */
const json_t *json_at(const json_t *object, const char *path);

/* The same as a string, or "" when it is none. */
const char *json_text_at(const json_t *object, const char *path);

#endif
