/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/page.h"

/* A new version has new files under the old names: the browser is to ask, and hears "not modified".
 */
static const char cache_control[] = "no-cache";

static const struct page_file *find(struct slice path)
{
    for (size_t i = 0; i < page_files_count; i++)
        if (slice_equal(slice_from_string(page_files[i].path), path))
            return &page_files[i];
    return NULL;
}

/* The path of the file that is asked for: "/" and "/ui/" are the index, "/ui/x" and "/x" are x. */
static struct slice file_path(const struct http_request *http)
{
    struct slice path = http->path;
    if (slice_equal(path, SLICE_LITERAL("/ui")))
        return SLICE_LITERAL("/index.html");
    if (slice_starts_with(path, SLICE_LITERAL("/ui/")))
        path = slice_of(path.data + 3, path.size - 3);
    return slice_equal(path, SLICE_LITERAL("/")) ? SLICE_LITERAL("/index.html") : path;
}

void page_serve(struct api_request *request)
{
    const struct http_request *http = request->http;
    struct slice match;
    if (http->method != HTTP_METHOD_GET && http->method != HTTP_METHOD_HEAD) {
        api_put_header(request, "Allow", SLICE_LITERAL("HEAD, GET"));
        api_reply_empty(request, http->method == HTTP_METHOD_OPTIONS ? 200 : 405);
        return;
    }
    const struct page_file *file = find(file_path(http));
    if (file == NULL) {
        api_refuse_not_found(request);
        return;
    }
    api_put_header(request, "ETag", slice_from_string(file->etag));
    if (http_request_header(http, "if-none-match", &match) &&
        memmem(match.data, match.size, file->etag, strlen(file->etag)) != NULL) {
        api_reply_empty(request, 304);
        return;
    }
    api_reply_constant(request, file->content_type, cache_control, file->gzip, true);
}
