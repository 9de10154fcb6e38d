/* SPDX-License-Identifier: Apache-2.0
 *
 * reload: settings read anew while the broker runs, from where they came at first. Main thread.
 */
#ifndef STOATMQ_SERVER_RELOAD_H
#define STOATMQ_SERVER_RELOAD_H

#include "server/node.h"

struct reload {
    int argc;
    char **argv;
    struct settings settings; /* as they hold now */
    struct node *node;
    int log_fd; /* of settings.log_file; or -1 */
};

/* Prepares RELOAD for a broker that was started with ARGV and runs with SETTINGS, and opens the log
 * file; 0, or -1 after saying why not on standard error. The node is set by the caller. */
int reload_init(struct reload *reload, int argc, char **argv, const struct settings *settings)
    __attribute__((warn_unused_result));

/* Reads everything anew and has the node go on with it; in any case opens the log file again. With
 * an error in the file, all stays as it is. For node_on_hangup: CONTEXT is the struct reload. */
void reload_now(void *context);

/* Writes NOTES, lines, to the log: keys that were ignored. */
void reload_log_notes(const struct buf *notes);

#endif
