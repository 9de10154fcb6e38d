/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "server/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 16 };

static struct settings settings;
static enum options_action action;
static char error[512];

/* Parses the given arguments, which end with NULL. */
static int parse(const char *first, ...)
{
    char program[] = "stoatmq";
    char *argv[ARGUMENTS_MAX] = {program};
    int argc = 1;
    va_list rest;
    va_start(rest, first);
    for (const char *text = first; text != NULL; text = va_arg(rest, const char *)) {
        assert_in_range(argc, 1, ARGUMENTS_MAX - 2);
        argv[argc++] = strdup(text);
    }
    va_end(rest);
    int result = options_parse(argc, argv, &settings, &action, NULL, error, sizeof error);
    while (argc > 1)
        free(argv[--argc]);
    return result;
}

static void assert_refused(int result, const char *expected)
{
    assert_int_equal(result, -1);
    assert_string_equal(error, expected);
}

static void no_flags_run_with_finished_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse(NULL), 0);
    assert_int_equal(action, OPTIONS_RUN);
    assert_int_equal(settings.tcp_port, 5672);
    assert_true(settings.loops >= 1);
    assert_non_null(strstr(settings.cluster_name, "stoatmq@"));
}

static void every_flag_sets_its_setting_in_both_forms(void **state)
{
    (void)state;
    assert_int_equal(parse("--bind", "127.0.0.1", "--port", "0", "--mgmt-port=8080", "--data-dir",
                           "/tmp/x", "--loops=2", "--log-level", "debug", "--set", "channel_max=9",
                           NULL),
                     0);
    assert_string_equal(settings.tcp_address, "127.0.0.1");
    assert_int_equal(settings.tcp_port, 0);
    assert_int_equal(settings.management_port, 8080);
    assert_string_equal(settings.data_dir, "/tmp/x");
    assert_int_equal(settings.loops, 2);
    assert_int_equal(settings.log_level, LOG_DEBUG);
    assert_int_equal(settings.channel_max, 9);
    assert_int_equal(parse("--set=cluster_name=a=b", NULL), 0);
    assert_string_equal(settings.cluster_name, "a=b");
}

static void flags_win_over_the_file_wherever_they_stand(void **state)
{
    (void)state;
    char path[] = "/tmp/stoatmq-options-XXXXXX", expected[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "listeners.tcp.default = 1111\nheartbeat = 5\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(parse("--port", "2222", "--config", path, NULL), 0);
    assert_int_equal(settings.tcp_port, 2222);
    assert_int_equal(settings.heartbeat_s, 5);

    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "hartbeat = 5\n");
    assert_int_equal(fclose(file), 0);
    (void)snprintf(expected, sizeof expected,
                   "--config: %s:1: unknown key 'hartbeat', did you mean 'heartbeat'?", path);
    assert_refused(parse("--config", path, NULL), expected);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(expected, sizeof expected, "--config: %s: No such file or directory", path);
    assert_refused(parse("--config", path, NULL), expected);
}

static void the_environment_stands_between_file_and_flags(void **state)
{
    (void)state;
    char path[] = "/tmp/stoatmq-options-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "channel_max = 7\nheartbeat = 8\nloops = 1\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("STOATMQ_CONFIG_FILE", path, 1), 0);
    assert_int_equal(setenv("STOATMQ_HEARTBEAT", "9", 1), 0);
    assert_int_equal(setenv("STOATMQ_LOOPS", "9", 1), 0);
    assert_int_equal(parse("--loops", "2", NULL), 0);
    assert_int_equal(settings.channel_max, 7);
    assert_int_equal(settings.heartbeat_s, 9);
    assert_int_equal(settings.loops, 2);
    assert_int_equal(parse("--config", "/dev/null", NULL), 0);
    assert_int_equal(settings.channel_max, 2047);
    assert_int_equal(unlink(path), 0);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "STOATMQ_CONFIG_FILE: %s: No such file or directory",
                   path);
    assert_refused(parse(NULL), expected);
    assert_int_equal(unsetenv("STOATMQ_CONFIG_FILE"), 0);
    assert_int_equal(unsetenv("STOATMQ_HEARTBEAT"), 0);
    assert_int_equal(unsetenv("STOATMQ_LOOPS"), 0);
}

static void errors_name_the_flag_and_what_was_expected(void **state)
{
    (void)state;
    assert_refused(parse("--prot", "1", NULL), "unknown flag '--prot', see --help");
    assert_refused(parse("5672", NULL), "unknown flag '5672', see --help");
    assert_refused(parse("", NULL), "unknown flag '', see --help");
    assert_refused(parse("--port", NULL), "--port: expected N");
    assert_refused(parse("--help=yes", NULL), "--help: takes no value");
    assert_refused(parse("--port", "many", NULL),
                   "--port: listeners.tcp.default: expected a port from 0 to 65535, not 'many'");
    assert_refused(parse("--set", "channel_max", NULL), "--set: expected KEY=VALUE");
    assert_refused(parse("--set", "", NULL), "--set: expected KEY=VALUE");
    assert_refused(parse("--set", "chanel_max=1", NULL),
                   "--set: unknown key 'chanel_max', did you mean 'channel_max'?");
    assert_refused(parse("--set", "frame_max=4096", "--set", "initial_frame_max=8192", NULL),
                   "initial_frame_max: 8192 is above frame_max, which is 4096");
}

static void asking_for_help_needs_no_valid_settings(void **state)
{
    (void)state;
    assert_int_equal(parse("--port", "many", "--help", NULL), 0);
    assert_int_equal(action, OPTIONS_HELP);
    assert_int_equal(parse("--version", NULL), 0);
    assert_int_equal(action, OPTIONS_VERSION);
    assert_int_equal(parse("--config", "/does/not/exist", "--print-sample-config", NULL), 0);
    assert_int_equal(action, OPTIONS_PRINT_SAMPLE);
}

static void help_shows_flags_and_settings(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    options_print_help(memory);
    assert_int_equal(fclose(memory), 0);
    static const char *const expected[] = {"--bind ADDR",     "--port N",
                                           "--mgmt-port N",   "--data-dir DIR",
                                           "--loops N",       "--config FILE",
                                           "--help",          "--log-level L",
                                           "--version",       "--print-sample-config",
                                           "--set KEY=VALUE", "listeners.tcp.default = 5672"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (strstr(text, expected[i]) == NULL)
            fail_msg("%s is missing", expected[i]);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flags_run_with_finished_defaults),
        cmocka_unit_test(every_flag_sets_its_setting_in_both_forms),
        cmocka_unit_test(flags_win_over_the_file_wherever_they_stand),
        cmocka_unit_test(the_environment_stands_between_file_and_flags),
        cmocka_unit_test(errors_name_the_flag_and_what_was_expected),
        cmocka_unit_test(asking_for_help_needs_no_valid_settings),
        cmocka_unit_test(help_shows_flags_and_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
