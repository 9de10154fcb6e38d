/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 20, TIME_CHARS = 24, THREADS = 4 };

static FILE *file;
static char text[TEXT_MAX];

/* Each test logs to an empty file, and reads it back with `logged`. */
static int set_up(void **state)
{
    (void)state;
    file = tmpfile();
    if (file == NULL)
        return -1;
    log_set_output(fileno(file));
    log_set_level(LOG_INFO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_output(STDERR_FILENO);
    return fclose(file);
}

static const char *logged(void)
{
    size_t size = 0;
    for (ssize_t got = 1; got > 0; size += (size_t)got) {
        got = pread(fileno(file), text + size, TEXT_MAX - 1 - size, (off_t)size);
        assert_true(got >= 0);
    }
    text[size] = '\0';
    return text;
}

/* What was logged, without the time in front; it must be one line. */
static const char *logged_line(void)
{
    const char *all = logged();
    size_t size = strlen(all);
    assert_true(size > TIME_CHARS);
    assert_ptr_equal(strchr(all, '\n'), all + size - 1);
    text[size - 1] = '\0';
    return all + TIME_CHARS + 1;
}

static size_t count_lines(const char *all)
{
    size_t count = 0;
    for (; *all != '\0'; all++)
        count += *all == '\n';
    return count;
}

static void a_line_holds_time_level_event_and_fields(void **state)
{
    (void)state;
    log_info("connection_opened", LOG_STR("peer", "127.0.0.1:5000"), LOG_STR("name", "with space"),
             LOG_NUM("loop", 18446744073709551615U), LOG_INT("offset", -5),
             LOG_BYTES("vhost", SLICE_LITERAL("/")));
    assert_string_equal(logged_line(),
                        "info connection_opened peer=127.0.0.1:5000 name=\"with space\""
                        " loop=18446744073709551615 offset=-5 vhost=/");
    struct tm utc = {0};
    int milliseconds = -1, end = 0;
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &utc.tm_year, &utc.tm_mon,
                            &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &milliseconds,
                            &end),
                     7);
    assert_int_equal(end, TIME_CHARS);
    time_t now = time(NULL);
    struct tm today;
    gmtime_r(&now, &today);
    assert_true(utc.tm_year - 1900 == today.tm_year || utc.tm_year - 1900 == today.tm_year - 1);
    assert_in_range(utc.tm_mon, 1, 12);
}

static void an_event_may_have_no_fields(void **state)
{
    (void)state;
    log_warning("stopping");
    assert_string_equal(logged_line(), "warning stopping");
}

static void values_cannot_forge_a_line_or_a_field(void **state)
{
    (void)state;
    log_info("login", LOG_BYTES("user", SLICE_LITERAL("a\n2026 error \"x\\\0\x7F\xFF")),
             LOG_STR("key", "a=b"), LOG_STR("empty", ""), LOG_STR("none", NULL),
             LOG_STR("plain", "a.B_9:/@+-,z"));
    assert_string_equal(logged_line(),
                        "info login user=\"a\\x0a2026 error \\x22x\\x5c\\x00\\x7f\\xff\""
                        " key=\"a=b\" empty=\"\" none=\"\" plain=a.B_9:/@+-,z");
}

static void long_values_and_lines_are_cut(void **state)
{
    (void)state;
    static char plain[100000], spaces[100000];
    memset(plain, 'x', sizeof plain - 1);
    memset(spaces, '\n', sizeof spaces - 1);
    log_info("long", LOG_STR("plain", plain), LOG_STR("escaped", spaces), LOG_NUM("last", 1));
    const char *line = logged_line();
    assert_in_range(strlen(line), 2000, 4095);
    assert_non_null(strstr(line, "xxx... escaped=\"\\x0a"));
    assert_non_null(strstr(line, "\\x0a\"... last=1"));

    log_info("longer", LOG_STR("a", spaces), LOG_STR("b", spaces), LOG_STR("c", spaces),
             LOG_STR("d", spaces), LOG_STR("e", spaces));
    assert_int_equal(count_lines(logged()), 2);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    log_debug("too_low");
    assert_string_equal(logged(), "");
    log_set_level(LOG_ERROR);
    log_warning("too_low");
    assert_string_equal(logged(), "");
    log_error("high_enough");
    assert_string_equal(logged_line(), "error high_enough");
}

