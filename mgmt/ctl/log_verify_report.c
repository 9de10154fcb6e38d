/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mgmt/amqp_json.h"
#include "mgmt/ctl/log_record.h"
#include "mgmt/ctl/log_verify.h"
#include "mgmt/ctl/output.h"
#include "server/base/buf.h"

static const char *const findings[] = {
    [FINDING_NOTE] = "note", [FINDING_DAMAGE] = "damage", [FINDING_UNREAD] = "unread"};

/* --- collecting ----------------------------------------------------------------------------- */

json_t *verify_report(struct verify *v, enum finding finding, const char *file, int64_t offset,
                      const char *advice, const char *format, ...)
{
    char what[512];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(what, sizeof what, format, values);
    va_end(values);
    json_t *problem = json_object();
    json_object_set_new(problem, "finding", json_string(findings[finding]));
    json_object_set_new(problem, "file", amqp_json_string(slice_from_string(file)));
    json_object_set_new(problem, "offset", offset >= 0 ? json_integer(offset) : json_null());
    json_object_set_new(problem, "what", amqp_json_string(slice_from_string(what)));
    json_object_set_new(problem, "advice", json_string(advice));
    json_array_append_new(v->problems, problem);
    v->counts[finding]++;
    return problem;
}

void verify_forget(struct verify *v, size_t mark)
{
    while (json_array_size(v->problems) > mark) {
        size_t last = json_array_size(v->problems) - 1;
        const char *finding = json_string_value(
            json_object_get(json_array_get(v->problems, last), "finding"));
        for (size_t i = 0; i <= FINDING_UNREAD; i++)
            v->counts[i] -= strcmp(finding, findings[i]) == 0;
        json_array_remove(v->problems, last);
    }
}

/* --- a summary ------------------------------------------------------------------------------ */

static const char *status_of(const struct verify *v)
{
    return v->counts[FINDING_DAMAGE] > 0   ? "damaged"
           : v->counts[FINDING_UNREAD] > 0 ? "unread"
                                           : "sound";
}

static int exit_status(const struct verify *v)
{
    return v->counts[FINDING_DAMAGE] > 0   ? EXIT_DAMAGED
           : v->counts[FINDING_UNREAD] > 0 ? EXIT_UNREAD
                                           : EXIT_SOUND;
}

struct totals {
    uint64_t queues, messages, bytes;
};

static struct totals add_up(const struct inventory *inventory)
{
    struct totals totals = {0};
    uint32_t position = 0;
    for (const struct inventory_queue *queue;
         (queue = map_next(&inventory->queues, &position)) != NULL;) {
        totals.queues++;
        totals.messages += queue->live;
        totals.bytes += queue->bytes;
    }
    return totals;
}

static json_t *node_of(const struct verify *v)
{
    const uint8_t *id = v->survey.checkpoint.lsn != 0 ? v->survey.checkpoint.node_id
                                                      : v->survey.scan.node_id;
    char text[2 * NODE_ID_BYTES + 1];
    for (size_t i = 0; i < NODE_ID_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    return json_string(text);
}

static json_t *checkpoint_of(const struct verify *v)
{
    const struct checkpoint *checkpoint = &v->survey.checkpoint;
    if (checkpoint->lsn == 0)
        return json_null();
    uint64_t number = lsn_segment(checkpoint->lsn), end = v->last_segment;
    json_t *object = json_object();
    json_object_set_new(object, "lsn", amqp_json_number(checkpoint->lsn));
    json_object_set_new(object, "at", log_record_place(checkpoint->lsn));
    json_object_set_new(object, "age_segments", amqp_json_number(end > number ? end - number : 0));
    json_object_set_new(object, "epoch", amqp_json_number(checkpoint->epoch));
    json_object_set_new(object, "bytes", amqp_json_number(checkpoint->bytes));
    return object;
}

/* Where the log ends; null when that cannot be known. */
static json_t *log_of(const struct verify *v)
{
    const struct scan *scan = &v->survey.scan;
    if (!log_survey_is_whole(&v->survey))
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "end_lsn", amqp_json_number(scan->end_lsn));
    json_object_set_new(object, "end_at", log_record_place(scan->end_lsn));
    json_object_set_new(object, "epoch", amqp_json_number(scan->epoch));
    json_object_set_new(object, "known_durable_lsn", amqp_json_number(scan->known_lsn));
    json_object_set_new(object, "torn", json_boolean(scan->torn_lsn != 0));
    return object;
}

static json_t *use_of(const struct verify *v)
{
    json_t *object = json_object();
    json_object_set_new(object, "locked", v->lock_known ? json_boolean(v->is_locked) : json_null());
    if (v->is_locked)
        json_object_set_new(object, "pid", json_integer(v->pid));
    return object;
}

/* All that was found out. */
static json_t *report(struct verify *v)
{
    const struct inventory *inventory = &v->survey.inventory;
    struct totals totals = add_up(inventory);
    json_t *object = json_object();
    json_object_set_new(object, "directory", amqp_json_string(slice_from_string(v->dir.path)));
    json_object_set_new(object, "status", json_string(status_of(v)));
    json_object_set_new(object, "in_use", use_of(v));
    json_object_set_new(object, "node", node_of(v));
    json_object_set_new(object, "checkpoint", checkpoint_of(v));
    json_object_set_new(object, "log", log_of(v));
    json_object_set_new(object, "records", amqp_json_number(v->records));
    json_object_set_new(object, "queues", amqp_json_number(totals.queues));
    json_object_set_new(object, "exchanges", amqp_json_number(inventory->exchanges.count));
    json_object_set_new(object, "bindings", amqp_json_number(inventory->bindings.count));
    json_object_set_new(object, "messages", amqp_json_number(totals.messages));
    json_object_set_new(object, "message_bytes", amqp_json_number(totals.bytes));
    json_object_set_new(object, "file_bytes", amqp_json_number(v->file_bytes));
    json_object_set_new(object, "spare_segments", amqp_json_number(v->spares));
    json_object_set_new(object, "segments", json_incref(v->segments));
    json_object_set_new(object, "problems", json_incref(v->problems));
    return object;
}

