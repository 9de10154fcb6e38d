/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/log_survey.h"

#include <inttypes.h>
#include <stdio.h>

#include "persist/segment_reader.h"

#define ATTEMPTS 8

static int see(void *context, const struct record *record)
{
    struct log_survey *survey = context;
    queue_names_note(&survey->names, record);
    int status = inventory_apply(&survey->inventory, record);
    if (status < 0)
        (void)snprintf(survey->scan.error, SCAN_TEXT_BYTES,
                       "segment %" PRIu64 ", offset %" PRIu32
                       ": a record of type %u makes no sense there",
                       lsn_segment(record->lsn), lsn_offset(record->lsn), record->type);
    return status < 0 ? status : 0;
}

/* A checkpoint may stand in the middle of a segment: recovery needs what is before it there, too.
 */
static int read_before_checkpoint(struct log_survey *survey, struct log_dir *dir)
{
    uint64_t lsn = survey->checkpoint.lsn, at = segment_first_lsn(lsn_segment(lsn));
    struct segment_reader reader;
    if (lsn_offset(lsn) <= SEGMENT_HEADER_BYTES)
        return 0;
    segment_reader_init(&reader, &dir->io);
    int status = segment_reader_collect(&reader, lsn_segment(lsn), lsn, &survey->inventory.index,
                                        &at);
    segment_reader_fini(&reader);
    if (status < 0)
        (void)snprintf(survey->scan.error, SCAN_TEXT_BYTES,
                       "segment %" PRIu64 ", offset %" PRIu32 ", before the checkpoint: %s",
                       lsn_segment(at), lsn_offset(at),
                       status == -EBADMSG ? "a record is damaged" : strerror(-status));
    return status;
}

static void run_once(struct log_survey *survey, struct log_dir *dir)
{
    *survey = (struct log_survey){0};
    inventory_init(&survey->inventory);
    survey->inventory.recovering = true;
    survey->checkpoint_status = checkpoint_read(&survey->checkpoint, &survey->inventory, &dir->io);
    if (survey->checkpoint_status < 0) {
        inventory_fini(&survey->inventory);
        inventory_init(&survey->inventory);
        survey->inventory.recovering = true;
        survey->checkpoint = (struct checkpoint){0};
        if (survey->checkpoint_status != -ENOENT)
            return;
    }
    queue_names_note_all(&survey->names, &survey->inventory);
    survey->log_status = read_before_checkpoint(survey, dir);
    if (survey->log_status < 0)
        return;
    const struct checkpoint *checkpoint = &survey->checkpoint;
    bool has_checkpoint = checkpoint->lsn != 0;
    struct scan_start start = {.lsn = has_checkpoint ? checkpoint->lsn : segment_first_lsn(1),
                               .epoch = checkpoint->epoch,
                               .node_id = has_checkpoint ? checkpoint->node_id : NULL};
    survey->log_status = scan_run(&dir->io, &start, &survey->scan, see, survey);
    inventory_drop_stale(&survey->inventory);
}

void log_survey_run(struct log_survey *survey, struct log_dir *dir)
{
    run_once(survey, dir);
    for (int i = 1; i < ATTEMPTS && !log_survey_is_whole(survey) && log_dir_in_use(dir); i++) {
        log_survey_fini(survey);
        run_once(survey, dir);
    }
    int status = log_dir_list(dir); /* there may be new segments in what was read */
    if (status < 0 && survey->log_status == 0) {
        survey->log_status = status;
        (void)snprintf(survey->scan.error, SCAN_TEXT_BYTES, "the directory cannot be listed: %s",
                       strerror(-status));
    }
}

void log_survey_fini(struct log_survey *survey)
{
    queue_names_fini(&survey->names);
    inventory_fini(&survey->inventory);
}
