/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/dispatch.h"

#include <inttypes.h>
#include <stdio.h>

#include "mgmt/api/page.h"
#include "mgmt/api/sites.h"
#include "mgmt/management.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

#define CREDENTIALS_BYTES_MAX 1024
#define METHODS_BYTES         96

/* A request on its way to the handler, until it is authorised. */
struct credentials {
    uint8_t decoded[CREDENTIALS_BYTES_MAX]; /* "name:password" */
    struct slice name, password;
};

/* --- life ------------------------------------------------------------------------------------ */

static void free_state(struct api_request *request)
{
    if (request->free_state != NULL)
        request->free_state(request->state);
    request->free_state = NULL;
    request->state = NULL;
}

void dispatch_answered(struct api_request *request)
{
    struct management *management = request->management;
    if (request->http->method != HTTP_METHOD_GET && request->http->method != HTTP_METHOD_HEAD)
        authentication_forget(&management->authentication); /* it may have changed users */
    free_state(request);
    api_user_unref(request->user);
    buf_fini(&request->headers);
    mem_free(request);
    management_request_ended(management);
}

static void abandon(void *context)
{
    dispatch_answered(context);
}

/* --- who may --------------------------------------------------------------------------------- */

static const char vhost_refusal[] = "User not authorised to access virtual host";
static const char object_refusal[] = "User not authorised to access object";

/* Has the path no vhost, or one where the user has permissions? */
static bool has_permissions(const struct api_request *request)
{
    int index = route_argument(request->route, "vhost");
    return index < 0 || api_user_has_vhost(request->user, request->arguments[index]);
}

static bool is_self(const struct api_request *request)
{
    int index = route_argument(request->route, "user");
    return index >= 0 && slice_equal(request->arguments[index], request->user->name);
}

/* Why the user may not ask this, or NULL. */
static const char *refusal(const struct api_request *request)
{
    const struct api_user *user = request->user;
    if (!api_user_is_management(user))
        return "Not management user";
    switch (request->route->access) {
    case ROUTE_PUBLIC:
    case ROUTE_MANAGEMENT:
        return NULL;
    case ROUTE_VHOST:
        return api_user_is_administrator(user) || has_permissions(request) ? NULL : vhost_refusal;
    case ROUTE_VHOST_MONITORING:
        return api_user_is_monitoring(user) || has_permissions(request) ? NULL : vhost_refusal;
    case ROUTE_POLICYMAKER:
        return api_user_is_administrator(user) ||
                       (api_user_is_policymaker(user) && has_permissions(request))
                   ? NULL
                   : object_refusal;
    case ROUTE_MONITORING:
        return api_user_is_monitoring(user) ? NULL : "Not monitor user";
    case ROUTE_SELF_OR_MONITORING:
        return api_user_is_monitoring(user) || is_self(request) ? NULL : object_refusal;
    case ROUTE_ADMINISTRATOR:
        return api_user_is_administrator(user) ? NULL : "Not administrator user";
    }
    return object_refusal;
}

/* Somebody's page in a browser: it shows its own form, and the browser is not to show another. */
static bool is_page_call(const struct api_request *request)
{
    struct slice value;
    return http_request_header(request->http, "x-requested-with", &value);
}

static void refuse_login(struct api_request *request, const char *reason)
{
    if (!is_page_call(request) &&
        !request->management->view->settings->management_disable_basic_auth)
        api_put_header(request, "WWW-Authenticate",
                       SLICE_LITERAL("Basic realm=\"RabbitMQ Management\""));
    if (reason == NULL)
        api_reply_empty(request, 401);
    else
        api_refuse(request, 401, "not_authorized", "%s", reason);
}

/* --- other sites' pages ---------------------------------------------------------------------- */

/* Does the Origin "https://host:port" name the Host of this request? */
static bool is_same_origin(struct slice origin, struct slice host)
{
    const uint8_t *mark = origin.size > 3 ? memmem(origin.data, origin.size, "://", 3) : NULL;
    if (mark == NULL)
        return false;
    size_t at = (size_t)(mark - origin.data) + 3;
    return http_equal_ignoring_case(slice_of(origin.data + at, origin.size - at), host);
}

bool dispatch_is_ours(struct api_request *request, bool by_session)
{
    const struct http_request *http = request->http;
    struct slice origin, host = SLICE_EMPTY;
    bool is_safe = http->method == HTTP_METHOD_GET || http->method == HTTP_METHOD_HEAD;
    if (is_safe || is_page_call(request))
        return true;
    bool has_origin = http_request_header(http, "origin", &origin);
    (void)http_request_header(http, "host", &host);
    if (has_origin ? is_same_origin(origin, host) || sites_is_allowed(request) : !by_session)
        return true;
    api_refuse(request, 403, "forbidden",
               "this may have been sent by another site's page: the header X-Requested-With, or an"
               " Origin of this host, is missing");
    return false;
}

