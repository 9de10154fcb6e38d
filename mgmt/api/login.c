/* SPDX-License-Identifier: Apache-2.0
 *
 * login: sessions for browsers, and who is logged in.
 */
#include "amqp/table.h"
#include "mgmt/api/dispatch.h"
#include "mgmt/api/handlers.h"
#include "mgmt/json_writer.h"
#include "mgmt/management.h"
#include "server/base/mem.h"

#define FORM_FIELDS_MAX 8

/* What a login's body said. */
struct login_form {
    struct buf text;
    json_t *json;
    struct slice name, password;
};

static void free_form(void *state)
{
    struct login_form *form = state;
    if (form->text.data != NULL)
        memset(form->text.data, 0, form->text.capacity);
    buf_fini(&form->text);
    json_decref(form->json);
    mem_free(form);
}

static bool read_fields(struct login_form *form, struct slice body)
{
    struct http_field fields[FORM_FIELDS_MAX];
    buf_reserve(&form->text, body.size + 1);
    int count = http_form_cut(body, &form->text, fields, FORM_FIELDS_MAX);
    bool has_name = false, has_password = false;
    for (int i = 0; i < count; i++) {
        if (slice_equal(fields[i].name, SLICE_LITERAL("username"))) {
            form->name = fields[i].value;
            has_name = true;
        } else if (slice_equal(fields[i].name, SLICE_LITERAL("password"))) {
            form->password = fields[i].value;
            has_password = true;
        }
    }
    return has_name && has_password;
}

static bool read_json(struct login_form *form)
{
    const json_t *name = json_object_get(form->json, "username");
    const json_t *password = json_object_get(form->json, "password");
    if (!json_is_string(name) || !json_is_string(password))
        return false;
    form->name = slice_of(json_string_value(name), json_string_length(name));
    form->password = slice_of(json_string_value(password), json_string_length(password));
    return true;
}

static void put_cookie(struct api_request *request, struct slice token, const char *lifetime)
{
    struct buf cookie = {0};
    char name[DISPATCH_COOKIE_NAME_BYTES];
    dispatch_cookie_name(request, name);
    buf_printf(&cookie, "%s=%.*s; Path=/; HttpOnly; SameSite=Strict%s%s", name, SLICE_ARGS(token),
               lifetime, http_exchange_is_secure(request->exchange) ? "; Secure" : "");
    api_put_header(request, "Set-Cookie", buf_slice(&cookie));
    buf_fini(&cookie);
}

static void on_checked(void *context, enum login_result result, struct api_user *user)
{
    struct api_request *request = context;
    uint8_t token[AUTHENTICATION_TOKEN_CHARS];
    if (result == LOGIN_TOO_MANY) {
        api_put_header(request, "Retry-After", SLICE_LITERAL("5"));
        api_refuse(request, 429, "too_many_requests", "too many failed logins from this address");
    } else if (result == LOGIN_NOT_LOOPBACK) {
        api_refuse_not_authorised(request, "User can only log in via localhost");
    } else if (result != LOGIN_ACCEPTED) {
        api_refuse(request, 401, "not_authorized", "Login failed");
    } else if (!api_user_is_management(user)) {
        api_refuse_not_authorised(request, "Not management user");
    } else {
        authentication_begin_session(&request->management->authentication, user, token);
        put_cookie(request, slice_of(token, sizeof token), "");
        api_reply_value(request, json_string("ok"));
    }
}

void api_post_login(struct api_request *request)
{
    struct slice type = SLICE_EMPTY;
    json_t *json = NULL;
    if (!dispatch_is_ours(request, false))
        return;
    (void)http_request_header(request->http, "content-type", &type);
    bool is_form = slice_starts_with(type, SLICE_LITERAL("application/x-www-form-urlencoded"));
    if (!is_form && (json = api_read_json(request)) == NULL)
        return;
    struct login_form *form = mem_zalloc(sizeof *form);
    request->state = form;
    request->free_state = free_form;
    form->json = json;
    if (is_form ? !read_fields(form, request->http->body) : !read_json(form)) {
        api_refuse_bad_request(request, "username and password are wanted");
        return;
    }
    authentication_check_password(&request->management->authentication, form->name, form->password,
                                  http_exchange_peer(request->exchange), request, on_checked);
}

void api_delete_login(struct api_request *request)
{
    struct slice token;
    if (!dispatch_is_ours(request, true))
        return;
    if (dispatch_session_token(request, &token))
        authentication_end_session(&request->management->authentication, token);
    put_cookie(request, SLICE_EMPTY, "; Max-Age=0");
    api_reply_empty(request, 204);
}

void api_get_whoami(struct api_request *request)
{
    struct buf body = {0};
    struct json_writer writer;
    struct cursor cursor = cursor_of(request->user->tags);
    struct table_value tag;
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    json_put_string(&writer, "name", request->user->name);
    json_put_array(&writer, "tags");
    while (table_next_item(&cursor, &tag))
        if (tag.type == TABLE_LONGSTR)
            json_write_string(&writer, tag.bytes);
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    api_reply_json(request, &body);
}

void api_get_auth(struct api_request *request)
{
    struct buf body = {0};
    struct json_writer writer;
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    json_put_bool(&writer, "enable_uaa", false);
    json_put_text(&writer, "uaa_client_id", "");
    json_put_text(&writer, "uaa_location", "");
    json_put_bool(&writer, "oauth_enabled", false);
    json_write_object_end(&writer);
    api_reply_json(request, &body);
}
