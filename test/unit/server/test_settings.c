/* SPDX-License-Identifier: Apache-2.0
 *
 * The committed sample file and documentation must be what the program prints. After a change of
 * settings.def, run this test once with STOATMQ_WRITE_DOCS=1 to write them.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct settings settings;
static char error[512];
static struct buf notes;

static int set_up(void **state)
{
    (void)state;
    settings_init(&settings);
    memset(error, 0, sizeof error);
    return 0;
}

static int set(const char *key, const char *value)
{
    return settings_set(&settings, slice_from_string(key), slice_from_string(value), error,
                        sizeof error);
}

static int load(const char *text)
{
    return settings_load_text(&settings, "conf", slice_from_string(text), &notes, error,
                              sizeof error);
}

static void assert_refused(int result, const char *expected)
{
    assert_int_equal(result, -1);
    assert_string_equal(error, expected);
}

static void defaults_are_rabbitmqs_where_the_key_is(void **state)
{
    (void)state;
    assert_int_equal(settings.tcp_port, 5672);
    assert_string_equal(settings.tcp_address, "::");
    assert_int_equal(settings.management_port, 15672);
    assert_int_equal(settings.channel_max, 2047);
    assert_int_equal(settings.frame_max, 131072);
    assert_int_equal(settings.initial_frame_max, 4096);
    assert_int_equal(settings.heartbeat_s, 60);
    assert_int_equal(settings.handshake_timeout_ms, 10000);
    assert_int_equal(settings.max_message_size, 134217728);
    assert_int_equal(settings.connection_max, 0);
    assert_int_equal(settings.consumer_max_per_channel, 0);
    assert_true(settings.loopback_guest);
    assert_true(settings.tcp_nodelay);
    assert_string_equal(settings.default_user, "guest");
    assert_string_equal(settings.default_pass, "guest");
    assert_string_equal(settings.default_vhost, "/");
    assert_int_equal(settings.log_level, LOG_INFO);
}

static void a_file_sets_values_over_comments_blanks_and_line_ends(void **state)
{
    (void)state;
    assert_int_equal(load("# a comment\n"
                          "\n"
                          "  \t \r\n"
                          "listeners.tcp.default = 5673\r\n"
                          "channel_max=10   # behind the value\n"
                          "  heartbeat\t=\t0  \n"
                          "default_pass = 'a # b = ' # quoted\n"
                          "cluster_name = two words = one name\n"
                          "log.level = warning\n"
                          "channel_max = 20\n"
                          "data_dir = /var/lib/stoatmq"),
                     0);
    assert_int_equal(settings.tcp_port, 5673);
    assert_int_equal(settings.channel_max, 20);
    assert_int_equal(settings.heartbeat_s, 0);
    assert_string_equal(settings.default_pass, "a # b = ");
    assert_string_equal(settings.cluster_name, "two words = one name");
    assert_int_equal(settings.log_level, LOG_WARNING);
    assert_string_equal(settings.data_dir, "/var/lib/stoatmq");
    assert_int_equal(load(""), 0);
}

static void an_error_names_file_and_line_and_changes_nothing(void **state)
{
    (void)state;
    struct settings before = settings;
    assert_refused(load("channel_max = 5\n\nheartbeat = soon\n"),
                   "conf:3: heartbeat: expected a number of seconds from 0 to 65535, not 'soon'");
    assert_memory_equal(&settings, &before, sizeof before);
    assert_refused(load("\nchannel_max\n"), "conf:2: expected key = value");
    assert_refused(load("default_pass = 'open\n"), "conf:1: the closing ' is missing");
    assert_refused(load("default_pass = '"), "conf:1: the closing ' is missing");
    assert_refused(load("default_pass = 'a' b\n"), "conf:1: more text after the closing '");
    assert_refused(load("channel_max =\n"),
                   "conf:1: channel_max: expected a number of channels from 1 to 65535, not ''");
}

static void an_unknown_key_is_refused_with_the_nearest(void **state)
{
    (void)state;
    assert_refused(set("listener.tcp.default", "1"),
                   "unknown key 'listener.tcp.default', did you mean 'listeners.tcp.default'?");
    assert_refused(set("chanel_max", "1"), "unknown key 'chanel_max', did you mean 'channel_max'?");
    assert_refused(set("Heartbeat", "1"), "unknown key 'Heartbeat', did you mean 'heartbeat'?");
    assert_refused(set("completely_different_things", "1"),
                   "unknown key 'completely_different_things'");
    assert_refused(set("", "1"), "unknown key ''");
    assert_refused(set("esc\x1b[31m\n", "1"), "unknown key 'esc?[31m?'");
    char longest[3000];
    memset(longest, 'k', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(set(longest, "1"), -1);
    assert_true(strlen(error) < 120);
}

static void byte_values_take_rabbitmqs_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t bytes;
    } good[] = {{"4096", 4096},     {"8KiB", 8192},       {"8kiB", 8192},      {"8k", 8192},
                {"64kB", 64000},    {"64MB", 64000000},   {"64MiB", 67108864}, {"2M", 2097152},
                {"1G", 1073741824}, {"1GiB", 1073741824}, {"1GB", 1000000000}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(set("output_buffer_limit", good[i].text), 0);
        assert_int_equal(settings.output_buffer_limit, good[i].bytes);
    }
    static const char *const bad[] = {"",
                                      "KiB",
                                      "4 KiB",
                                      "-1",
                                      "1e6",
                                      "4TiB",
                                      "4KiBs",
                                      "4095",
                                      "1025MiB",
                                      "0x1000",
                                      "+8k",
                                      "18446744073709551616",
                                      "99999999999999999GiB"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (set("output_buffer_limit", bad[i]) == 0)
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(settings.output_buffer_limit, 1000000000);
}

static void large_byte_values_are_not_cut(void **state)
{
    (void)state;
    assert_int_equal(settings.disk_free_limit_absolute, 50000000);
    assert_int_equal(set("disk_free_limit.absolute", "300GB"), 0);
    assert_true(settings.disk_free_limit_absolute == 300000000000);
    assert_int_equal(set("vm_memory_high_watermark.absolute", "64GiB"), 0);
    assert_true(settings.memory_watermark_absolute == 64ull << 30);
    assert_refused(set("disk_free_limit.absolute", "much"),
                   "disk_free_limit.absolute: expected a number of bytes, such as 64KiB, from 0 to "
                   "1152921504606846976, not 'much'");
}

static void ratios_are_decimal_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t millionths;
    } good[] = {{"0", 0},         {"1", 1000000},    {"1.0", 1000000},
                {"0.4", 400000},  {"0.25", 250000},  {"0.000001", 1},
                {"0.0000019", 1}, {"00.50", 500000}, {"0.3333333333333333333333", 333333}};
    assert_int_equal(settings.memory_watermark_relative, 400000);
    assert_int_equal(settings.memory_paging_ratio, 500000);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(set("vm_memory_high_watermark.relative", good[i].text), 0);
        assert_int_equal(settings.memory_watermark_relative, good[i].millionths);
    }
    static const char *const bad[] = {"",
                                      ".",
                                      ".5",
                                      "1.",
                                      "-0.1",
                                      "+0.1",
                                      "0,4",
                                      "1.1",
                                      "0.4.1",
                                      "0.4%",
                                      "1e-1",
                                      "nan",
                                      "0 .4",
                                      "0.4 ",
                                      "2",
                                      "18446744073709551616",
                                      "99999999999999.9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (set("vm_memory_high_watermark.relative", bad[i]) == 0)
            fail_msg("'%s' was taken", bad[i]);
    assert_refused(set("vm_memory_high_watermark.relative", "40%"),
                   "vm_memory_high_watermark.relative: expected a number such as 0.25, from 0 to 1,"
                   " not '40%'");
    assert_int_equal(set("disk_free_limit.relative", "1.5"), 0);
    assert_int_equal(settings.disk_free_limit_relative, 1500000);
}

static void limits_take_infinity(void **state)
{
    (void)state;
    assert_int_equal(set("connection_max", "100"), 0);
    assert_int_equal(settings.connection_max, 100);
    assert_int_equal(set("connection_max", "infinity"), 0);
    assert_int_equal(settings.connection_max, 0);
    assert_int_equal(set("channel_max", "infinity"), -1);
}

static void numbers_keep_their_range(void **state)
{
    (void)state;
    assert_int_equal(set("listeners.tcp.default", "0"), 0);
    assert_int_equal(set("listeners.tcp.default", "65535"), 0);
    assert_refused(set("listeners.tcp.default", "65536"),
                   "listeners.tcp.default: expected a port from 0 to 65535, not '65536'");
    assert_int_equal(set("channel_max", "0"), -1);
    assert_int_equal(set("max_message_size", "536870912"), 0);
    assert_int_equal(set("max_message_size", "536870913"), -1);
    assert_int_equal(set("frame_max", "4095"), -1);
    assert_refused(set("log.level", "loud"),
                   "log.level: expected debug, info, warning or error, not 'loud'");
    assert_refused(set("loopback_users.guest", "yes"),
                   "loopback_users.guest: expected true or false, not 'yes'");
}

static void texts_are_utf8_of_bounded_length(void **state)
{
    (void)state;
    char text[1200];
    assert_int_equal(set("default_user", "j\xC3\xBCrgen"), 0);
    assert_int_equal(set("default_user", "\xC3"), -1);
    assert_int_equal(set("default_user", "tab\there"), -1);
    assert_int_equal(set("default_user", ""), -1);
    assert_int_equal(set("log.file", ""), 0);
    memset(text, 'x', sizeof text);
    text[255] = '\0';
    assert_int_equal(set("default_user", text), 0);
    assert_int_equal(strlen(settings.default_user), 255);
    text[255] = 'x', text[256] = '\0';
    assert_int_equal(set("default_user", text), -1);
    text[256] = 'x', text[1000] = '\0';
    assert_int_equal(set("data_dir", text), 0);
    text[1000] = 'x', text[1001] = '\0';
    assert_int_equal(set("data_dir", text), -1);
}

static void a_password_never_stands_in_an_error(void **state)
{
    (void)state;
    assert_int_equal(load("default_pass = hunter2\x01\n"), -1);
    assert_null(strstr(error, "hunter2"));
    assert_non_null(strstr(error, "conf:1: default_pass: expected"));
}

static void finishing_fills_in_what_the_machine_decides(void **state)
{
    (void)state;
    assert_int_equal(settings_finish(&settings, error, sizeof error), 0);
    assert_in_range(settings.loops, 1, 16);
    char host[256] = "", expected[300];
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    (void)snprintf(expected, sizeof expected, "stoatmq@%s", host);
    assert_string_equal(settings.cluster_name, expected);

    assert_int_equal(load("loops = 3\ncluster_name = mine\n"), 0);
    assert_int_equal(settings_finish(&settings, error, sizeof error), 0);
    assert_int_equal(settings.loops, 3);
    assert_string_equal(settings.cluster_name, "mine");
    assert_int_equal(load("frame_max = 4096\ninitial_frame_max = 8192\n"), 0);
    assert_refused(settings_finish(&settings, error, sizeof error),
                   "initial_frame_max: 8192 is above frame_max, which is 4096");
}

static void small_machines_get_one_loop(void **state)
{
    (void)state;
    static const long cores[] = {-1, 1, 2, 3, 4, 8, 32, 33, 200};
    static const uint32_t loops[] = {1, 1, 1, 1, 2, 4, 16, 16, 16};
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        assert_int_equal(settings_loops_for(cores[i]), loops[i]);
}

static void files_are_read_and_missing_ones_named(void **state)
{
    (void)state;
    char path[] = "/tmp/stoatmq-settings-XXXXXX", expected[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "channel_max = 77\nno_such = 1\n");
    assert_int_equal(fclose(file), 0);
    (void)snprintf(expected, sizeof expected, "%s:2: unknown key 'no_such'", path);
    assert_refused(settings_load_file(&settings, path, NULL, error, sizeof error), expected);

    assert_int_equal(truncate(path, sizeof "channel_max = 77\n" - 1), 0);
    assert_int_equal(settings_load_file(&settings, path, NULL, error, sizeof error), 0);
    assert_int_equal(settings.channel_max, 77);
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    (void)snprintf(expected, sizeof expected, "%s: larger than 1 MiB", path);
    assert_refused(settings_load_file(&settings, path, NULL, error, sizeof error), expected);

    assert_int_equal(unlink(path), 0);
    (void)snprintf(expected, sizeof expected, "%s: No such file or directory", path);
    assert_refused(settings_load_file(&settings, path, NULL, error, sizeof error), expected);
    assert_int_equal(settings_load_file(&settings, "/", NULL, error, sizeof error), -1);
}

/* What PRINT writes, on the heap. */
static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    print(memory);
    assert_int_equal(fclose(memory), 0);
    return text;
}

