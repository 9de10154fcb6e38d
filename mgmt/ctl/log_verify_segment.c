/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A segment is read record by record, and an index of what was found is made. Then
 * each message that lives is read as the broker would read it, where that index says; the index in
 * the file beside the segment must say the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "exchange/message.h"
#include "mgmt/amqp_json.h"
#include "mgmt/ctl/log_record.h"
#include "mgmt/ctl/log_verify.h"
#include "mgmt/ctl/output.h"
#include "persist/inventory_runs.h"
#include "server/base/mem.h"

#define AHEAD_BYTES (1u << 20)

enum index_state { INDEX_NONE, INDEX_GOOD, INDEX_MISSING, INDEX_DAMAGED };

/* A message that lives. */
struct place {
    uint64_t queue, position;
    uint32_t offset;
    bool lost;
};

struct check {
    struct verify *v;
    uint64_t number;
    enum segment_state state;
    char name[SEGMENT_NAME_BYTES], index_name[SEGMENT_NAME_BYTES];
    struct index_builder builder;
    struct segment_index index; /* as it should be */
    struct segment_index file;  /* as it is in the file */
    enum index_state index_state;
    struct place *places;
    uint32_t place_count, lost;
    uint64_t records;
    struct {
        uint32_t offset, bytes; /* 0: up to the segment's end */
    } * gaps;
    size_t gap_count, gap_capacity;
};

/* --- records -------------------------------------------------------------------------------- */

static void add_gap(struct check *check, uint64_t lsn, uint64_t bytes)
{
    if (check->gap_count == check->gap_capacity) {
        check->gap_capacity = check->gap_capacity == 0 ? 4 : check->gap_capacity * 2;
        check->gaps = mem_realloc(check->gaps, check->gap_capacity * sizeof *check->gaps);
    }
    check->gaps[check->gap_count].offset = lsn_offset(lsn);
    check->gaps[check->gap_count++].bytes = (uint32_t)bytes;
}

static void see_record(struct check *check, const struct record *record)
{
    struct fact fact;
    uint64_t queue, position;
    check->records++;
    if (record->type < RECORD_FACT)
        return;
    if (!log_record_fact(record, &fact)) {
        verify_report(
            check->v, FINDING_DAMAGE, check->name, lsn_offset(record->lsn),
            "restore the file from a copy or a mirror; was it written by another version?",
            "a record of type %u makes no sense", record->type);
        return;
    }
    for (uint32_t i = 0; log_record_is_message(&fact) && i < fact.target_count; i++) {
        fact_target(&fact, i, &queue, &position);
        index_builder_add(&check->builder, queue, position, lsn_offset(record->lsn));
    }
}

/* The log's last segment need not be full. */
static bool must_end(const struct check *check)
{
    return check->state == SEGMENT_NEEDED || check->number < check->v->last_segment;
}

static void read_records(struct check *check)
{
    struct verify *v = check->v;
    bool known = check->state == SEGMENT_LOG && log_survey_is_whole(&v->survey);
    uint64_t limit = known ? v->survey.scan.end_lsn : UINT64_MAX, gap_bytes;
    struct log_walk walk = log_walk_begin(&v->segment, limit,
                                          check->state == SEGMENT_NEEDED ? 0 : v->epoch);
    struct record record;
    index_builder_begin(&check->builder, check->number);
    for (enum log_step step; (step = log_walk_next(&walk, &record, &gap_bytes)) != LOG_STEP_OVER;)
        if (step == LOG_STEP_RECORD)
            see_record(check, &record);
        else
            add_gap(check, walk.lsn - gap_bytes, gap_bytes);
    if (!walk.ended && must_end(check))
        add_gap(check, walk.lsn, 0);
    v->epoch = walk.epoch;
    v->records += check->records;
    segment_index_build(&check->index, &check->builder);
}

/* --- the index ------------------------------------------------------------------------------ */

static void read_index(struct check *check)
{
    if (!must_end(check))
        return; /* it is made when the segment is full */
    int status = segment_index_read(&check->file, &check->v->dir.io, check->number);
    check->index_state = status == 0         ? INDEX_GOOD
                         : status == -ENOENT ? INDEX_MISSING
                                             : INDEX_DAMAGED;
    if (check->index_state == INDEX_DAMAGED)
        verify_report(check->v, FINDING_NOTE, check->index_name, -1,
                      "nothing: the broker makes it again", "the index cannot be used: %s",
                      status == -EBADMSG ? "it is damaged" : strerror(-status));
    else if (check->index_state == INDEX_MISSING)
        verify_report(check->v, FINDING_NOTE, check->index_name, -1,
                      "nothing: the broker makes it when it needs it", "there is no index");
}

