/* SPDX-License-Identifier: Apache-2.0
 *
 * help: what the tool and its commands take, on standard output.
 */
#ifndef STOATMQ_MGMT_CTL_HELP_H
#define STOATMQ_MGMT_CTL_HELP_H

#include <stdio.h>

#include "mgmt/ctl/command.h"

void help_print(void);
void help_print_command(const struct command *row);

/* The commands whose name begins with WORDS, a line each, under their headings. */
void help_list(FILE *to, const char *words);

#endif
