/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/help.h"

#include <string.h>

#include "mgmt/ctl/output.h"

static void print_options(const struct option *options)
{
    for (; options->name != NULL; options++) {
        char usage[64];
        (void)snprintf(usage, sizeof usage, "%c%c%s%s %s", options->letter != 0 ? '-' : ' ',
                       options->letter != 0 ? options->letter : ' ',
                       options->letter != 0 ? ", " : "  ", options->name,
                       options->argument != NULL ? options->argument : "");
        printf("  %-28s %s\n", usage, options->help);
    }
}

static void print_columns(const struct listing *listing)
{
    printf("\nColumns, of which the first %u are shown when none is named:\n ", listing->shown);
    size_t width = 1;
    for (const struct column *column = listing->columns; column->name != NULL; column++) {
        if (width + strlen(column->name) > 90) {
            printf("\n ");
            width = 1;
        }
        width += (size_t)printf(" %s", column->name);
    }
    (void)putchar('\n');
}

void help_print_command(const struct command *row)
{
    const struct command *body = command_body(row);
    printf("stoatmqctl %s: %s\n\nUsage: stoatmqctl %s [OPTION]... %s\n", row->name, row->summary,
           row->name, row->operands);
    if (body->details != NULL)
        printf("\n%s\n", body->details);
    if (row->listing != NULL && row->listing->is_choice)
        print_columns(row->listing);
    puts("");
    print_options(body->options);
    if (row->local == NULL)
        print_options(common_options);
    printf("  %-28s %s\n", "    --help", "print this and end");
}

void help_list(FILE *to, const char *words)
{
    for (size_t i = 0; i < command_count; i++) {
        char usage[64];
        if (commands[i].group != NULL && *words == '\0')
            fprintf(to, "\n%s\n", commands[i].group);
        if (commands[i].name == NULL || strncmp(commands[i].name, words, strlen(words)) != 0)
            continue;
        (void)snprintf(usage, sizeof usage, "%s %s", commands[i].name, commands[i].operands);
        fprintf(to, "  %-42s %s\n", usage, commands[i].summary);
    }
}

void help_print(void)
{
    puts("stoatmqctl, a tool that manages StoatMQ and looks at its data\n\n"
         "Usage: stoatmqctl [OPTION]... COMMAND [OPTION]... [OPERAND]...\n\n"
         "Commands; each has a --help of its own:");
    help_list(stdout, "");
    puts("\nOptions of all that ask the broker's HTTP API:");
    print_options(common_options);
    puts(
        "\n  --help                       print this and end\n"
        "  --version                    print the version and end\n\n"
        "Exit status: 0 all is well, 64 the command line is wrong, 65 what it names is, 67 there "
        "is no such\nuser, 69 the broker cannot be asked or has refused, or a check has failed, 70 "
        "it is there already,\n75 it took too long, 77 no permission.");
}

int run_help(const struct arguments *arguments)
{
    int taken;
    char *words[OPERANDS_MAX];
    for (int i = 0; i < arguments->operand_count; i++)
        words[i] = (char *)arguments->operands[i];
    if (arguments->operand_count == 0) {
        help_print();
        return output_end(0);
    }
    const struct command *row = command_find(arguments->operand_count, words, &taken);
    if (row == NULL)
        return usage_error(NULL, "unknown command '%s'", words[0]);
    help_print_command(row);
    return output_end(0);
}

int run_version(const struct arguments *arguments)
{
    (void)arguments;
    puts(STOATMQ_VERSION);
    return output_end(0);
}
