/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what one of stoatmqctl's commands is made of. All commands are rows of commands.def;
 * from it come the dispatch, --help, the man page and the completion of shells. main.c finds the
 * row and reads the command line by it.
 */
#ifndef STOATMQ_MGMT_CTL_COMMAND_H
#define STOATMQ_MGMT_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* How the program ends: from 64 on, as rabbitmqctl does (sysexits.h). */
enum exit_status {
    EXIT_SOUND = 0,
    EXIT_DAMAGED = 1, /* what was looked at is not as it should be */
    EXIT_UNREAD = 3,  /* it could not be looked at */
    EXIT_USAGE = 64,  /* the command line is wrong */
    EXIT_DATA = 65,   /* what it names, or is to take, is wrong */
    EXIT_NO_USER = 67,
    EXIT_UNAVAILABLE = 69, /* the broker cannot be asked, or has refused; a check has failed */
    EXIT_SOFTWARE = 70,    /* it is there already; the answer is not what it should be */
    EXIT_TRY_LATER = 75,   /* it took too long */
    EXIT_NO_PERMISSION = 77,
};

enum { OPTIONS_MAX = 16, OPERANDS_MAX = 64 };

struct option {
    const char *name;     /* "--limit"; NULL ends a list */
    const char *argument; /* "N"; NULL: takes none */
    const char *help;
    const char *initial; /* its value when it is not given; may be NULL */
    char letter;         /* "-p"; 0: it has none */
};

struct arguments;

/* A column of a list: its name, and where its value stands in an object of the API, with dots; or
 * "=TEXT", which is then the value of all. With ! at the start it is shown as JSON, strings too. */
struct column {
    const char *name; /* NULL ends a list */
    const char *path;
};

/* A list: GET of PATH answers an array of objects, or pages of one. */
struct listing {
    const char *path; /* a template */
    const struct column *columns;
    unsigned shown; /* so many of them, when none are asked for */
    bool is_choice; /* operands name the columns */
    bool is_paged;  /* the API knows pages of it */
    bool (*is_wanted)(const void *item, const struct arguments *arguments); /* json_t; NULL: all */
};

/* One request without an answer. Templates: {1} stands for the first operand, {--name} for an
 * option's value, {vhost} for the virtual host; with ! for JSON as it is. */
struct request {
    const char *method, *path, *body; /* body: NULL for none */
    int missing;                      /* exit status when the API answers 404 */
    const char *missing_text;         /* a template, what is said then; NULL: what the API says */
    const char *done;                 /* a template, said at the end; may be NULL */
};

struct command {
    const char *name;             /* its words: "log verify" */
    const char *operands;         /* "USER [TAG...]", as the help shows them */
    const char *summary;          /* a line */
    const char *details;          /* lines, for its own help; may be NULL */
    const char *saying;           /* a template, said at the start; NULL: nothing */
    const struct option *options; /* beside the common ones; at most OPTIONS_MAX */
    int (*run)(const struct arguments *arguments); /* returns an enum exit_status */
    const struct listing *listing;
    const struct request *request;
    const struct command *local; /* set: all but name, operands and summary stands there, and none
                                    of the common options is taken: it does not use the API */
    const char *group;           /* set: the row is only the heading of those that follow */
};

enum output_kind { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON_ROWS };

/* Options that all commands have that talk to the API. */
struct common {
    const char *node, *uri, *user, *password, *config, *ca_file, *vhost;
    enum output_kind output;
    long timeout_s; /* 0: none */
    bool is_quiet, is_silent, has_no_headers;
};

/* A command line that fits its command. Strings are those of argv. */
struct arguments {
    const struct command *command;
    const char *operands[OPERANDS_MAX];
    int operand_count;
    const char *values[OPTIONS_MAX]; /* by the option's place in its list; NULL: not given */
    struct common common;
};

/* What was given to the option NAME, one of the command's; "" when it takes nothing; its initial
 * value when it was not given. */
const char *argument_of(const struct arguments *arguments, const char *name);

/* The operand at INDEX, or NULL. */
const char *operand_of(const struct arguments *arguments, int index);

/* Says on standard error what is wrong with the command line, behind the command's name. Returns
 * EXIT_USAGE. */
int usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says "Error: ..." on standard error; returns STATUS. */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a line for people, unless --quiet or another format was asked for. */
void say(const struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- the table ------------------------------------------------------------------------------ */

extern const struct command commands[];
extern const size_t command_count;
extern const struct option common_options[];

/* The row that COUNT words of ARGV begin with, and how many of them are its name; or NULL. */
const struct command *command_find(int count, char **argv, int *taken);

/* What is really to be run, and its options: of a row of another file, that file's. */
const struct command *command_body(const struct command *row);

/* --- what commands run, by file ------------------------------------------------------------- */

extern const struct command command_log_dump;
extern const struct command command_log_verify;

int run_listing(const struct arguments *arguments);  /* listing.c */
int run_request(const struct arguments *arguments);  /* request.c */
int run_add_user(const struct arguments *arguments); /* users.c */
int run_change_password(const struct arguments *arguments);
int run_clear_password(const struct arguments *arguments);
int run_set_user_tags(const struct arguments *arguments);
int run_authenticate_user(const struct arguments *arguments);
int run_hash_password(const struct arguments *arguments);
int run_add_vhost(const struct arguments *arguments); /* vhosts.c */
int run_set_vhost_tags(const struct arguments *arguments);
int run_trace(const struct arguments *arguments);
int run_set_limits(const struct arguments *arguments); /* limits.c */
int run_clear_limits(const struct arguments *arguments);
int run_list_limits(const struct arguments *arguments);
int run_close_connections(const struct arguments *arguments);  /* connections.c */
int run_export_definitions(const struct arguments *arguments); /* definitions.c */
int run_import_definitions(const struct arguments *arguments);
int run_status(const struct arguments *arguments); /* status.c */
int run_cluster_status(const struct arguments *arguments);
int run_memory_breakdown(const struct arguments *arguments);
int run_server_version(const struct arguments *arguments);
int run_environment(const struct arguments *arguments);
int run_report(const struct arguments *arguments);
int run_set_log_level(const struct arguments *arguments); /* runtime.c */
int run_set_memory_watermark(const struct arguments *arguments);
int run_set_disk_free_limit(const struct arguments *arguments);
int run_log_location(const struct arguments *arguments);
int run_log_tail(const struct arguments *arguments);
int run_log_tail_stream(const struct arguments *arguments);
int run_tls(const struct arguments *arguments);
int run_check_running(const struct arguments *arguments); /* checks.c */
int run_check(const struct arguments *arguments);
int run_check_port_connectivity(const struct arguments *arguments);
int run_listeners(const struct arguments *arguments);
int run_alarms(const struct arguments *arguments);
int run_ping(const struct arguments *arguments);
int run_await_startup(const struct arguments *arguments);
int run_await_online_nodes(const struct arguments *arguments);
int run_wait(const struct arguments *arguments);
int run_stop(const struct arguments *arguments); /* process.c */
int run_reload(const struct arguments *arguments);
int run_generate(const struct arguments *arguments); /* generate.c */
int run_help(const struct arguments *arguments);     /* help.c */
int run_version(const struct arguments *arguments);

#endif
