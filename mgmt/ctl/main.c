/* SPDX-License-Identifier: Apache-2.0
 *
 * stoatmqctl: manages a broker through its HTTP API, and looks at its data. A command line is the
 * command's words, then options and operands in any order.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/ctl/command_line.h"
#include "mgmt/ctl/help.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/target.h"
#include "mgmt/ctl/template.h"
#include "server/base/check.h"
#include "server/base/mem.h"

/* --- for the commands ----------------------------------------------------------------------- */

const char *argument_of(const struct arguments *arguments, const char *name)
{
    const struct option *options = command_body(arguments->command)->options;
    for (int i = 0; options[i].name != NULL; i++)
        if (strcmp(options[i].name, name) == 0)
            return arguments->values[i] != NULL ? arguments->values[i] : options[i].initial;
    return NULL;
}

const char *operand_of(const struct arguments *arguments, int index)
{
    return index >= 0 && index < arguments->operand_count ? arguments->operands[index] : NULL;
}

int usage_error(const struct command *command, const char *format, ...)
{
    const char *name = command != NULL ? command->name : "", *space = command != NULL ? " " : "";
    va_list values;
    va_start(values, format);
    fprintf(stderr, "stoatmqctl%s%s: ", space, name);
    vfprintf(stderr, format, values);
    fprintf(stderr, "; see stoatmqctl%s%s --help\n", space, name);
    va_end(values);
    return EXIT_USAGE;
}

int fail(int status, const char *format, ...)
{
    va_list values;
    (void)fflush(stdout);
    va_start(values, format);
    fprintf(stderr, "Error:\n");
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return status;
}

void say(const struct arguments *arguments, const char *format, ...)
{
    const struct common *common = &arguments->common;
    va_list values;
    if (common->is_quiet || common->is_silent || common->output != OUTPUT_TABLE)
        return;
    va_start(values, format);
    vprintf(format, values);
    (void)putchar('\n');
    va_end(values);
}

/* --- finding the command -------------------------------------------------------------------- */

/* How many of the COUNT words of ARGV the NAME is; 0: it is not the command that is meant. */
static int words_taken(const char *name, int count, char **argv)
{
    int taken = 0;
    while (*name != '\0') {
        size_t size = strcspn(name, " ");
        if (taken == count || strlen(argv[taken]) != size || memcmp(argv[taken], name, size) != 0)
            return 0;
        taken++;
        name += size + (name[size] == ' ');
    }
    return taken;
}

const struct command *command_find(int count, char **argv, int *taken)
{
    for (size_t i = 0; i < command_count; i++) {
        *taken = commands[i].name != NULL ? words_taken(commands[i].name, count, argv) : 0;
        if (*taken > 0)
            return &commands[i];
    }
    return NULL;
}

const struct command *command_body(const struct command *row)
{
    return row->local != NULL ? row->local : row;
}

/* The command whose name shares most of its beginning with WRONG; NULL when that is too little. */
static const char *similar_command(const char *wrong)
{
    const char *similar = NULL;
    size_t best = strlen(wrong) / 2;
    for (size_t i = 0; i < command_count; i++) {
        size_t same = 0;
        const char *name = commands[i].name != NULL ? commands[i].name : "";
        while (name[same] != '\0' && name[same] == wrong[same])
            same++;
        if (same > best) {
            best = same;
            similar = name;
        }
    }
    return similar;
}

/* There is no such command: there may be some that begin like it. */
static int unknown_command(int count, char **argv)
{
    char group[64];
    if (count == 0)
        return usage_error(NULL, "expected a command");
    (void)snprintf(group, sizeof group, "%s ", argv[0]);
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].name != NULL && strncmp(commands[i].name, group, strlen(group)) == 0) {
            fprintf(stderr, "stoatmqctl: expected one of these commands:\n");
            help_list(stderr, group);
            return EXIT_USAGE;
        }
    const char *similar = similar_command(argv[0]);
    if (similar != NULL)
        return usage_error(NULL, "unknown command '%s', did you mean '%s'?", argv[0], similar);
    return usage_error(NULL, "unknown command '%s'", argv[0]);
}

/* --- running it ----------------------------------------------------------------------------- */

static int run(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    if (command->saying != NULL) {
        struct buf text = {0};
        struct target target;
        int status = target_find(&target, &arguments->common);
        if (status != 0)
            return status; /* before anything is announced */
        (void)template_expand(command->saying, arguments, TEMPLATE_TEXT, &text);
        say(arguments, "%.*s", SLICE_ARGS(buf_slice(&text)));
        (void)fflush(stdout);
        buf_fini(&text);
    }
    return command_body(command)->run(arguments);
}

static int print_help(const struct command *command)
{
    if (command != NULL)
        help_print_command(command);
    else
        help_print();
    return output_end(EXIT_SOUND);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    int taken = 0, at = 0, count = argc - 1;
    json_set_alloc_funcs(mem_alloc, mem_free); /* so none of its calls fails for want of memory */
    argv++;
    if (count > 0 && strcmp(argv[0], "--version") == 0) {
        puts("stoatmqctl " STOATMQ_VERSION);
        return output_end(EXIT_SOUND);
    }
    if (count > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return print_help(NULL);
    int status = command_line_begin(&arguments, count, argv, &at);
    if (status != 0)
        return status;
    arguments.command = command_find(count - at, argv + at, &taken);
    if (command_line_asks_for("--help", count, argv))
        return print_help(arguments.command);
    if (arguments.command == NULL)
        return unknown_command(count - at, argv + at);
    status = command_line_read(&arguments, count - at - taken, argv + at + taken);
    return status != 0 ? status : run(&arguments);
}
