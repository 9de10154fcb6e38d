/* SPDX-License-Identifier: Apache-2.0
 *
 * stoatmqctl: looks at a broker and its data. A command line is the command's words, then options
 * and operands in any order.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/ctl/command.h"
#include "server/base/mem.h"

static const struct command *const commands[] = {
    &command_log_dump,
    &command_log_verify,
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* --- for the commands ----------------------------------------------------------------------- */

static int option_at(const struct command *command, const char *name, size_t size)
{
    for (int i = 0; command->options[i].name != NULL; i++)
        if (strlen(command->options[i].name) == size &&
            memcmp(command->options[i].name, name, size) == 0)
            return i;
    return -1;
}

const char *argument_of(const struct arguments *arguments, const char *name)
{
    return arguments->values[option_at(arguments->command, name, strlen(name))];
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

/* --- help ----------------------------------------------------------------------------------- */

static void print_options(const struct option *options)
{
    for (; options->name != NULL; options++) {
        char usage[64];
        (void)snprintf(usage, sizeof usage, "%s %s", options->name,
                       options->argument != NULL ? options->argument : "");
        printf("  %-24s %s\n", usage, options->help);
    }
    printf("  %-24s %s\n", "--help", "print this and end");
}

static void print_command_help(const struct command *command)
{
    printf("stoatmqctl %s: %s\n\nUsage: stoatmqctl %s [OPTION]... %s\n\n%s\n\n", command->name,
           command->summary, command->name, command->operands, command->details);
    print_options(command->options);
}

/* The commands whose name begins with WORDS. */
static void list_commands(FILE *to, const char *words)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(commands[i]->name, words, strlen(words)) == 0) {
            char usage[64];
            (void)snprintf(usage, sizeof usage, "%s %s", commands[i]->name, commands[i]->operands);
            fprintf(to, "  %-24s %s\n", usage, commands[i]->summary);
        }
}

static void print_help(void)
{
    puts("stoatmqctl, a tool that looks at StoatMQ and its data\n\n"
         "Usage: stoatmqctl COMMAND [OPTION]... [OPERAND]...\n\n"
         "Commands; each has a --help of its own:\n");
    list_commands(stdout, "");
    puts("\n  --help                   print this and end\n"
         "  --version                print the version and end\n\n"
         "Exit status: 0 all is well, 1 what was looked at is damaged, 2 the command line is "
         "wrong,\n3 it could not be looked at.");
}

/* --- the command line ----------------------------------------------------------------------- */

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

static const struct command *find_command(int count, char **argv, int *taken)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        *taken = words_taken(commands[i]->name, count, argv);
        if (*taken > 0)
            return commands[i];
    }
    return NULL;
}

/* There is no such command: there may be some that begin like it. */
static int unknown_command(int count, char **argv)
{
    char group[64];
    if (count == 0 || argv[0][0] == '-')
        return usage_error(NULL, "expected a command%s%s", count == 0 ? "" : ", got ",
                           count == 0 ? "" : argv[0]);
    (void)snprintf(group, sizeof group, "%s ", argv[0]);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(commands[i]->name, group, strlen(group)) == 0) {
            fprintf(stderr, "stoatmqctl: expected one of these commands:\n");
            list_commands(stderr, group);
            return EXIT_USAGE;
        }
    return usage_error(NULL, "unknown command '%s'", argv[0]);
}

/* Reads the option at argv[*at], in either form, `--name value` or `--name=value`. */
static int read_option(struct arguments *arguments, int count, char **argv, int *at)
{
    const struct command *command = arguments->command;
    const char *text = argv[*at];
    size_t size = strcspn(text, "=");
    int index = option_at(command, text, size);
    if (index < 0)
        return usage_error(command, "unknown option '%s'", text);
    const struct option *option = &command->options[index];
    if (option->argument == NULL && text[size] == '=')
        return usage_error(command, "%s: takes no value", option->name);
    if (option->argument == NULL)
        arguments->values[index] = "";
    else if (text[size] == '=')
        arguments->values[index] = text + size + 1;
    else if (*at + 1 == count)
        return usage_error(command, "%s: expected %s", option->name, option->argument);
    else
        arguments->values[index] = argv[++*at];
    return 0;
}

static int count_words(const char *text)
{
    int words = *text != '\0';
    for (; *text != '\0'; text++)
        words += *text == ' ';
    return words;
}

static int read_arguments(struct arguments *arguments, int count, char **argv)
{
    const struct command *command = arguments->command;
    int expected = count_words(command->operands), operands = 0;
    bool options_end = false;
    for (int at = 0; at < count; at++) {
        if (!options_end && strcmp(argv[at], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[at][0] == '-' && argv[at][1] != '\0') {
            int status = read_option(arguments, count, argv, &at);
            if (status != 0)
                return status;
        } else if (operands == expected) {
            return usage_error(command, "'%s' is one too many", argv[at]);
        } else {
            arguments->operands[operands++] = argv[at];
        }
    }
    return operands == expected ? 0 : usage_error(command, "expected %s", command->operands);
}

/* Is NAME among the options of this command line? */
static bool asks_for(const char *name, int count, char **argv)
{
    for (int at = 0; at < count && strcmp(argv[at], "--") != 0; at++)
        if (strcmp(argv[at], name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int taken, count = argc - 1;
    json_set_alloc_funcs(mem_alloc, mem_free); /* so none of its calls fails for want of memory */
    argv++;
    const struct command *command = find_command(count, argv, &taken);
    if (asks_for("--help", count, argv)) {
        if (command != NULL)
            print_command_help(command);
        else
            print_help();
        return EXIT_SOUND;
    }
    if (command == NULL && asks_for("--version", count, argv)) {
        puts("stoatmqctl " STOATMQ_VERSION);
        return EXIT_SOUND;
    }
    if (command == NULL)
        return unknown_command(count, argv);
    struct arguments arguments = {.command = command};
    int status = read_arguments(&arguments, count - taken, argv + taken);
    return status != 0 ? status : command->run(&arguments);
}
