/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what one of stoatmqctl's commands is made of. A command is a row: its words, what it
 * takes, its help, and a function that does it. main.c finds the row, reads the command line by it
 * and prints its help; to add a command is to write the row and to name it in main.c.
 */
#ifndef STOATMQ_MGMT_CTL_COMMAND_H
#define STOATMQ_MGMT_CTL_COMMAND_H

#include <stdbool.h>

/* How the program ends. */
enum exit_status {
    EXIT_SOUND = 0,
    EXIT_DAMAGED = 1, /* what was looked at is not as it should be */
    EXIT_USAGE = 2,   /* the command line is wrong */
    EXIT_UNREAD = 3,  /* it could not be looked at */
};

enum { OPTIONS_MAX = 16, OPERANDS_MAX = 4 };

struct option {
    const char *name;     /* "--limit"; NULL ends a list */
    const char *argument; /* "N"; NULL: takes none */
    const char *help;
};

struct arguments;

struct command {
    const char *name;             /* its words: "log verify" */
    const char *operands;         /* "DIR", as the help shows them; each is a word, and must be
                                     given; "" for none */
    const char *summary;          /* a line */
    const char *details;          /* lines, for its own help */
    const struct option *options; /* beside --help; at most OPTIONS_MAX */
    int (*run)(const struct arguments *arguments); /* returns an enum exit_status */
};

/* A command line that fits its command. Strings are those of argv. */
struct arguments {
    const struct command *command;
    const char *operands[OPERANDS_MAX];
    const char *values[OPTIONS_MAX]; /* by the option's place in its list; NULL: not given */
};

/* What was given to the option NAME, one of the command's; "" when it takes nothing; NULL when it
 * was not given. */
const char *argument_of(const struct arguments *arguments, const char *name);

/* Says on standard error what is wrong with the command line, behind the command's name. Returns
 * EXIT_USAGE. */
int usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- the commands --------------------------------------------------------------------------- */

extern const struct command command_log_dump;
extern const struct command command_log_verify;

#endif
