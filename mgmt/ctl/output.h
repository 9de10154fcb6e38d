/* SPDX-License-Identifier: Apache-2.0
 *
 * output: what the commands print, on standard output: JSON, or lines for people that are made of
 * the same JSON. What came from peers is escaped in both, so that it neither forges a line nor
 * talks to the terminal.
 */
#ifndef STOATMQ_MGMT_CTL_OUTPUT_H
#define STOATMQ_MGMT_CTL_OUTPUT_H

#include <jansson.h>

#include "mgmt/ctl/command.h"
#include "server/base/slice.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };

/* The option of that name, and its value: 0, or EXIT_USAGE, which has been said then. */
#define OUTPUT_OPTION                                              \
    {                                                              \
        .name = "--format", .argument = "text|json",               \
        .help = "text for people (the default), JSON for programs" \
    }
int output_read_format(const struct arguments *arguments, enum output_format *format)
    __attribute__((warn_unused_result));

/* Prints VALUE as JSON, on a line or on several, and gives it up. */
void output_json_line(json_t *value);
void output_json(json_t *value);

/* Prints " key=value" for each member of OBJECT: strings in quotes, what is nested as JSON. */
void output_fields(const json_t *object);

/* Prints TEXT in quotes, escaped as in JSON, but with letters of other alphabets as they are. */
void output_quoted(const char *text, size_t size);

/* Prints TEXT in the same way without quotes. For names of files. */
void output_plain(const char *text);

/* All is printed: STATUS; or EXIT_UNREAD when it could not be written, which is said on standard
 * error. */
int output_end(int status);

#endif