static void
a_burst_of_one_event_is_limited_and_the_next_line_says_how_much_was_dropped(void **state)
{
    (void)state;
    uint64_t calls = 0, dropped = 0;
    time_t limit = time(NULL) + 10;
    size_t lines = 0, size = 0;
    /* Until a new second begins: the file grows only by what was let through. */
    while (dropped == 0) {
        assert_true(time(NULL) < limit);
        log_info("burst", LOG_NUM("call", calls++));
        if ((size_t)lseek(fileno(file), 0, SEEK_CUR) == size)
            continue;
        const char *all = logged();
        size = strlen(all);
        lines = count_lines(all);
        const char *found = strstr(all, " dropped=");
        if (found != NULL)
            dropped = strtoull(found + sizeof " dropped=" - 1, NULL, 10);
    }
    assert_in_range(lines, LOG_EVENTS_PER_SECOND + 1, 2 * LOG_EVENTS_PER_SECOND + 1);
    assert_true(lines + dropped == calls);
    log_info("another_event");
    assert_non_null(strstr(logged(), "info another_event\n"));
}

static void errors_are_never_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LOG_EVENTS_PER_SECOND; i++)
        log_error("error_burst");
    assert_int_equal(count_lines(logged()), 2 * LOG_EVENTS_PER_SECOND);
}

static void *log_from_thread(void *argument)
{
    static const char *const events[THREADS] = {"thread_0", "thread_1", "thread_2", "thread_3"};
    for (int i = 0; i < LOG_EVENTS_PER_SECOND / 2; i++) {
        log_info(events[*(int *)argument], LOG_NUM("i", i), LOG_STR("end", "here"));
        log_set_level(LOG_INFO);
    }
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)logged();
    char *rest = NULL;
    size_t lines = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        int thread = -1, i = -1, end = 0;
        assert_int_equal(
            sscanf(line + TIME_CHARS, " info thread_%d i=%d end=here%n", &thread, &i, &end), 2);
        assert_int_equal(end, strlen(line + TIME_CHARS));
        lines++;
    }
    assert_int_equal(lines, THREADS * LOG_EVENTS_PER_SECOND / 2);
}

/* --- what is kept ---------------------------------------------------------------------------- */

static void latest_lines_are_kept_as_they_were_written(void **state)
{
    (void)state;
    struct buf lines = {0};
    uint64_t before = log_recent(0, &lines);
    lines.size = 0;
    log_info("first", LOG_NUM("n", 1));
    log_warning("second");
    uint64_t after = log_recent(before, &lines);
    assert_int_equal(lines.size, after - before);
    assert_memory_equal(lines.data, logged(), lines.size);
    assert_int_equal(log_recent(after, &lines), after);
    assert_int_equal(lines.size, after - before); /* no more than before */
    buf_fini(&lines);
}

static void only_whole_lines_are_left_of_what_was_kept(void **state)
{
    (void)state;
    struct buf lines = {0};
    uint64_t end = 0;
    for (unsigned i = 0; end < 3 * LOG_RECENT_BYTES; i++) {
        log_error("filler", LOG_NUM("number", i), LOG_STR("text", "some more of it"));
        lines.size = 0;
        end = log_recent(0, &lines);
    }
    assert_in_range(lines.size, LOG_RECENT_BYTES - 200, LOG_RECENT_BYTES);
    assert_memory_equal(lines.data + TIME_CHARS, " error filler number=", 21);
    assert_int_equal(lines.data[lines.size - 1], '\n');
    const char *all = logged();
    assert_memory_equal(lines.data, all + strlen(all) - lines.size, lines.size);

    lines.size = 0;
    (void)log_recent(end - 10, &lines); /* in the middle of the last line */
    assert_int_equal(lines.size, 0);
    (void)log_recent(end + 1, &lines); /* another run's position */
    assert_true(lines.size > LOG_RECENT_BYTES - 200);
    buf_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_holds_time_level_event_and_fields, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_event_may_have_no_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_cannot_forge_a_line_or_a_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_values_and_lines_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_burst_of_one_event_is_limited_and_the_next_line_says_how_much_was_dropped, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(errors_are_never_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_several_threads_do_not_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(latest_lines_are_kept_as_they_were_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_whole_lines_are_left_of_what_was_kept, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
