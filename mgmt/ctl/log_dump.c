/* SPDX-License-Identifier: Apache-2.0
 *
 * log_dump: the command `log dump`: the records of a log, one a line. It needs less of a log than
 * recovery does: what cannot be read is named in its place, and what stands behind it follows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/amqp_json.h"
#include "mgmt/ctl/command.h"
#include "mgmt/ctl/log_record.h"
#include "mgmt/ctl/log_segment.h"
#include "mgmt/ctl/log_survey.h"
#include "mgmt/ctl/output.h"

struct dump {
    struct log_dir dir;
    struct log_survey survey;
    enum output_format format;
    uint64_t from_lsn, limit;
    uint8_t type;      /* 0: all */
    const char *queue; /* a name or number, or NULL: all */
    bool bodies;
    uint64_t printed;
    uint64_t gaps;  /* places that could not be read */
    uint32_t epoch; /* of the last record */
    bool unread;    /* a file could not be opened or read */
};

/* --- the command line ----------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* A position: a number, or "segment:offset". */
static bool read_lsn(const char *text, uint64_t *lsn)
{
    char segment[24];
    uint64_t offset;
    const char *colon = strchr(text, ':');
    if (colon == NULL)
        return read_number(text, lsn);
    int size = (int)(colon - text);
    if (size >= (int)sizeof segment)
        return false;
    (void)snprintf(segment, sizeof segment, "%.*s", size, text);
    if (!read_number(segment, lsn) || !read_number(colon + 1, &offset) || offset >= SEGMENT_BYTES ||
        *lsn > UINT64_MAX >> SEGMENT_SHIFT)
        return false;
    *lsn = (*lsn << SEGMENT_SHIFT) + offset;
    return true;
}

static int read_options(struct dump *dump, const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    const char *from = argument_of(arguments, "--from"), *type = argument_of(arguments, "--type");
    const char *limit = argument_of(arguments, "--limit");
    int status = output_read_format(arguments, &dump->format);
    if (status != 0)
        return status;
    if (from != NULL && !read_lsn(from, &dump->from_lsn))
        return usage_error(command,
                           "--from: expected a position, as a number or as segment:offset, got "
                           "'%s'",
                           from);
    dump->limit = UINT64_MAX;
    if (limit != NULL && !read_number(limit, &dump->limit))
        return usage_error(command, "--limit: expected a number, got '%s'", limit);
    if (type != NULL && (dump->type = log_record_type(type)) == 0)
        return usage_error(command, "--type: expected one of %s, got '%s'", log_record_type_names(),
                           type);
    dump->queue = argument_of(arguments, "--queue");
    dump->bodies = argument_of(arguments, "--bodies") != NULL;
    return 0;
}

/* --- which records -------------------------------------------------------------------------- */

static bool is_queue(const struct dump *dump, uint64_t id)
{
    uint64_t number;
    const struct queue_name *name = queue_names_find(&dump->survey.names, id);
    return (read_number(dump->queue, &number) && number == id) ||
           (name != NULL && slice_equal(name->name, slice_from_string(dump->queue)));
}

/* Is RECORD about the queue that was asked for? */
static bool concerns(const struct dump *dump, const struct record *record)
{
    struct fact fact;
    if (!log_record_fact(record, &fact))
        return false;
    for (uint32_t i = 0; i < fact.target_count; i++) {
        uint64_t queue, position;
        fact_target(&fact, i, &queue, &position);
        if (is_queue(dump, queue))
            return true;
    }
    return fact.queue != 0 && is_queue(dump, fact.queue);
}

static bool is_wanted(const struct dump *dump, const struct record *record)
{
    return record->lsn >= dump->from_lsn && (dump->type == 0 || record->type == dump->type) &&
           (dump->queue == NULL || concerns(dump, record));
}

/* --- printing ------------------------------------------------------------------------------- */

static void print(const struct dump *dump, json_t *object)
{
    if (dump->format == OUTPUT_JSON) {
        output_json_line(object);
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " %s %s", json_integer_value(json_object_get(object, "lsn")),
           json_string_value(json_object_get(object, "at")),
           json_string_value(json_object_get(object, "type")));
    json_object_del(object, "lsn");
    json_object_del(object, "at");
    json_object_del(object, "type");
    output_fields(object);
    (void)putchar('\n');
    json_decref(object);
}

/* BYTES at LSN cannot be read (0: it is not known how many). */
static void print_gap(struct dump *dump, uint64_t lsn, uint64_t bytes, const char *reason)
{
    dump->gaps++;
    json_t *object = json_object();
    json_object_set_new(object, "lsn", amqp_json_number(lsn));
    json_object_set_new(object, "at", log_record_place(lsn));
    json_object_set_new(object, "type", json_string("damaged"));
    if (bytes > 0)
        json_object_set_new(object, "bytes", amqp_json_number(bytes));
    json_object_set_new(object, "reason", json_string(reason));
    print(dump, object);
}

/* --- reading -------------------------------------------------------------------------------- */

/* Where the log ends: nothing behind it is of the log, but leftovers of a write that was cut off.
 */
static uint64_t end_lsn(const struct dump *dump)
{
    return log_survey_is_whole(&dump->survey) ? dump->survey.scan.end_lsn : UINT64_MAX;
}

