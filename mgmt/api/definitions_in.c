/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/definitions, in. A small document is checked and applied at once. A large one is gone
 * through in pieces, between which the engine serves its clients; before the first thing is
 * applied, the document is on disk, so that a crash does not leave half of it (pending.h).
 */
#include "exchange/vhost.h"
#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/definitions/import.h"
#include "mgmt/definitions/pending.h"
#include "mgmt/management.h"
#include "server/base/mem.h"

/* With so many things a document is small. */
#define SMALL_ITEMS 500

/* What the engine gives to one piece of a large one. */
#define PIECE_NS 1000000

struct importing {
    struct import *import; /* NULL: until the engine has seen it */
    json_t *document;
    struct slice only; /* the path's virtual host */
    bool is_of_vhost, is_missing, is_small, is_checked, is_kept, is_applied;
    char path[PENDING_PATH_BYTES]; /* of the file that keeps it; empty: none */
};

static void free_importing(void *state)
{
    struct importing *importing = state;
    if (importing->import != NULL)
        import_free(importing->import);
    json_decref(importing->document);
    mem_free(importing);
}

/* --- on the engine's thread ------------------------------------------------------------------ */

static bool begin(struct importing *importing, struct engine *engine)
{
    const struct slice *only = importing->is_of_vhost ? &importing->only : NULL;
    importing->is_missing = only != NULL && map_get(&engine->vhosts, *only) == NULL;
    if (importing->is_missing)
        return false;
    importing->import = import_new(engine, only, importing->document);
    importing->is_small = import_items(importing->import) <= SMALL_ITEMS;
    return true;
}

/* Goes on. When all is applied, the LSN to wait for. */
static uint64_t work(struct api_request *request, struct engine *engine)
{
    struct importing *importing = request->state;
    if (importing->import == NULL && !begin(importing, engine))
        return 0;
    struct import *import = importing->import;
    uint64_t budget_ns = importing->is_small ? UINT64_MAX : PIECE_NS;
    if (!importing->is_checked) {
        importing->is_checked = import_check(import, budget_ns);
        if (!importing->is_small || import_result(import)->problem_count > 0)
            return 0;
    }
    importing->is_applied = import_apply(import, budget_ns);
    return importing->is_applied ? import_result(import)->lsn : 0;
}

/* --- on management's ------------------------------------------------------------------------- */

static void done(struct api_request *request);

/* Keeps a large document that is good. False: it cannot be, and the request is refused. */
static bool keep(struct api_request *request)
{
    struct importing *importing = request->state;
    const struct settings *settings = request->management->view->settings;
    char error[PENDING_PATH_BYTES + 128];
    if (!settings->store_log || importing->is_small)
        return true;
    if (pending_keep(settings->data_dir,
                     collector_wall_ms() * 1000 + request->management->imports++,
                     importing->is_of_vhost ? &importing->only : NULL, request->http->body,
                     importing->path, error, sizeof error) == 0)
        return true;
    importing->path[0] = '\0';
    api_refuse(request, 500, "internal_server_error", "nothing was applied: %s", error);
    return false;
}

/* What could not be applied, though it had been good, is said: the rest is applied. */
static void answer(struct api_request *request)
{
    struct importing *importing = request->state;
    const struct definitions_result *result = import_result(importing->import);
    pending_forget(importing->path);
    if (result->problem_count == 0)
        api_reply_empty(request, 204);
    else
        api_refuse(request, 500, "internal_server_error",
                   "all was applied but for what has become impossible meanwhile: %.*s",
                   SLICE_ARGS(buf_slice(&result->problems)));
}

static void done(struct api_request *request)
{
    struct importing *importing = request->state;
    if (importing->is_missing) {
        api_refuse(request, 404, "not_found", "vhost_not_found");
        return;
    }
    const struct definitions_result *result = import_result(importing->import);
    if (importing->is_applied) {
        answer(request);
    } else if (importing->is_checked && !importing->is_kept && result->problem_count > 0) {
        api_refuse_bad_request(request, "%.*s", SLICE_ARGS(buf_slice(&result->problems)));
    } else if (!importing->is_checked || importing->is_kept || keep(request)) {
        importing->is_kept = importing->is_checked;
        api_ask(request, work, done);
    }
}

void api_post_definitions(struct api_request *request)
{
    struct slice body = request->http->body;
    struct buf problem = {0};
    json_t *document = NULL;
    if (body.size >= DEFINITIONS_BYTES_MAX)
        buf_printf(&problem, "the document is larger than %u bytes", DEFINITIONS_BYTES_MAX);
    else
        document = body.size == 0 ? json_object() : definitions_parse(body, &problem);
    if (document == NULL) {
        api_refuse_bad_request(request, "failed_to_parse_json: %.*s",
                               SLICE_ARGS(buf_slice(&problem)));
    } else {
        struct importing *importing = mem_zalloc(sizeof *importing);
        request->state = importing;
        request->free_state = free_importing;
        importing->document = document;
        importing->is_of_vhost = route_argument(request->route, "vhost") >= 0;
        if (importing->is_of_vhost)
            importing->only = api_argument(request, "vhost");
        api_ask(request, work, done);
    }
    buf_fini(&problem);
}
