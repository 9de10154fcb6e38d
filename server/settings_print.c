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
        fprintf(to, "\n# %s.\n# Expects %s.\n", row->help, expected);
        if (setting_is_family(row)) /* not a line that would do as it is */
            fprintf(to, "#   %s = %s\n", row->key,
                    row->type == LISTENERS ? "PORT"
                    : row->type == TEXTS   ? "TEXT"
                                           : "true");
        else
            fprintf(to, "# %s =%s%s\n", row->key, row->initial[0] != '\0' ? " " : "", row->initial);
    }
}

static const char markdown_intro[] =
    "# Configuration\n"
    "\n"
    "StoatMQ runs without any configuration. What may be changed stands below. The program\n"
    "prints it with `stoatmq --help`, and as a file to start from with\n"
    "`stoatmq --print-sample-config`.\n"
    "\n"
    "Settings come from four places, each winning over the one before:\n"
    "\n"
    "1. the defaults;\n"
    "2. the file that `--config FILE`, or else the environment variable `STOATMQ_CONFIG_FILE`,\n"
    "   names;\n"
    "3. environment variables: `STOATMQ_` and the key in capitals, with `_` for each dot, such\n"
    "   as `STOATMQ_LISTENERS_TCP_DEFAULT=5673` (and `RABBITMQ_DEFAULT_USER`,\n"
    "   `RABBITMQ_DEFAULT_PASS`, `RABBITMQ_DEFAULT_VHOST`, as images of RabbitMQ have them);\n"
    "4. the command line: `--set KEY=VALUE` sets any key, and the most used have flags of\n"
    "   their own (`--port 5672`; see `--help`).\n"
    "\n"
    "The file has RabbitMQ's form, and RabbitMQ's keys where the meaning is the same: a\n"
    "`key = value` on each line, `#` starts a comment, a value that holds a `#` goes in\n"
    "single quotes. Numbers of bytes take the suffixes KiB, MiB, GiB (1024) and kB, MB, GB\n"
    "(1000). An unknown key or a bad value is an error that names the file, the line and the\n"
    "nearest key; the broker then does not start. Keys of RabbitMQ that have no meaning here\n"
    "(listed at the end) are accepted, with a line `setting_ignored` in the log.\n"
    "\n"
    "## Changes while it runs\n"
    "\n"
    "On SIGHUP (`systemctl reload stoatmq`) the broker reads the file again. Settings that are\n"
    "marked *live* are taken at once, connections stay; the log says `setting_changed` for each.\n"
    "For others it says `setting_needs_restart`. When the file has an error, nothing changes and\n"
    "the log says `reload_failed` with the file, the line and the reason. The log file is opened\n"
    "anew, so that `logrotate` may have moved it.\n";

static void print_markdown_row(FILE *to, const struct setting *row)
{
    char expected[SETTING_DESCRIBE_BYTES];
    setting_describe(row, expected, sizeof expected);
    const char *mark = row->initial[0] != '\0' ? "`" : "";
    fprintf(to, "| `%s` | %s%s%s | %s. Expects %s.%s |\n", row->key, mark, row->initial, mark,
            row->help, expected, row->when == LIVE ? " *live*" : "");
}

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
        print_markdown_row(to, row);
    }
    fputs("\n## Keys of RabbitMQ without a meaning here\n\n"
          "They are accepted, and do nothing. A `*` stands for any text.\n\n"
          "| Key | Why |\n| --- | --- |\n",
          to);
    for (size_t i = 0; i < settings_ignored_count; i++)
        fprintf(to, "| `%s` | %s |\n", settings_ignored[i].pattern, settings_ignored[i].why);
}
