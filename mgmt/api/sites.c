/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/sites.h"

#include "mgmt/management.h"

/* --- our own pages --------------------------------------------------------------------------- */

void sites_put_headers(const struct settings *settings, struct buf *headers)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"Content-Security-Policy", settings->management_csp_policy},
        {"Strict-Transport-Security", settings->management_hsts_policy},
        {"X-Content-Type-Options", settings->management_content_type_options},
        {"X-XSS-Protection", settings->management_xss_protection},
        {"X-Frame-Options", settings->management_frame_options},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value[0] != '\0')
            http_put_header(headers, rows[i].name, slice_from_string(rows[i].value));
}

void sites_put_prefix(const struct settings *settings, struct buf *prefix)
{
    struct slice path = slice_from_string(settings->management_path_prefix);
    while (path.size > 0 && path.data[path.size - 1] == '/')
        path.size--;
    if (path.size > 0 && path.data[0] != '/')
        buf_u8(prefix, '/');
    buf_bytes(prefix, path);
}

/* --- other sites' ---------------------------------------------------------------------------- */

static bool origin_of(const struct api_request *request, struct slice *origin)
{
    return http_request_header(request->http, "origin", origin) &&
           !slice_equal(*origin, SLICE_LITERAL("null"));
}

bool sites_is_allowed(const struct api_request *request)
{
    const struct settings *settings = request->management->view->settings;
    const char *name = NULL, *text = NULL;
    struct slice origin;
    if (settings->management_cors_off || !origin_of(request, &origin))
        return false;
    while (settings_next_text(&settings->management_cors_origins, &name, &text))
        if (strcmp(text, "*") == 0 || slice_equal(slice_from_string(text), origin))
            return true;
    return false;
}

void sites_put_allowed(struct api_request *request, struct slice methods)
{
    struct slice origin, headers;
    char seconds[16];
    if (!sites_is_allowed(request) || !origin_of(request, &origin))
        return;
    api_put_header(request, "Access-Control-Allow-Origin", origin);
    api_put_header(request, "Access-Control-Allow-Credentials", SLICE_LITERAL("true"));
    if (methods.size == 0)
        return;
    (void)snprintf(seconds, sizeof seconds, "%u",
                   request->management->view->settings->management_cors_max_age);
    api_put_header(request, "Access-Control-Allow-Methods", methods);
    api_put_header(request, "Access-Control-Max-Age", slice_from_string(seconds));
    if (http_request_header(request->http, "access-control-request-headers", &headers))
        api_put_header(request, "Access-Control-Allow-Headers", headers);
}
