/* SPDX-License-Identifier: Apache-2.0
 *
 * log_verify: the command `log verify`: reads all that recovery and the broker rely on.
 */
#include "mgmt/ctl/log_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "mgmt/ctl/command.h"
#include "mgmt/ctl/output.h"

/* --- the checkpoint and the log ------------------------------------------------------------- */

/* The log's last segment: where it ends, or else the last that has records, or is missing. */
static uint64_t find_last_segment(struct verify *v)
{
    uint64_t last = v->survey.scan.missing_segment;
    if (log_survey_is_whole(&v->survey))
        return lsn_segment(v->survey.scan.end_lsn);
    for (size_t i = 0; i < v->dir.count; i++)
        if (v->dir.files[i].kind == LOG_FILE_SEGMENT && v->dir.files[i].segment > last &&
            log_segment_is_used(&v->dir.io, v->dir.files[i].segment))
            last = v->dir.files[i].segment;
    return last;
}

/* Are all segments there, from the first that ever was? Then no checkpoint is needed. */
static bool has_all_segments(const struct verify *v)
{
    for (uint64_t number = 1; number <= v->last_segment; number++)
        if (!log_dir_has(&v->dir, LOG_FILE_SEGMENT, number))
            return false;
    return v->last_segment > 0;
}

static void check_checkpoint(struct verify *v)
{
    int status = v->survey.checkpoint_status;
    if (status == 0 || status == -ENOENT)
        return;
    if (status == -EBADMSG)
        verify_report(v, FINDING_DAMAGE, CHECKPOINT_NAME, -1,
                      has_all_segments(v)
                          ? "the broker does not start with it: restore it from a copy or a "
                            "mirror; or move it away, since all segments are there, and the log "
                            "is read from its begin"
                          : "the broker does not start with it: restore it from a copy or a mirror",
                      "the checkpoint is damaged");
    else if (status == -EPROTONOSUPPORT)
        verify_report(v, FINDING_UNREAD, CHECKPOINT_NAME, -1,
                      "use the stoatmqctl of the version that wrote it",
                      "a newer version wrote the checkpoint; this program reads up to version %u",
                      LOG_FORMAT_VERSION);
    else
        verify_report(v, status == -EIO ? FINDING_DAMAGE : FINDING_UNREAD, CHECKPOINT_NAME, -1,
                      "see to the disk and to the file's permissions",
                      "the checkpoint cannot be read: %s", strerror(-status));
}

/* What recovery says when it refuses the log, in case that nothing else was found. */
static void check_log(struct verify *v)
{
    int status = v->survey.log_status;
    if (status == 0 || v->counts[FINDING_DAMAGE] + v->counts[FINDING_UNREAD] > 0)
        return;
    verify_report(v, status == -EBADMSG ? FINDING_DAMAGE : FINDING_UNREAD, "the log", -1,
                  "the broker does not start with it", "%s", v->survey.scan.error);
}

/* --- segments ------------------------------------------------------------------------------- */

static bool checkpoint_is_lost(const struct verify *v)
{
    return v->survey.checkpoint_status != 0 && v->survey.checkpoint_status != -ENOENT;
}

static enum segment_state state_of(const struct verify *v, uint64_t number)
{
    if (number > v->last_segment)
        return SEGMENT_PREPARED;
    if (checkpoint_is_lost(v))
        return SEGMENT_UNKNOWN;
    if (number >= log_survey_first_segment(&v->survey))
        return SEGMENT_LOG;
    return inventory_needs(&v->survey.inventory, number) ? SEGMENT_NEEDED : SEGMENT_UNNEEDED;
}

/* The last segment that must be there: of an empty log none; but a checkpoint is made only once
 * something stands behind it. */
static uint64_t last_required(const struct verify *v)
{
    uint64_t first = log_survey_first_segment(&v->survey), last = v->last_segment;
    if (log_survey_is_whole(&v->survey) && v->survey.scan.end_lsn == segment_first_lsn(1))
        last = 0;
    return v->survey.checkpoint.lsn != 0 && last < first ? first : last;
}

/* Segments that must be there and are not: before the checkpoint those in which messages live, and
 * all from there on. */
static void check_missing(struct verify *v)
{
    const struct inventory *inventory = &v->survey.inventory;
    uint64_t first = log_survey_first_segment(&v->survey), last = last_required(v);
    for (size_t i = 0; i < inventory->segment_count; i++) {
        uint64_t number = inventory->segments[i]->number;
        if (number < first && inventory_needs(inventory, number) &&
            !log_dir_has(&v->dir, LOG_FILE_SEGMENT, number))
            verify_segment(v, number, SEGMENT_NEEDED);
    }
    for (uint64_t number = first; !checkpoint_is_lost(v) && number <= last; number++)
        if (!log_dir_has(&v->dir, LOG_FILE_SEGMENT, number))
            verify_segment(v, number, SEGMENT_LOG);
}

