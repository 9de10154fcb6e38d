/* SPDX-License-Identifier: Apache-2.0
 *
 * template: texts of the table of commands with what was given on the command line put in: {1} is
 * the first operand, {--name} an option's value, {vhost} the virtual host; {3!} is the third
 * operand as the JSON that it is; {2?} is a slash and the second operand, or nothing without it.
 */
#ifndef STOATMQ_MGMT_CTL_TEMPLATE_H
#define STOATMQ_MGMT_CTL_TEMPLATE_H

#include "mgmt/ctl/command.h"
#include "server/base/buf.h"

enum template_use {
    TEMPLATE_TEXT, /* as they are */
    TEMPLATE_PATH, /* percent-encoded */
    TEMPLATE_JSON, /* escaped as inside a string */
};

/* Appends TEMPLATE, expanded, to OUT; 0, or, for TEMPLATE_JSON alone, EXIT_DATA, which has been
 * said, when what should be JSON is not. */
int template_expand(const char *template, const struct arguments *arguments, enum template_use use,
                    struct buf *out);

/* Appends TEXT percent-encoded: all but letters, digits and -._~ */
void template_percent(struct buf *out, const char *text);

#endif
