/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options.h"

#include <stdlib.h>
#include <unistd.h>

struct flag {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *key;      /* the setting it sets, or NULL */
    const char *help;
};

static const struct flag flags[] = {
    {"--bind", "ADDR", "listeners.tcp.address", "address that clients connect to"},
    {"--port", "N", "listeners.tcp.default", "AMQP port; 0 takes any free port"},
    {"--mgmt-port", "N", "management.tcp.port", "management port; 0 takes any free port"},
    {"--metrics-port", "N", "prometheus.tcp.port", "port of the metrics; 0 takes any free port"},
    {"--data-dir", "DIR", "data_dir", "folder of everything that survives a restart"},
    {"--loops", "N", "loops", "threads that serve connections; 0: by the machine's cores"},
    {"--log-level", "L", "log.level", "debug, info, warning or error"},
    {"--config", "FILE", NULL, "read settings from FILE first"},
    {"--set", "KEY=VALUE", NULL, "set any of the settings below"},
    {"--print-sample-config", NULL, NULL, "print a file of all settings and end"},
    {"--help", NULL, NULL, "print this and end"},
    {"--version", NULL, NULL, "print the version and end"},
};

/* One flag of the command line and what was given to it. */
struct given {
    const struct flag *flag;
    struct slice argument;
};

static bool is_flag(const struct given *given, const char *name)
{
    return strcmp(given->flag->name, name) == 0;
}

static const struct flag *find_flag(struct slice name)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (slice_equal(name, slice_from_string(flags[i].name)))
            return &flags[i];
    return NULL;
}

/* Reads the flag at argv[*at] in either form, `--flag value` or `--flag=value`, and moves past it.
 */
static int next_given(int argc, char **argv, int *at, struct given *given, char *error,
                      size_t error_size)
{
    const char *text = argv[(*at)++];
    const char *equals = strchr(text, '=');
    size_t size = equals != NULL ? (size_t)(equals - text) : strlen(text);
    given->flag = find_flag(slice_of(text, size));
    given->argument = SLICE_EMPTY;
    if (given->flag == NULL)
        return settings_refuse(error, error_size, "unknown flag '%.80s', see --help", text);

    const struct flag *flag = given->flag;
    if (flag->argument == NULL && equals != NULL)
        return settings_refuse(error, error_size, "%s: takes no value", flag->name);
    if (flag->argument == NULL)
        return 0;
    if (equals == NULL && *at == argc)
        return settings_refuse(error, error_size, "%s: expected %s", flag->name, flag->argument);
    given->argument = slice_from_string(equals != NULL ? equals + 1 : argv[(*at)++]);
    return 0;
}

static int apply(const struct given *given, struct settings *out, struct buf *notes, char *error,
                 size_t error_size)
{
    char reason[512];
    struct slice key, value = given->argument;
    if (given->flag->key != NULL) {
        key = slice_from_string(given->flag->key);
    } else if (is_flag(given, "--set")) {
        const uint8_t *equals = value.size > 0 ? memchr(value.data, '=', value.size) : NULL;
        if (equals == NULL)
            return settings_refuse(error, error_size, "--set: expected KEY=VALUE");
        key = slice_of(value.data, (size_t)(equals - value.data));
        value = slice_of(equals + 1, value.size - key.size - 1);
    } else {
        return 0;
    }
    int status = settings_set(out, key, value, reason, sizeof reason);
    if (status < 0)
        return settings_refuse(error, error_size, "%s: %s", given->flag->name, reason);
    if (status == SETTINGS_IGNORED && notes != NULL)
        buf_printf(notes, "%s: %s\n", given->flag->name, reason);
    return 0;
}

/* Finds what does not depend on the order of flags: the action, and the file (the last one
 * named). */
static int scan(int argc, char **argv, enum options_action *action, const char **config,
                char *error, size_t error_size)
{
    *action = OPTIONS_RUN;
    *config = NULL;
    for (int at = 1; at < argc;) {
        struct given given;
        if (next_given(argc, argv, &at, &given, error, error_size) < 0)
            return -1;
        if (is_flag(&given, "--help"))
            *action = OPTIONS_HELP;
        else if (is_flag(&given, "--version"))
            *action = OPTIONS_VERSION;
        else if (is_flag(&given, "--print-sample-config"))
            *action = OPTIONS_PRINT_SAMPLE;
        else if (is_flag(&given, "--config"))
            *config = (const char *)given.argument.data; /* the end of an argv string */
    }
    return 0;
}

/* The file that is read first, when one is named. */
static int load_file(struct settings *out, const char *config, struct buf *notes, char *error,
                     size_t error_size)
{
    char reason[512];
    const char *named_by = "--config";
    if (config == NULL) {
        named_by = "STOATMQ_CONFIG_FILE";
        config = getenv(named_by);
    }
    if (config == NULL)
        return 0;
    (void)snprintf(out->config_file, sizeof out->config_file, "%s", config);
    if (settings_load_file(out, config, notes, reason, sizeof reason) == 0)
        return 0;
    return settings_refuse(error, error_size, "%s: %s", named_by, reason);
}

int options_parse(int argc, char **argv, struct settings *out, enum options_action *action,
                  struct buf *notes, char *error, size_t error_size)
{
    const char *config;
    settings_init(out);
    if (scan(argc, argv, action, &config, error, error_size) < 0)
        return -1;
    if (*action != OPTIONS_RUN)
        return 0;
    if (load_file(out, config, notes, error, error_size) < 0 ||
        settings_load_environment(out, environ, notes, error, error_size) < 0)
        return -1;
    for (int at = 1; at < argc;) {
        struct given given;
        if (next_given(argc, argv, &at, &given, error, error_size) < 0 ||
            apply(&given, out, notes, error, error_size) < 0)
            return -1;
    }
    return settings_finish(out, error, error_size);
}

void options_print_help(FILE *to)
{
    fprintf(to, "stoatmq, an AMQP 0-9-1 message broker\n\nUsage: stoatmq [FLAG]...\n\n");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char usage[64];
        (void)snprintf(usage, sizeof usage, "%s %s", flags[i].name,
                       flags[i].argument != NULL ? flags[i].argument : "");
        fprintf(to, "  %-24s %s\n", usage, flags[i].help);
    }
    fprintf(to, "\nSettings, for --config and --set, with their defaults:\n");
    settings_print_help(to);
}