static void check_segments(struct verify *v)
{
    for (size_t i = 0; i < v->dir.count; i++)
        if (v->dir.files[i].kind == LOG_FILE_SEGMENT)
            verify_segment(v, v->dir.files[i].segment, state_of(v, v->dir.files[i].segment));
    check_missing(v);
}

/* --- other files ---------------------------------------------------------------------------- */

/* How large the file is, or -1. */
static int64_t file_bytes(struct log_dir *dir, const char *name)
{
    int file = dir->io.open(&dir->io, name, IO_READ);
    if (file < 0)
        return -1;
    int64_t size = dir->io.size(&dir->io, file);
    (void)dir->io.close(&dir->io, file);
    return size;
}

static void check_file(struct verify *v, const struct log_file *file)
{
    static const char nothing[] = "nothing: the broker does away with it";
    int64_t bytes = file->kind == LOG_FILE_OTHER ? 0 : file_bytes(&v->dir, file->name);
    v->file_bytes += bytes > 0 ? (uint64_t)bytes : 0;
    switch (file->kind) {
    case LOG_FILE_SPARE:
        v->spares++;
        if (bytes >= 0 && bytes != SEGMENT_BYTES && !v->is_locked)
            verify_report(v, FINDING_NOTE, file->name, -1, nothing,
                          "a spare segment of %" PRId64 " bytes instead of %u", bytes,
                          SEGMENT_BYTES);
        break;
    case LOG_FILE_TEMPORARY:
        if (!v->is_locked)
            verify_report(v, FINDING_NOTE, file->name, -1, nothing,
                          "left over from something that was cut short");
        break;
    case LOG_FILE_INDEX:
        if (!log_dir_has(&v->dir, LOG_FILE_SEGMENT, file->segment))
            verify_report(v, FINDING_NOTE, file->name, -1, "it may be removed",
                          "an index without its segment");
        break;
    case LOG_FILE_OTHER:
        verify_report(v, FINDING_NOTE, file->name, -1, "nothing, as far as the log goes",
                      "not a file of the log");
        break;
    case LOG_FILE_SEGMENT:
    case LOG_FILE_OWN:
        break;
    }
}

/* --- the command ---------------------------------------------------------------------------- */

static void verify_all(struct verify *v)
{
    enum log_dir_use use = log_dir_use(&v->dir, &v->pid);
    v->is_locked = use == LOG_DIR_IN_USE;
    v->lock_known = use != LOG_DIR_USE_UNKNOWN;
    v->problems = json_array();
    v->segments = json_array();
    log_survey_run(&v->survey, &v->dir);
    v->last_segment = find_last_segment(v);
    segment_reader_init(&v->reader, &v->dir.io);
    check_checkpoint(v);
    check_segments(v);
    check_log(v);
    for (size_t i = 0; i < v->dir.count; i++)
        check_file(v, &v->dir.files[i]);
}

static int run(const struct arguments *arguments)
{
    struct verify v = {0};
    enum output_format format;
    const char *path = arguments->operands[0];
    int result = output_read_format(arguments, &format);
    if (result != 0)
        return result;
    int status = log_dir_open(&v.dir, path);
    if (status < 0 || !log_dir_has_log(&v.dir)) {
        result = verify_print_unread(path, format == OUTPUT_JSON,
                                     status < 0 ? strerror(-status) : "there is no log in it");
    } else {
        verify_all(&v);
        result = format == OUTPUT_JSON ? verify_print_json(&v) : verify_print_text(&v);
        json_decref(v.problems);
        json_decref(v.segments);
        segment_reader_fini(&v.reader);
        log_segment_fini(&v.segment);
        log_survey_fini(&v.survey);
    }
    log_dir_close(&v.dir);
    return result;
}

static const struct option options[] = {OUTPUT_OPTION, {0}};

const struct command command_log_verify = {
    .name = "log verify",
    .operands = "DIR",
    .summary = "check a log",
    .details =
        "Reads everything in the data directory DIR that a broker relies on when it starts "
        "and when it\nreads messages back: the checkpoint, records with their checksums, "
        "indexes, and each message\nthat waits. It only reads, also while a broker uses the "
        "directory.\n\nExit status: 0 the log is sound, 1 it is damaged, 64 the command line "
        "is wrong, 3 there is no log,\nor it cannot be read.",
    .options = options,
    .run = run,
};