static void the_sample_with_every_line_uncommented_gives_the_defaults(void **state)
{
    (void)state;
    char *sample = printed(settings_print_sample);
    struct settings defaults = settings;
    size_t count = 0;
    assert_int_equal(load(sample), 0);
    assert_memory_equal(&settings, &defaults, sizeof settings);
    char *rest = NULL;
    for (char *line = strtok_r(sample, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strstr(line, " =");
        if (line[0] != '#' || line[1] != ' ' || equals == NULL || strchr(line + 2, ' ') != equals)
            continue; /* prose */
        if (load(line + 2) < 0)
            fail_msg("%s", error);
        count++;
    }
    assert_in_range(count, 25, 100);
    assert_memory_equal(&settings, &defaults, offsetof(struct settings, given));
    free(sample);
}

static void assert_committed(const char *path, void (*print)(FILE *))
{
    char *expected = printed(print);
    if (getenv("STOATMQ_WRITE_DOCS") != NULL) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(expected, out);
        assert_int_equal(fclose(out), 0);
    }
    FILE *in = fopen(path, "r");
    if (in == NULL)
        fail_msg("%s is missing", path);
    size_t size = strlen(expected) + 1;
    char *text = calloc(1, size + 1);
    assert_int_equal(fread(text, 1, size, in), size - 1);
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    assert_int_equal(fclose(in), 0);
}