void dispatch_cookie_name(const struct api_request *request, char name[DISPATCH_COOKIE_NAME_BYTES])
{
    snprintf(name, DISPATCH_COOKIE_NAME_BYTES, "stoatmq_session_%u",
             request->management->http.listener.port);
}

bool dispatch_session_token(const struct api_request *request, struct slice *token)
{
    char name[DISPATCH_COOKIE_NAME_BYTES];
    struct slice cookies;
    dispatch_cookie_name(request, name);
    size_t size = strlen(name);
    if (!http_request_header(request->http, "cookie", &cookies))
        return false;
    while (cookies.size > 0) {
        const uint8_t *end = memchr(cookies.data, ';', cookies.size);
        struct slice one = end != NULL ? slice_of(cookies.data, (size_t)(end - cookies.data))
                                       : cookies;
        cookies = end != NULL ? slice_of(end + 1, cookies.size - one.size - 1) : SLICE_EMPTY;
        while (one.size > 0 && one.data[0] == ' ')
            one = slice_of(one.data + 1, one.size - 1);
        if (one.size > size && memcmp(one.data, name, size) == 0 && one.data[size] == '=') {
            *token = slice_of(one.data + size + 1, one.size - size - 1);
            return true;
        }
    }
    return false;
}

/* --- the way to the handler ------------------------------------------------------------------ */

static void on_body(void *context)
{
    struct api_request *request = context;
    request->route->handle(request);
}

/* The user may ask this: takes the body that the route wants. */
static void take_body(struct api_request *request)
{
    size_t max = 0;
    switch (request->route->body) {
    case ROUTE_NO_BODY:
        on_body(request); /* what comes of one is skipped */
        return;
    case ROUTE_SMALL_BODY:
        max = ROUTE_SMALL_BODY_BYTES;
        break;
    case ROUTE_LARGE_BODY:
        max = request->management->view->settings->management_max_body_size;
        break;
    }
    http_take_body(request->exchange, max, request, on_body, abandon);
}

static bool authorise(struct api_request *request)
{
    const char *reason = refusal(request);
    if (reason == NULL)
        return true;
    api_refuse_not_authorised(request, reason);
    return false;
}

struct vhost_question {
    bool exists;
};

static uint64_t look_for_vhost(struct api_request *request, struct engine *engine)
{
    struct vhost_question *question = request->state;
    question->exists = map_get(&engine->vhosts, api_argument(request, "vhost")) != NULL;
    return 0;
}

static void refuse_vhost(struct api_request *request)
{
    struct vhost_question *question = request->state;
    if (question->exists)
        api_refuse_not_authorised(request, refusal(request));
    else
        api_refuse_not_found(request);
}

/* A vhost where the user has no permissions may be none: that is 404. */
static bool is_vhost_unknown(const struct api_request *request)
{
    const char *reason = refusal(request);
    return (reason == vhost_refusal ||
            (reason == object_refusal && api_user_is_policymaker(request->user) &&
             request->route->access == ROUTE_POLICYMAKER)) &&
           !has_permissions(request);
}

static void on_login(void *context, enum login_result result, struct api_user *user)
{
    struct api_request *request = context;
    free_state(request);
    switch (result) {
    case LOGIN_ACCEPTED:
        break;
    case LOGIN_REFUSED:
        refuse_login(request, "Login failed");
        return;
    case LOGIN_NOT_LOOPBACK:
        api_refuse_not_authorised(request, "User can only log in via localhost");
        return;
    case LOGIN_TOO_MANY:
        api_put_header(request, "Retry-After", SLICE_LITERAL("5"));
        api_refuse(request, 429, "too_many_requests", "too many failed logins from this address");
        return;
    case LOGIN_NO_SESSION:
        refuse_login(request, "Login failed");
        return;
    }
    request->user = api_user_ref(user);
    if (is_vhost_unknown(request)) {
        request->state = mem_zalloc(sizeof(struct vhost_question));
        request->free_state = mem_free;
        api_ask(request, look_for_vhost, refuse_vhost);
    } else if (authorise(request)) {
        take_body(request);
    }
}

/* Reads "Basic base64(name:password)". */
static bool read_basic(struct slice header, struct credentials *credentials)
{
    if (header.size < 6 ||
        !http_equal_ignoring_case(slice_of(header.data, 6), SLICE_LITERAL("basic ")))
        return false;
    struct slice text = slice_of(header.data + 6, header.size - 6);
    while (text.size > 0 && text.data[0] == ' ')
        text = slice_of(text.data + 1, text.size - 1);
    if (text.size == 0 || text.size / 4 * 3 > CREDENTIALS_BYTES_MAX - 3)
        return false;
    struct slice both = crypto_base64_decode(credentials->decoded, text);
    const uint8_t *colon = both.size > 0 ? memchr(both.data, ':', both.size) : NULL;
    if (colon == NULL)
        return false;
    credentials->name = slice_of(both.data, (size_t)(colon - both.data));
    credentials->password = slice_of(colon + 1, both.size - credentials->name.size - 1);
    return true;
}