/* --- messages that live --------------------------------------------------------------------- */

static void list_places(struct check *check, struct inventory_segment *segment)
{
    check->places = mem_alloc((segment->live + 1u) * sizeof *check->places);
    list_for_each (node, &segment->runs) {
        struct inventory_run *run = LIST_ENTRY(node, struct inventory_run, by_segment);
        struct inventory_place place;
        uint64_t position = run->base, end = run->base + run->span, queue = run->queue->id;
        while (position < end && run_next(run, position, &place)) {
            position = place.position + 1;
            check->places[check->place_count++] = (struct place){
                .queue = queue,
                .position = place.position,
                .offset = segment_index_find(&check->index, queue, place.position)};
        }
    }
}

static int by_offset(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int by_queue(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->queue != b->queue)
        return a->queue < b->queue ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

/* Can the message be read, as the broker would? */
static bool can_be_read(struct check *check, const struct place *place)
{
    struct message *message;
    uint64_t lsn = (check->number << SEGMENT_SHIFT) + place->offset;
    if (segment_reader_message(&check->v->reader, lsn, AHEAD_BYTES, place->queue, place->position,
                               &message) < 0)
        return false;
    message_unref(message);
    return true;
}

static void read_messages(struct check *check)
{
    uint64_t astray = 0;
    uint32_t first = 0;
    /* The broker cannot make an index of a segment that is damaged. */
    bool reachable = check->gap_count == 0 || check->index_state == INDEX_GOOD ||
                     check->state != SEGMENT_NEEDED;
    qsort(check->places, check->place_count, sizeof *check->places, by_offset);
    for (uint32_t i = 0; i < check->place_count; i++) {
        struct place *place = &check->places[i];
        place->lost = place->offset == 0 || !reachable || !can_be_read(check, place);
        check->lost += place->lost;
        if (place->offset == 0 || check->index_state != INDEX_GOOD ||
            segment_index_find(&check->file, place->queue, place->position) == place->offset)
            continue;
        first = astray++ == 0 ? place->offset : first;
    }
    if (astray > 0)
        verify_report(check->v, FINDING_DAMAGE, check->index_name, -1,
                      "remove the file while no broker runs: it is made again",
                      "the index is not that of its segment: it has %" PRIu64
                      " messages elsewhere, the first is at offset %" PRIu32,
                      astray, first);
}

static void report_lost(struct check *check)
{
    qsort(check->places, check->place_count, sizeof *check->places, by_queue);
    for (uint32_t i = 0, next; i < check->place_count; i = next) {
        const struct place *first = NULL;
        uint32_t lost = 0;
        for (next = i;
             next < check->place_count && check->places[next].queue == check->places[i].queue;
             next++) {
            if (check->places[next].lost && lost++ == 0)
                first = &check->places[next];
        }
        if (lost == 0)
            continue;
        const struct queue_name *name = queue_names_find(&check->v->survey.names, first->queue);
        json_t *problem = verify_report(
            check->v, FINDING_DAMAGE, check->name, first->offset != 0 ? (int64_t)first->offset : -1,
            "restore the file from a copy or a mirror",
            "%" PRIu32 " messages of queue %" PRIu64
            " that live cannot be read, the first has position %" PRIu64,
            lost, first->queue, first->position);
        if (name != NULL) {
            json_object_set_new(problem, "queue_name", amqp_json_string(name->name));
            json_object_set_new(problem, "vhost", amqp_json_string(name->vhost));
        }
    }
}

/* --- a segment ------------------------------------------------------------------------------ */

static void report_gaps(struct check *check)
{
    const char *advice = "no message that lives is hit; restore the file from a copy if there is "
                         "one";
    if (check->state == SEGMENT_LOG)
        advice = "the broker does not start with it: restore the file from a copy or a mirror";
    else if (check->lost > 0 || check->state == SEGMENT_UNKNOWN)
        advice = "restore the file from a copy or a mirror";
    for (size_t i = 0; i < check->gap_count; i++) {
        if (check->gaps[i].bytes > 0)
            verify_report(check->v, FINDING_DAMAGE, check->name, check->gaps[i].offset, advice,
                          "no valid record is there; %" PRIu32 " bytes are damaged",
                          check->gaps[i].bytes);
        else
            verify_report(check->v, FINDING_DAMAGE, check->name, check->gaps[i].offset, advice,
                          "no valid record is there, nor in what follows in the segment");
    }
}

static void report_fault(struct check *check, const struct log_fault *fault)
{
    if (fault->status == -EBADMSG)
        verify_report(check->v, FINDING_DAMAGE, check->name, fault->offset,
                      "restore the file from a copy or a mirror", "%s", fault->what);
    else if (fault->status == -EPROTONOSUPPORT)
        verify_report(check->v, FINDING_UNREAD, check->name, fault->offset,
                      "use the stoatmqctl of the version that wrote it", "%s", fault->what);
    else if (fault->status < 0)
        verify_report(check->v, FINDING_UNREAD, check->name, -1,
                      "run this as the user whose files these are", "%s", fault->what);
}

/* While we were looking, a running broker has found that it does not need the segment any more. */
static bool was_given_away(struct check *check)
{
    if (check->number >= log_survey_first_segment(&check->v->survey) ||
        !log_dir_in_use(&check->v->dir))
        return false;
    struct checkpoint checkpoint;
    struct inventory inventory;
    inventory_init(&inventory);
    bool given_away = checkpoint_read(&checkpoint, &inventory, &check->v->dir.io) == 0 &&
                      checkpoint.lsn > check->v->survey.checkpoint.lsn &&
                      !inventory_needs(&inventory, check->number);
    inventory_fini(&inventory);
    return given_away;
}

static void note_segment(struct check *check, const struct inventory_segment *lives)
{
    static const char *const states[] = {[SEGMENT_LOG] = "log",
                                         [SEGMENT_NEEDED] = "needed",
                                         [SEGMENT_UNNEEDED] = "unneeded",
                                         [SEGMENT_PREPARED] = "prepared",
                                         [SEGMENT_UNKNOWN] = "unknown"};
    static const char *const indexes[] = {[INDEX_NONE] = "none",
                                          [INDEX_GOOD] = "good",
                                          [INDEX_MISSING] = "missing",
                                          [INDEX_DAMAGED] = "damaged"};
    json_t *row = json_object();
    uint32_t stored = lives != NULL ? lives->stored : 0, live = lives != NULL ? lives->live : 0;
    json_object_set_new(row, "segment", amqp_json_number(check->number));
    json_object_set_new(row, "file", json_string(check->name));
    json_object_set_new(row, "state", json_string(states[check->state]));
    json_object_set_new(row, "records", amqp_json_number(check->records));
    json_object_set_new(row, "messages_stored", amqp_json_number(stored));
    json_object_set_new(row, "messages_live", amqp_json_number(live));
    json_object_set_new(row, "live_share",
                        stored > 0 ? json_real((double)live / stored) : json_null());
    json_object_set_new(row, "index", json_string(indexes[check->index_state]));
    json_array_append_new(check->v->segments, row);
}

static void check_contents(struct check *check, struct inventory_segment *lives)
{
    if (check->v->segment.size > 0) {
        read_records(check);
        read_index(check);
    }
    if (lives != NULL) {
        list_places(check, lives);
        read_messages(check);
    }
    report_gaps(check);
    if (check->lost > 0)
        report_lost(check);
}

void verify_segment(struct verify *v, uint64_t number, enum segment_state state)
{
    struct check check = {.v = v, .number = number, .state = state};
    struct inventory_segment *lives = inventory_segment(&v->survey.inventory, number);
    struct log_fault fault = {0};
    size_t mark = json_array_size(v->problems);
    segment_name(number, check.name);
    segment_index_name(number, check.index_name);
    if (state != SEGMENT_UNNEEDED) {
        const uint8_t *node_id = v->survey.checkpoint.lsn != 0 ? v->survey.checkpoint.node_id
                                                               : NULL;
        log_segment_load(&v->segment, &v->dir.io, number, node_id, &fault);
        report_fault(&check, &fault);
    }
    bool is_unread = fault.status < 0 && fault.status != -EBADMSG;
    if (!is_unread && state != SEGMENT_UNNEEDED && state != SEGMENT_PREPARED)
        check_contents(&check, lives);
    if (json_array_size(v->problems) > mark && was_given_away(&check)) {
        verify_forget(v, mark);
        check.state = SEGMENT_UNNEEDED;
    }
    note_segment(&check, lives);
    index_builder_fini(&check.builder);
    segment_index_fini(&check.index);
    segment_index_fini(&check.file);
    mem_free(check.places);
    mem_free(check.gaps);
}
