/* SPDX-License-Identifier: Apache-2.0
 *
 * command_line: reads argv by the table of commands.
 */
#ifndef STOATMQ_MGMT_CTL_COMMAND_LINE_H
#define STOATMQ_MGMT_CTL_COMMAND_LINE_H

#include "mgmt/ctl/command.h"

/* Reads the common options at the start of ARGV; *AT is behind them then. 0 or EXIT_USAGE. */
int command_line_begin(struct arguments *arguments, int count, char **argv, int *at)
    __attribute__((warn_unused_result));

/* Reads what stands behind the command's name. 0 or EXIT_USAGE, which has been said. */
int command_line_read(struct arguments *arguments, int count, char **argv)
    __attribute__((warn_unused_result));

/* Is NAME among the options of this command line? */
bool command_line_asks_for(const char *name, int count, char **argv);

#endif
