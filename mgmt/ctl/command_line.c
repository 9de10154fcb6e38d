/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MAX_S = 1000000 };

/* The option that TEXT, "--name", "--name=value" or "-n", means; -1: it is none of these. */
static int find_option(const struct option *options, const char *text)
{
    size_t size = strcspn(text, "=");
    for (int i = 0; options != NULL && options[i].name != NULL; i++) {
        bool is_letter = text[0] == '-' && text[1] == options[i].letter && text[2] == '\0' &&
                         options[i].letter != 0;
        if (is_letter ||
            (strlen(options[i].name) == size && memcmp(options[i].name, text, size) == 0))
            return i;
    }
    return -1;
}

/* The value of the option at argv[*at], "" when it takes none; NULL, which has been said, when it
 * is wrong. */
static const char *option_value(const struct command *command, const struct option *option,
                                int count, char **argv, int *at)
{
    const char *equals = argv[*at][1] == '-' ? strchr(argv[*at], '=') : NULL;
    if (option->argument == NULL && equals != NULL) {
        (void)usage_error(command, "%s: takes no value", option->name);
        return NULL;
    }
    if (option->argument == NULL)
        return "";
    if (equals != NULL)
        return equals + 1;
    if (*at + 1 == count) {
        (void)usage_error(command, "%s: expected %s", option->name, option->argument);
        return NULL;
    }
    return argv[++*at];
}

/* --- common options ------------------------------------------------------------------------- */

static int read_format(struct arguments *arguments, const char *value)
{
    static const char *const names[] = {
        [OUTPUT_TABLE] = "table", [OUTPUT_CSV] = "csv", [OUTPUT_JSON_ROWS] = "json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            arguments->common.output = (enum output_kind)i;
            return 0;
        }
    return usage_error(arguments->command, "--format: expected table, json or csv, got '%s'",
                       value);
}

static int read_timeout(struct arguments *arguments, const char *value)
{
    char *end;
    double seconds = strtod(value, &end);
    if (strcmp(value, "infinity") == 0)
        seconds = 0;
    else if (end == value || *end != '\0' || !(seconds >= 0 && seconds <= TIMEOUT_MAX_S))
        return usage_error(arguments->command, "--timeout: expected seconds, got '%s'", value);
    arguments->common.timeout_s = (long)seconds + (seconds > (double)(long)seconds);
    return 0;
}

static int take_common(struct arguments *arguments, const char *name, const char *value)
{
    struct common *common = &arguments->common;
    const struct {
        const char *name, **text;
        bool *flag;
    } rows[] = {{"--node", &common->node, NULL},
                {"--uri", &common->uri, NULL},
                {"--user", &common->user, NULL},
                {"--password", &common->password, NULL},
                {"--config", &common->config, NULL},
                {"--ca-file", &common->ca_file, NULL},
                {"--vhost", &common->vhost, NULL},
                {"--quiet", NULL, &common->is_quiet},
                {"--silent", NULL, &common->is_silent},
                {"--no-table-headers", NULL, &common->has_no_headers}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].text != NULL)
            *rows[i].text = value;
        else
            *rows[i].flag = true;
        return 0;
    }
    if (strcmp(name, "--timeout") == 0)
        return read_timeout(arguments, value);
    if (strcmp(name, "--format") == 0 || strcmp(name, "--formatter") == 0)
        return read_format(arguments, value);
    return 0; /* --longnames */
}

/* --- the whole ------------------------------------------------------------------------------ */

static int read_option(struct arguments *arguments, int count, char **argv, int *at)
{
    const struct command *command = arguments->command;
    const struct command *body = command != NULL ? command_body(command) : NULL;
    int index = body != NULL ? find_option(body->options, argv[*at]) : -1;
    if (index >= 0) {
        arguments->values[index] = option_value(command, &body->options[index], count, argv, at);
        return arguments->values[index] != NULL ? 0 : EXIT_USAGE;
    }
    bool is_local = command != NULL && command->local != NULL;
    index = is_local ? -1 : find_option(common_options, argv[*at]);
    if (index < 0)
        return usage_error(command, "unknown option '%s'", argv[*at]);
    const char *value = option_value(command, &common_options[index], count, argv, at);
    return value != NULL ? take_common(arguments, common_options[index].name, value) : EXIT_USAGE;
}

int command_line_begin(struct arguments *arguments, int count, char **argv, int *at)
{
    arguments->common.vhost = "/";
    for (*at = 0; *at < count && argv[*at][0] == '-'; ++*at)
        if (read_option(arguments, count, argv, at) != 0)
            return EXIT_USAGE;
    return 0;
}

/* How many operands OPERANDS, "USER [TAG...]", ask for at least, and take at most. */
static void count_operands(const char *operands, int *min, int *max)
{
    *min = *max = 0;
    while (*operands != '\0') {
        size_t size = strcspn(operands, " ");
        bool is_optional = operands[0] == '[';
        bool is_repeated = is_optional && size > 4 && memcmp(operands + size - 4, "...]", 4) == 0;
        *min += !is_optional;
        *max = is_repeated ? OPERANDS_MAX : *max + 1;
        operands += size + (operands[size] == ' ');
    }
}

int command_line_read(struct arguments *arguments, int count, char **argv)
{
    const struct command *command = arguments->command;
    int min, max;
    bool options_end = false;
    count_operands(command->operands, &min, &max);
    for (int at = 0; at < count; at++) {
        if (!options_end && strcmp(argv[at], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[at][0] == '-' && argv[at][1] != '\0') {
            int status = read_option(arguments, count, argv, &at);
            if (status != 0)
                return status;
        } else if (arguments->operand_count == max) {
            return usage_error(command, "'%s' is one too many", argv[at]);
        } else {
            arguments->operands[arguments->operand_count++] = argv[at];
        }
    }
    return arguments->operand_count >= min ? 0
                                           : usage_error(command, "expected %s", command->operands);
}

bool command_line_asks_for(const char *name, int count, char **argv)
{
    for (int at = 0; at < count && strcmp(argv[at], "--") != 0; at++)
        if (strcmp(argv[at], name) == 0)
            return true;
    return false;
}
