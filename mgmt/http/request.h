/* SPDX-License-Identifier: Apache-2.0
 *
 * request: an HTTP request as handlers see it: names and values are slices that live as long as its
 * exchange. The path is cut at its slashes first and percent-decoded then, so that a name with a
 * slash in it (%2F) is one segment. RFC 9110, RFC 3986. Pure; any thread.
 */
#ifndef STOATMQ_MGMT_HTTP_REQUEST_H
#define STOATMQ_MGMT_HTTP_REQUEST_H

#include "server/base/buf.h"
#include "server/base/slice.h"

#define HTTP_SEGMENTS_MAX   16
#define HTTP_PARAMETERS_MAX 64
#define HTTP_HEADERS_MAX    100

/* The methods that are known here; the others get 501. */
enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_COUNT,
};

struct http_field {
    struct slice name; /* of a header: in lower case */
    struct slice value;
};

struct http_request {
    enum http_method method;
    bool is_http_1_0;
    struct slice target; /* as it came */
    struct slice path;   /* of it, as it came */
    struct slice segments[HTTP_SEGMENTS_MAX];
    unsigned segment_count;
    struct http_field parameters[HTTP_PARAMETERS_MAX]; /* of the query */
    unsigned parameter_count;
    struct http_field headers[HTTP_HEADERS_MAX];
    unsigned header_count;
    struct slice body; /* when it was asked for and is whole */
};

const char *http_method_name(enum http_method method);

/* The first header of that NAME, which is in lower case; false when there is none. */
bool http_request_header(const struct http_request *request, const char *name, struct slice *value);

/* The first parameter of the query of that NAME. */
bool http_request_parameter(const struct http_request *request, const char *name,
                            struct slice *value);

/* Cuts REQUEST's target, which is "/..." or "http://host/...", into path, segments and parameters.
 * Decoded octets go to TEXT, which has room for another target.size of them. 0, or the status to
 * refuse it with: 400 for what is no path or not percent-encoded, 414 for too many parts. */
int http_request_cut(struct http_request *request, struct buf *text)
    __attribute__((warn_unused_result));

/* Cuts a form (application/x-www-form-urlencoded) into at most MAX FIELDS; octets go to TEXT, which
 * has room for form.size of them. How many; -1 when it is malformed or has more. */
int http_form_cut(struct slice form, struct buf *text, struct http_field *fields, unsigned max)
    __attribute__((warn_unused_result));

/* Are A and B the same but for the case of ASCII letters? */
bool http_equal_ignoring_case(struct slice a, struct slice b);

/* Has the list of tokens VALUE ("gzip, deflate;q=0.5") TOKEN, in lower case, and not with q=0? */
bool http_list_has(struct slice value, const char *token);

#endif