int verify_print_json(struct verify *v)
{
    output_json(report(v));
    return output_end(exit_status(v));
}

int verify_print_unread(const char *path, bool json, const char *reason)
{
    if (!json) {
        fprintf(stderr, "stoatmqctl: %s: %s\n", path, reason);
        return EXIT_UNREAD;
    }
    json_t *object = json_object();
    json_object_set_new(object, "directory", amqp_json_string(slice_from_string(path)));
    json_object_set_new(object, "status", json_string("unread"));
    json_object_set_new(object, "reason", json_string(reason));
    output_json(object);
    return output_end(EXIT_UNREAD);
}

/* --- for people ----------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "-";
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_log(const json_t *all)
{
    const json_t *checkpoint = json_object_get(all, "checkpoint"),
                 *log = json_object_get(all, "log");
    if (json_is_null(checkpoint))
        puts("checkpoint   none");
    else
        printf("checkpoint   at %s (LSN %" JSON_INTEGER_FORMAT "), %" JSON_INTEGER_FORMAT
               " segments old, %" JSON_INTEGER_FORMAT " bytes\n",
               text_of(checkpoint, "at"), number_of(checkpoint, "lsn"),
               number_of(checkpoint, "age_segments"), number_of(checkpoint, "bytes"));
    if (json_is_null(log))
        puts("log's end    not known");
    else
        printf("log's end    at %s (LSN %" JSON_INTEGER_FORMAT "), epoch %" JSON_INTEGER_FORMAT
               ", %s\n",
               text_of(log, "end_at"), number_of(log, "end_lsn"), number_of(log, "epoch"),
               json_is_true(json_object_get(log, "torn"))
                   ? "torn: what was not confirmed is cut off at the next start"
                   : "not torn");
}

static void print_segments(const json_t *segments)
{
    size_t i;
    const json_t *row;
    puts("\nsegment                        state     records   stored     live  share  index");
    json_array_foreach(segments, i, row)
    {
        char share[16] = "-";
        const json_t *live = json_object_get(row, "live_share");
        if (json_is_real(live))
            (void)snprintf(share, sizeof share, "%.1f%%", 100 * json_real_value(live));
        printf("%-28s %9s %9" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT
               " %8" JSON_INTEGER_FORMAT " %6s  %s\n",
               text_of(row, "file"), text_of(row, "state"), number_of(row, "records"),
               number_of(row, "messages_stored"), number_of(row, "messages_live"), share,
               text_of(row, "index"));
    }
}

static void print_problem(const json_t *problem)
{
    const json_t *offset = json_object_get(problem, "offset");
    const json_t *name = json_object_get(problem, "queue_name");
    printf("%s: ", text_of(problem, "finding"));
    output_plain(text_of(problem, "file"));
    if (json_is_integer(offset))
        printf(", offset %" JSON_INTEGER_FORMAT, json_integer_value(offset));
    printf(": ");
    output_plain(text_of(problem, "what"));
    if (json_is_string(name)) {
        printf(" (queue ");
        output_quoted(json_string_value(name), json_string_length(name));
        printf(" in ");
        output_quoted(text_of(problem, "vhost"), strlen(text_of(problem, "vhost")));
        printf(")");
    }
    printf("\n    %s\n", text_of(problem, "advice"));
}

int verify_print_text(struct verify *v)
{
    size_t i;
    const json_t *problem;
    json_t *all = report(v);
    printf("directory    ");
    output_plain(v->dir.path);
    if (v->is_locked)
        printf("\nin use by    process %ld, so that the log's end may move", v->pid);
    else
        printf("\nin use by    %s", v->lock_known ? "nobody" : "(not known)");
    printf("\nnode         %s\n", text_of(all, "node"));
    print_log(all);
    printf("read         %" PRIu64 " segments, %" JSON_INTEGER_FORMAT " records\n",
           (uint64_t)json_array_size(v->segments), number_of(all, "records"));
    printf("alive        %" JSON_INTEGER_FORMAT " messages (%" JSON_INTEGER_FORMAT
           " bytes) in %" JSON_INTEGER_FORMAT " queues; %" JSON_INTEGER_FORMAT
           " exchanges, %" JSON_INTEGER_FORMAT " bindings\n",
           number_of(all, "messages"), number_of(all, "message_bytes"), number_of(all, "queues"),
           number_of(all, "exchanges"), number_of(all, "bindings"));
    printf("files        %" PRIu64 " bytes; %" PRIu64 " spare segments\n", v->file_bytes,
           v->spares);
    print_segments(v->segments);
    if (json_array_size(v->problems) > 0)
        (void)putchar('\n');
    json_array_foreach(v->problems, i, problem) print_problem(problem);
    printf("\n%s\n", status_of(v));
    json_decref(all);
    return output_end(exit_status(v));
}