/* Does a later segment hold records? Then a segment without an END is damaged. */
static bool goes_on(struct dump *dump, uint64_t number)
{
    for (size_t i = 0; i < dump->dir.count; i++) {
        const struct log_file *file = &dump->dir.files[i];
        if (file->kind == LOG_FILE_SEGMENT && file->segment > number &&
            log_segment_is_used(&dump->dir.io, file->segment))
            return true;
    }
    return false;
}

static void dump_records(struct dump *dump, const struct log_segment *segment)
{
    struct record record;
    uint64_t gap_bytes;
    struct log_walk walk = log_walk_begin(segment, end_lsn(dump), dump->epoch);
    for (enum log_step step = LOG_STEP_RECORD;
         step != LOG_STEP_OVER && dump->printed < dump->limit;) {
        step = log_walk_next(&walk, &record, &gap_bytes);
        if (step == LOG_STEP_GAP && walk.lsn > dump->from_lsn)
            print_gap(dump, walk.lsn - gap_bytes, gap_bytes, "no valid record");
        if (step != LOG_STEP_RECORD)
            continue;
        queue_names_note(&dump->survey.names, &record);
        if (is_wanted(dump, &record)) {
            print(dump, log_record_json(&record, &dump->survey.names, dump->bodies));
            dump->printed++;
        }
    }
    dump->epoch = walk.epoch;
    if (!walk.ended && dump->printed < dump->limit && walk.lsn < end_lsn(dump) &&
        goes_on(dump, segment->number))
        print_gap(dump, walk.lsn, 0, "no valid record up to the segment's end");
}

static void dump_segment(struct dump *dump, struct log_segment *segment, uint64_t number)
{
    struct log_fault fault;
    log_segment_load(segment, &dump->dir.io, number, NULL, &fault);
    if (fault.status != 0 && number < log_survey_first_segment(&dump->survey) &&
        log_dir_in_use(&dump->dir))
        return; /* the broker has used the file for something else since */
    if (fault.status == -EBADMSG) {
        print_gap(dump, (number << SEGMENT_SHIFT) + fault.offset, 0, fault.what);
    } else if (fault.status < 0) {
        fprintf(stderr, "stoatmqctl: segment %" PRIu64 ": %s\n", number, fault.what);
        dump->unread = true;
    }
    dump_records(dump, segment);
}

static void dump_log(struct dump *dump)
{
    struct log_segment segment = {0};
    for (size_t i = 0; i < dump->dir.count && dump->printed < dump->limit; i++) {
        const struct log_file *file = &dump->dir.files[i];
        if (file->kind == LOG_FILE_SEGMENT && file->segment >= lsn_segment(dump->from_lsn) &&
            file->segment <= lsn_segment(end_lsn(dump)))
            dump_segment(dump, &segment, file->segment);
    }
    log_segment_fini(&segment);
}

/* --- the command ---------------------------------------------------------------------------- */

/* What is wrong with the log as a whole goes to standard error. */
static int conclude(const struct dump *dump)
{
    const struct log_survey *survey = &dump->survey;
    if (survey->checkpoint_status < 0 && survey->checkpoint_status != -ENOENT)
        fprintf(stderr, "stoatmqctl: the checkpoint cannot be used: %s\n",
                survey->checkpoint_status == -EBADMSG ? "it is damaged"
                : survey->checkpoint_status == -EPROTONOSUPPORT
                    ? "a newer version wrote it"
                    : strerror(-survey->checkpoint_status));
    if (survey->log_status < 0)
        fprintf(stderr, "stoatmqctl: %s\n", survey->scan.error);
    if (dump->unread)
        return EXIT_UNREAD;
    return dump->gaps == 0 && log_survey_is_whole(survey) ? EXIT_SOUND : EXIT_DAMAGED;
}

static int run(const struct arguments *arguments)
{
    struct dump dump = {0};
    int result = read_options(&dump, arguments);
    if (result != 0)
        return result;
    int status = log_dir_open(&dump.dir, arguments->operands[0]);
    if (status < 0 || !log_dir_has_log(&dump.dir)) {
        fprintf(stderr, "stoatmqctl: %s: %s\n", arguments->operands[0],
                status < 0 ? strerror(-status) : "there is no log in it");
        result = EXIT_UNREAD;
    } else {
        log_survey_run(&dump.survey, &dump.dir);
        dump_log(&dump);
        result = output_end(conclude(&dump));
        log_survey_fini(&dump.survey);
    }
    log_dir_close(&dump.dir);
    return result;
}

static const struct option options[] = {
    OUTPUT_OPTION,
    {.name = "--from",
     .argument = "LSN",
     .help = "begin with the record there, or the next; a number, or segment:offset"},
    {.name = "--type", .argument = "NAME", .help = "only records of that type"},
    {.name = "--queue",
     .argument = "QUEUE",
     .help = "only what is about the queue of that name or number"},
    {.name = "--limit", .argument = "N", .help = "at most so many records"},
    {.name = "--bodies", .help = "with properties and bodies, which are secrets maybe"},
    {0},
};

const struct command command_log_dump = {
    .name = "log dump",
    .operands = "DIR",
    .summary = "print the records of a log",
    .details =
        "Prints the records in the data directory DIR in their order, a line each: position, "
        "type,\nepoch, and what the record says. It only reads, also while a broker uses the "
        "directory.",
    .options = options,
    .run = run,
};
