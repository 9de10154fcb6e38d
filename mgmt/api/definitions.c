/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/definitions, out: accounts and policies from the engine; queues, exchanges and bindings, of
 * which there may be very many, from the snapshot, which costs the engine nothing. A virtual host
 * that comes in between is not in the document.
 */
#include "exchange/parameter.h"
#include "exchange/vhost.h"
#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/definitions/export.h"
#include "mgmt/management.h"
#include "server/base/list.h"
#include "server/base/mem.h"

struct exporting {
    struct api_request *request;
    struct buf body;
    struct json_writer json;
    struct slice only; /* the path's virtual host */
    bool is_of_vhost, is_missing;
    uint64_t last_vhost; /* ids of later ones are greater */
    struct collector_wait wait;
};

static void free_exporting(void *state)
{
    struct exporting *exporting = state;
    buf_fini(&exporting->body);
    mem_free(exporting);
}

static uint64_t write_front(struct api_request *request, struct engine *engine)
{
    struct exporting *exporting = request->state;
    const struct settings *settings = request->management->view->settings;
    struct slice name = parameter_text(engine, PARAMETER_CLUSTER_NAME);
    const struct vhost *only = exporting->is_of_vhost ? map_get(&engine->vhosts, exporting->only)
                                                      : NULL;
    exporting->is_missing = exporting->is_of_vhost && only == NULL;
    exporting->last_vhost = engine->registries[REGISTRY_VHOST].last_id;
    if (exporting->is_missing)
        return 0;
    definitions_export_front(
        engine, only,
        &(struct definitions_origin){
            .rabbitmq_version = settings->compatible_version,
            .product_version = STOATMQ_VERSION,
            .cluster_name = name.size > 0 ? name : slice_from_string(settings->cluster_name),
        },
        &exporting->json);
    return 0;
}

/* --- from the snapshot ----------------------------------------------------------------------- */

static void write_queue(struct json_writer *json, const struct slice *vhost, const struct row *row)
{
    if ((row->is.flags & CAME_EXCLUSIVE) == 0)
        export_queue(json, vhost,
                     &(struct exported_queue){
                         .name = row->text[TEXT_NAME],
                         .arguments = row->text[TEXT_ARGUMENTS],
                         .durable = (row->is.flags & CAME_DURABLE) != 0,
                         .auto_delete = (row->is.flags & CAME_AUTO_DELETE) != 0,
                     });
}

static void write_exchange(struct json_writer *json, const struct slice *vhost,
                           const struct row *row)
{
    if (export_wants_exchange(row->text[TEXT_NAME]))
        export_exchange(json, vhost,
                        &(struct exported_exchange){
                            .name = row->text[TEXT_NAME],
                            .type = row->text[TEXT_TYPE],
                            .arguments = row->text[TEXT_ARGUMENTS],
                            .durable = (row->is.flags & CAME_DURABLE) != 0,
                            .auto_delete = (row->is.flags & CAME_AUTO_DELETE) != 0,
                            .internal = (row->is.flags & CAME_INTERNAL) != 0,
                        });
}

static void write_binding(struct json_writer *json, const struct slice *vhost,
                          const struct row *row)
{
    bool to_queue = (row->is.flags & CAME_TO_QUEUE) != 0;
    if (row->of == NULL || row->to == NULL ||
        (to_queue && (row->to->is.flags & CAME_EXCLUSIVE) != 0))
        return;
    export_binding(json, vhost,
                   &(struct exported_binding){
                       .source = row->of->text[TEXT_NAME],
                       .destination = row->to->text[TEXT_NAME],
                       .routing_key = row->text[TEXT_NAME],
                       .arguments = row->text[TEXT_ARGUMENTS],
                       .to_queue = to_queue,
                   });
}

static void write_topology(struct exporting *exporting)
{
    static const struct {
        const char *name;
        enum registry_kind kind;
        void (*write)(struct json_writer *json, const struct slice *vhost, const struct row *row);
    } sections[] = {{"queues", REGISTRY_QUEUE, write_queue},
                    {"exchanges", REGISTRY_EXCHANGE, write_exchange},
                    {"bindings", REGISTRY_BINDING, write_binding}};
    const struct snapshot *snapshot = &exporting->request->management->collector.snapshot;
    const struct row *only = exporting->is_of_vhost ? snapshot_vhost(snapshot, exporting->only)
                                                    : NULL;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const struct table *table = &snapshot->tables[sections[i].kind];
        (void)json_put_array(&exporting->json, sections[i].name);
        for (uint32_t at = 0; at < table->count; at++) {
            const struct row *row = table->rows[at], *vhost = row->vhost;
            if (vhost != NULL && vhost->is.id <= exporting->last_vhost &&
                (!exporting->is_of_vhost || vhost == only))
                sections[i].write(&exporting->json,
                                  exporting->is_of_vhost ? NULL : &vhost->text[TEXT_NAME], row);
        }
        json_write_array_end(&exporting->json);
    }
}

static void finish(struct collector_wait *wait)
{
    struct exporting *exporting = LIST_ENTRY(wait, struct exporting, wait);
    write_topology(exporting);
    json_write_object_end(&exporting->json);
    api_reply_json(exporting->request, &exporting->body);
}

static void have_front(struct api_request *request)
{
    struct exporting *exporting = request->state;
    if (exporting->is_missing)
        api_refuse_bad_request(request, "vhost_not_found");
    else
        collector_ask(&request->management->collector, &exporting->wait);
}

void api_get_definitions(struct api_request *request)
{
    struct exporting *exporting = mem_zalloc(sizeof *exporting);
    struct slice file;
    request->state = exporting;
    request->free_state = free_exporting;
    exporting->request = request;
    exporting->wait.ready = finish;
    exporting->is_of_vhost = route_argument(request->route, "vhost") >= 0;
    if (exporting->is_of_vhost)
        exporting->only = api_argument(request, "vhost");
    json_writer_init(&exporting->json, &exporting->body);
    if (http_request_parameter(request->http, "download", &file)) {
        struct buf header = {0};
        buf_printf(&header, "attachment; filename=%.*s", SLICE_ARGS(file));
        api_put_header(request, "Content-Disposition", buf_slice(&header));
        buf_fini(&header);
    }
    api_ask(request, write_front, have_front);
}