static void committed_sample_and_documentation_are_what_the_program_prints(void **state)
{
    (void)state;
    assert_committed(SOURCE_DIR "/packaging/stoatmq.conf.sample", settings_print_sample);
    assert_committed(SOURCE_DIR "/docs/configuration.md", settings_print_markdown);
}

static void help_names_every_key(void **state)
{
    (void)state;
    char *help = printed(settings_print_help);
#define SETTING(name, key, type, initial, min, max, unit, when, about) \
    assert_non_null(strstr(help, "  " key " = " initial "\n"));
#include "server/settings.def"
    free(help);
}

static void keys_may_end_with_a_name_of_ones_own(void **state)
{
    (void)state;
    assert_true(settings_has_default_tcp(&settings));
    assert_int_equal(load("listeners.tcp.inside = 10.1.2.3:5673\n"
                          "listeners.tcp.any = 5674\n"
                          "listeners.tcp.six = [::1]:5675\n"
                          "listeners.tcp.erlang = :::5676\n"
                          "listeners.tcp.any = 5677\n"),
                     0);
    static const struct settings_listener expected[] = {{"inside", "10.1.2.3", 5673},
                                                        {"any", "", 5677},
                                                        {"six", "::1", 5675},
                                                        {"erlang", "::", 5676}};
    assert_int_equal(settings.tcp_listeners.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(settings.tcp_listeners.at[i].name, expected[i].name);
        assert_string_equal(settings.tcp_listeners.at[i].address, expected[i].address);
        assert_int_equal(settings.tcp_listeners.at[i].port, expected[i].port);
    }
    assert_false(settings_has_default_tcp(&settings)); /* as in RabbitMQ */
    assert_int_equal(set("listeners.tcp.default", "5672"), 0);
    assert_true(settings_has_default_tcp(&settings));
    assert_int_equal(settings.tcp_listeners.count, 4);
    assert_int_equal(set("listeners.tcp", "none"), 0);
    assert_false(settings_has_default_tcp(&settings));
    static const char *const bad[] = {"",
                                      "x",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":5672",
                                      "65536",
                                      "-1",
                                      "a:b",
                                      "1 2:5672",
                                      "::",
                                      "0x10",
                                      "a\x1b:1",
                                      "127.0.0.1:99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (set("listeners.tcp.bad", bad[i]) != -1)
            fail_msg("'%s' was taken", bad[i]);
    assert_refused(set("listeners.tcp.bad", "x"),
                   "listeners.tcp.bad: expected a port, or an address and a port such as "
                   "127.0.0.1:5672, not 'x'");
    for (char name = 'a'; name < 'a' + SETTINGS_LISTENERS_MAX - 4; name++) {
        char key[] = "listeners.tcp.?";
        key[sizeof key - 2] = name;
        assert_int_equal(set(key, "1"), 0);
    }
    assert_refused(set("listeners.tcp.more", "1"), "listeners.tcp.NAME: at most 8 of them");
}

static void users_are_held_to_this_machine_by_name(void **state)
{
    (void)state;
    struct slice guest = SLICE_LITERAL("guest"), eve = SLICE_LITERAL("eve");
    assert_true(settings_is_loopback_only(&settings, guest));
    assert_false(settings_is_loopback_only(&settings, eve));
    assert_int_equal(load("loopback_users.eve = true\nloopback_users.guest = false\n"), 0);
    assert_false(settings_is_loopback_only(&settings, guest));
    assert_true(settings_is_loopback_only(&settings, eve));
    assert_int_equal(set("loopback_users", "none"), 0);
    assert_false(settings_is_loopback_only(&settings, eve));
    assert_refused(set("loopback_users.eve", "yes"),
                   "loopback_users.eve: expected true or false, not 'yes'");
    assert_refused(set("loopback_users", "all"),
                   "loopback_users: expected none, or nothing, not 'all'");
}

static void rabbitmqs_keys_without_a_meaning_are_noted(void **state)
{
    (void)state;
    struct settings before = settings;
    assert_int_equal(load("net_ticktime = 60\n"
                          "\n"
                          "cluster_formation.k8s.host = kubernetes.default.svc\n"),
                     0);
    assert_memory_equal(&settings, &before, sizeof settings);
    static const char expected[] =
        "conf:1: net_ticktime: there is no Erlang cluster here\n"
        "conf:3: cluster_formation.k8s.host: nodes do not find each other in that way here\n";
    assert_int_equal(notes.size, sizeof expected - 1);
    assert_memory_equal(notes.data, expected, notes.size);
    assert_int_equal(set("net_ticktime", "x"), SETTINGS_IGNORED);
    assert_int_equal(set("net_ticktimes", "x"), -1);
    buf_fini(&notes);
}

static int load_environment(char *const *environment)
{
    return settings_load_environment(&settings, environment, &notes, error, sizeof error);
}

static void the_environment_sets_what_is_called_like_a_key(void **state)
{
    (void)state;
    char *good[] = {"STOATMQ_DEFAULT_USER=ours",
                    "RABBITMQ_DEFAULT_USER=theirs",
                    "RABBITMQ_DEFAULT_PASS=a=b",
                    "STOATMQ_LISTENERS_TCP_DEFAULT=1234",
                    "STOATMQ_CONFIG_FILE=x",
                    "PATH=/bin",
                    "no equals",
                    "STOATMQ_PORT=tcp://10.0.0.1:5672",
                    "STOATMQ_channel_max=1",
                    NULL};
    assert_int_equal(load_environment(good), 0);
    assert_string_equal(settings.default_user, "ours");
    assert_string_equal(settings.default_pass, "a=b");
    assert_int_equal(settings.tcp_port, 1234);
    assert_int_equal(settings.channel_max, 2047);
    static const char expected[] =
        "environment variable STOATMQ_PORT: no setting is called so\n"
        "environment variable STOATMQ_channel_max: no setting is called so\n";
    assert_int_equal(notes.size, sizeof expected - 1);
    assert_memory_equal(notes.data, expected, notes.size);
    buf_fini(&notes);

    char *bad[] = {"STOATMQ_DEFAULT_VHOST=v", "STOATMQ_CHANNEL_MAX=0", NULL};
    struct settings before = settings;
    assert_refused(load_environment(bad),
                   "environment variable STOATMQ_CHANNEL_MAX: channel_max: expected a number of"
                   " channels from 1 to 65535, not '0'");
    assert_memory_equal(&settings, &before, sizeof settings);
}

static void only_live_settings_are_taken_from_a_fresh_file(void **state)
{
    (void)state;
    static struct settings fresh;
    fresh = settings;
    log_set_level(LOG_ERROR);
    assert_int_equal(settings_take_live(&settings, &fresh), 0);
    settings_init(&fresh);
    assert_int_equal(settings_load_text(&fresh, "conf",
                                        SLICE_LITERAL("channel_max = 5\n"
                                                      "log.file = /x\n"
                                                      "disk_free_limit.absolute = 1GB\n"
                                                      "loopback_users.eve = true\n"
                                                      "frame_max = 8192\n"
                                                      "data_dir = /elsewhere\n"),
                                        NULL, error, sizeof error),
                     0);
    assert_int_equal(settings_take_live(&settings, &fresh), 4);
    assert_int_equal(settings.channel_max, 5);
    assert_true(settings.given[SETTING_channel_max]);
    assert_string_equal(settings.log_file, "/x");
    assert_int_equal(settings.disk_free_limit_absolute, 1000000000);
    assert_true(settings_is_loopback_only(&settings, SLICE_LITERAL("eve")));
    assert_int_equal(settings.frame_max, 131072);
    assert_string_equal(settings.data_dir, "./data");
    assert_int_equal(settings_take_live(&settings, &fresh), 0);
    log_set_level(LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_rabbitmqs_where_the_key_is, set_up),
        cmocka_unit_test_setup(a_file_sets_values_over_comments_blanks_and_line_ends, set_up),
        cmocka_unit_test_setup(an_error_names_file_and_line_and_changes_nothing, set_up),
        cmocka_unit_test_setup(an_unknown_key_is_refused_with_the_nearest, set_up),
        cmocka_unit_test_setup(byte_values_take_rabbitmqs_units, set_up),
        cmocka_unit_test_setup(large_byte_values_are_not_cut, set_up),
        cmocka_unit_test_setup(ratios_are_decimal_numbers, set_up),
        cmocka_unit_test_setup(limits_take_infinity, set_up),
        cmocka_unit_test_setup(numbers_keep_their_range, set_up),
        cmocka_unit_test_setup(texts_are_utf8_of_bounded_length, set_up),
        cmocka_unit_test_setup(a_password_never_stands_in_an_error, set_up),
        cmocka_unit_test_setup(finishing_fills_in_what_the_machine_decides, set_up),
        cmocka_unit_test_setup(small_machines_get_one_loop, set_up),
        cmocka_unit_test_setup(files_are_read_and_missing_ones_named, set_up),
        cmocka_unit_test_setup(the_sample_with_every_line_uncommented_gives_the_defaults, set_up),
        cmocka_unit_test_setup(committed_sample_and_documentation_are_what_the_program_prints,
                               set_up),
        cmocka_unit_test_setup(help_names_every_key, set_up),
        cmocka_unit_test_setup(keys_may_end_with_a_name_of_ones_own, set_up),
        cmocka_unit_test_setup(users_are_held_to_this_machine_by_name, set_up),
        cmocka_unit_test_setup(rabbitmqs_keys_without_a_meaning_are_noted, set_up),
        cmocka_unit_test_setup(the_environment_sets_what_is_called_like_a_key, set_up),
        cmocka_unit_test_setup(only_live_settings_are_taken_from_a_fresh_file, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
