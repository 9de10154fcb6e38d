/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings_table.h"

void settings_print_help(FILE *to)
{
    for_each_setting(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n%s\n", row->help);
            continue;
        }
        char expected[SETTING_DESCRIBE_BYTES];
        setting_describe(row, expected, sizeof expected);
        fprintf(to, "  %s = %s\n      %s.\n      Expects %s.\n", row->key, row->initial, row->help,
                expected);
    }
}

void settings_print_sample(FILE *to)
{
    fprintf(
        to,
        "# StoatMQ's settings, each with its default. A line starting with # is a comment: remove\n"
        "# the # to set a value. Values that hold a # go in single quotes: 'pass#word'.\n");
    for_each_setting(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n## %s\n", row->help);
            continue;
        }
        char expected[SETTING_DESCRIBE_BYTES];
        setting_describe(row, expected, sizeof expected);
        fprintf(to, "\n# %s.\n# Expects %s.\n# %s =%s%s\n", row->help, expected, row->key,
                row->initial[0] != '\0' ? " " : "", row->initial);
    }
}

static const char markdown_intro[] =
    "# Configuration\n"
    "\n"
    "StoatMQ runs without any configuration. What may be changed stands below. The program\n"
    "prints it with `stoatmq --help`, and as a file to start from with\n"
    "`stoatmq --print-sample-config`.\n"
    "\n"
    "Settings come from three places, each winning over the one before: the defaults, the\n"
    "file that `--config FILE` names, and the command line. There, `--set KEY=VALUE` sets any\n"
    "key, and the most used have flags of their own (`--port 5672`; see `--help`).\n"
    "\n"
    "The file has RabbitMQ's form, and RabbitMQ's keys where the meaning is the same: a\n"
    "`key = value` on each line, `#` starts a comment, a value that holds a `#` goes in\n"
    "single quotes. Numbers of bytes take the suffixes KiB, MiB, GiB (1024) and kB, MB, GB\n"
    "(1000). An unknown key or a bad value is an error that names the file, the line and the\n"
    "nearest key; the broker then does not start. Settings are read once, at start, unless\n"
    "marked *live*.\n";

void settings_print_markdown(FILE *to)
{
    fputs(markdown_intro, to);
    for_each_setting(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n## %s\n\n| Key | Default | What it is |\n| --- | --- | --- |\n",
                    row->help);
            continue;
        }
        char expected[SETTING_DESCRIBE_BYTES];
        setting_describe(row, expected, sizeof expected);
        const char *mark = row->initial[0] != '\0' ? "`" : "";
        fprintf(to, "| `%s` | %s%s%s | %s. Expects %s.%s |\n", row->key, mark, row->initial, mark,
                row->help, expected, row->when == LIVE ? " *live*" : "");
    }
}
