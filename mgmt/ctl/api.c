/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/api.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"

enum { ANSWER_BYTES_MAX = 1 << 30, CONNECT_TIMEOUT_S = 10 };

int api_init(struct api *api, const struct arguments *arguments)
{
    *api = (struct api){.timeout_s = arguments->common.timeout_s};
    int status = target_find(&api->target, &arguments->common);
    if (status != 0)
        return status;
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    api->curl = curl_easy_init();
    CHECK(api->curl != NULL);
    return 0;
}

void api_fini(struct api *api)
{
    curl_easy_cleanup(api->curl);
    curl_global_cleanup();
}

/* libcurl's callback for what comes in. */
static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct buf *text = context;
    size *= count;
    if (text->size + size > ANSWER_BYTES_MAX)
        return 0;
    buf_bytes(text, slice_of(data, size));
    return size;
}

static struct curl_slist *make_headers(const struct api *api)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
    if (api->reason != NULL) {
        struct buf header = {0};
        buf_printf(&header, "X-Reason: %s", api->reason);
        for (size_t i = 0; i < header.size; i++)
            if (header.data[i] < 0x20)
                header.data[i] = ' ';
        buf_u8(&header, '\0');
        list = curl_slist_append(list, (const char *)header.data);
        buf_fini(&header);
    }
    CHECK(list != NULL);
    return list;
}

static void set_options(const struct api *api, const char *method, const char *url,
                        const char *body, const struct curl_slist *headers, struct buf *text,
                        char *error)
{
    CURL *curl = api->curl;
    const struct target *target = &api->target;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, api->timeout_s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    if (target->user[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_USERNAME, target->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, target->password);
    }
    if (target->ca_file[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca_file);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
}

int api_send(struct api *api, const char *method, const char *path, const char *body,
             struct answer *answer, char error[API_ERROR_BYTES])
{
    char curl_error[CURL_ERROR_SIZE] = "";
    struct buf url = {0};
    *answer = (struct answer){0};
    buf_printf(&url, "%s/api%s", api->target.uri, path);
    buf_u8(&url, '\0');
    struct curl_slist *headers = make_headers(api);
    set_options(api, method, (const char *)url.data, body, headers, &answer->text, curl_error);
    CURLcode result = curl_easy_perform(api->curl);
    curl_slist_free_all(headers);
    buf_fini(&url);
    if (result != CURLE_OK) {
        char host[TARGET_TEXT_BYTES]; /* not the URI, which may hold a password */
        target_host(&api->target, host);
        (void)snprintf(error, API_ERROR_BYTES,
                       "unable to perform an operation on %.200s: %.200s. Is the broker running"
                       " there?",
                       host, curl_error[0] != '\0' ? curl_error : curl_easy_strerror(result));
        answer_fini(answer);
        return result == CURLE_OPERATION_TIMEDOUT ? EXIT_TRY_LATER : EXIT_UNAVAILABLE;
    }
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &answer->code);
    if (answer->text.size > 0)
        answer->json = json_loadb((const char *)answer->text.data, answer->text.size,
                                  JSON_DECODE_ANY, NULL);
    return 0;
}

void answer_fini(struct answer *answer)
{
    json_decref(answer->json);
    buf_fini(&answer->text);
    *answer = (struct answer){0};
}

/* --- what answers mean ---------------------------------------------------------------------- */

const json_t *json_at(const json_t *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char key[64];
        size_t size = strcspn(path, ".");
        if (size >= sizeof key)
            return NULL;
        memcpy(key, path, size);
        key[size] = '\0';
        object = json_object_get(object, key);
        path += size + (path[size] == '.');
    }
    return object;
}

const char *json_text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(json_at(object, path));
    return text != NULL ? text : "";
}

const char *answer_reason(const struct answer *answer)
{
    static char text[64];
    const char *reason = json_text_at(answer->json, "reason");
    if (reason[0] == '\0')
        reason = json_text_at(answer->json, "error");
    if (reason[0] != '\0')
        return reason;
    (void)snprintf(text, sizeof text, "the API answered with HTTP status %ld", answer->code);
    return text;
}

int answer_refused(const struct answer *answer, int missing)
{
    int status = answer->code == 401 || answer->code == 403 ? EXIT_NO_PERMISSION
                 : answer->code == 404                      ? missing
                                                            : EXIT_UNAVAILABLE;
    return fail(status, "%s", answer_reason(answer));
}

int api_ask(struct api *api, const char *method, const char *path, const char *body, int missing,
            struct answer *answer)
{
    char error[API_ERROR_BYTES];
    int status = api_send(api, method, path, body, answer, error);
    if (status != 0)
        return fail(status, "%s", error);
    if (answer->code >= 200 && answer->code < 300)
        return 0;
    status = answer_refused(answer, missing);
    answer_fini(answer);
    return status;
}

int api_put(const struct arguments *arguments, const char *path, json_t *body)
{
    struct api api;
    struct answer answer;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL)
        return fail(EXIT_DATA, "that is no UTF-8");
    int status = api_init(&api, arguments);
    if (status == 0) {
        status = api_ask(&api, "PUT", path, text, EXIT_DATA, &answer);
        if (status == 0)
            answer_fini(&answer);
        api_fini(&api);
    }
    mem_free(text);
    return status;
}

int api_get(struct api *api, const char *path, json_t **json)
{
    struct answer answer;
    int status = api_ask(api, "GET", path, NULL, EXIT_UNAVAILABLE, &answer);
    *json = NULL;
    if (status != 0)
        return status;
    *json = json_incref(answer.json);
    answer_fini(&answer);
    return *json != NULL ? 0 : fail(EXIT_SOFTWARE, "%s: the answer is no JSON", path);
}