static void free_credentials(void *state)
{
    memset(state, 0, sizeof(struct credentials));
    mem_free(state);
}

static void log_in(struct api_request *request)
{
    struct authentication *authentication = &request->management->authentication;
    const union address *peer = http_exchange_peer(request->exchange);
    struct slice header, token;
    if (http_request_header(request->http, "authorization", &header)) {
        if (request->management->view->settings->management_disable_basic_auth) {
            api_refuse_not_authorised(request, "HTTP access denied: basic auth disabled");
            return;
        }
        struct credentials *credentials = mem_zalloc(sizeof *credentials);
        request->state = credentials;
        request->free_state = free_credentials;
        if (!read_basic(header, credentials))
            refuse_login(request, NULL);
        else if (dispatch_is_ours(request, false))
            authentication_check_password(authentication, credentials->name, credentials->password,
                                          peer, request, on_login);
    } else if (dispatch_session_token(request, &token)) {
        if (dispatch_is_ours(request, true))
            authentication_check_session(authentication, token, peer, request, on_login);
    } else {
        refuse_login(request, NULL);
    }
}

/* --- what needs no handler ------------------------------------------------------------------- */

/* Which methods a path has; TO has room for all. */
static struct slice name_methods(unsigned allowed, char to[METHODS_BYTES])
{
    size_t size = 0;
    static const enum http_method order[] = {HTTP_METHOD_HEAD,   HTTP_METHOD_GET,
                                             HTTP_METHOD_POST,   HTTP_METHOD_PUT,
                                             HTTP_METHOD_DELETE, HTTP_METHOD_OPTIONS};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if ((allowed & 1u << order[i]) != 0)
            size += (size_t)snprintf(to + size, METHODS_BYTES - size, "%s%s", size > 0 ? ", " : "",
                                     http_method_name(order[i]));
    return slice_of(to, size);
}

/* Answers with the methods alone. */
static void reply_methods(struct api_request *request, unsigned allowed, unsigned status)
{
    char text[METHODS_BYTES];
    struct slice methods = name_methods(allowed, text);
    api_put_header(request, "Allow", methods);
    sites_put_allowed(request, status == 200 ? methods : SLICE_EMPTY);
    api_reply_empty(request, status);
}

static bool is_api_path(const struct http_request *http)
{
    return http->segment_count > 0 && slice_equal(http->segments[0], SLICE_LITERAL("api"));
}

/* Cuts the path's prefix off. False: it is not there, and the request is answered: as RabbitMQ, the
 * root leads to the dashboard; so does the prefix without its slash, below which the page's own
 * links would lead nowhere. */
static bool find_below_prefix(struct api_request *request)
{
    struct slice prefix = buf_slice(&request->management->path_prefix);
    struct slice path = request->http->path;
    if (prefix.size == 0)
        return true;
    if (path.size <= 1 || slice_equal(path, prefix)) {
        struct buf target = {0};
        buf_printf(&target, "%.*s/", SLICE_ARGS(prefix));
        api_put_header(request, "Location", buf_slice(&target));
        buf_fini(&target);
        api_reply_empty(request, 301);
        return false;
    }
    if (http_exchange_cut_prefix(request->exchange, prefix))
        return true;
    api_refuse_not_found(request);
    return false;
}

void dispatch_request(void *context, struct http_exchange *exchange)
{
    struct management *management = context;
    struct api_request *request = mem_zalloc(sizeof *request);
    unsigned allowed = 0;
    request->management = management;
    request->exchange = exchange;
    request->http = http_exchange_request(exchange);
    management->open_requests++;
    if (!find_below_prefix(request))
        return;
    if (!is_api_path(request->http)) {
        page_serve(request);
        return;
    }
    request->route = routes_find(request->http, request->arguments, &allowed);
    if (allowed != 0 && request->http->method == HTTP_METHOD_OPTIONS) {
        reply_methods(request, allowed, 200);
        return;
    }
    if (allowed != 0 && request->route == NULL) {
        reply_methods(request, allowed, 405);
        return;
    }
    sites_put_allowed(request, SLICE_EMPTY);
    if (allowed == 0) {
        api_refuse_not_found(request);
    } else if (request->route->access == ROUTE_PUBLIC) {
        take_body(request);
    } else {
        log_in(request);
    }
}
