/* SPDX-License-Identifier: Apache-2.0
 *
 * options: the command line. Flags are short names for settings and win over the environment, and
 * that over the file that --config, or else STOATMQ_CONFIG_FILE, names. Owns nothing; one thread,
 * at start and when settings are read anew.
 */
#ifndef STOATMQ_SERVER_OPTIONS_H
#define STOATMQ_SERVER_OPTIONS_H

#include <stdio.h>

#include "server/settings.h"

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_PRINT_SAMPLE };

/* Initialises OUT, reads the file, the environment and the flags into it and finishes it
 * (settings_finish). What to do then goes to ACTION; for anything but OPTIONS_RUN, OUT holds the
 * defaults. Appends to NOTES, unless it is NULL, a line for each key that is ignored. Returns 0, or
 * -1 with a text that names the flag in ERROR. */
int options_parse(int argc, char **argv, struct settings *out, enum options_action *action,
                  struct buf *notes, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* What --help shows: the flags, then all settings. */
void options_print_help(FILE *to);

#endif
