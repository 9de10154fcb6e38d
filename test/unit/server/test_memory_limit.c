/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc and /sys/fs/cgroup are made up in a temporary folder.
 */
#include "server/memory_limit.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GIB (1ull << 30)

static char root[] = "/tmp/stoatmq-memory-XXXXXX";

/* Writes TEXT to the file ROOT/PATH, making its folders. */
static void put(const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + sizeof root, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 1 - 6, "XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:          123456 kB\n");
    return 0;
}

static int remove_entry(const char *path, const struct stat *entry, int kind, struct FTW *place)
{
    (void)entry, (void)kind, (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void assert_total(uint64_t expected)
{
    uint64_t total = memory_total_bytes(root);
    if (total != expected)
        fail_msg("expected %llu, got %llu", (unsigned long long)expected,
                 (unsigned long long)total);
}

static void without_groups_it_is_the_machines_memory(void **state)
{
    (void)state;
    assert_total(16 * GIB);
    put("/proc/self/cgroup", "");
    assert_total(16 * GIB);
    put("/proc/self/cgroup", "0::/\n");
    assert_total(16 * GIB);
    put("/proc/self/cgroup", "not of the form\n::\n0\n");
    assert_total(16 * GIB);
}

static void limit_of_the_own_version_2_group_counts(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/stoatmq.service\n");
    put("/sys/fs/cgroup/system.slice/stoatmq.service/memory.max", "2147483648\n");
    assert_total(2 * GIB);
    put("/sys/fs/cgroup/system.slice/stoatmq.service/memory.max", "max\n");
    assert_total(16 * GIB);
}

static void least_limit_on_the_way_up_counts(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "8589934592\n");
    put("/sys/fs/cgroup/a/memory.max", "3221225472\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_total(3 * GIB);
    put("/sys/fs/cgroup/memory.max", "1073741824\n");
    assert_total(GIB);
}

static void limits_of_a_container_that_sees_itself_as_the_root_count(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "1073741824\n");
    assert_total(GIB);
}

static void groups_that_are_out_of_sight_are_passed_over(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/../../somewhere/else\n");
    put("/sys/fs/cgroup/memory.max", "1073741824\n");
    put("/somewhere/else/memory.max", "5\n");
    assert_total(GIB);
    put("/proc/self/cgroup", "4:memory:/docker/0123456789abcdef\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
    assert_total(2 * GIB);
}

static void version_1_counts_among_its_controllers(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "9:name=systemd:/x\n"
                             "5:cpu,cpuacct:/y\n"
                             "4:hugetlb,memory:/jobs/7\n"
                             "0::/x\n");
    put("/sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/y/memory.limit_in_bytes", "1\n");
    assert_total(16 * GIB);
    put("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "4294967296\n");
    assert_total(4 * GIB);
    put("/proc/self/cgroup", "4:memory_other,no-memory:/jobs/7\n");
    assert_total(16 * GIB);
}

static void limit_above_the_machines_memory_does_not_count(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/big\n");
    put("/sys/fs/cgroup/big/memory.max", "99999999999999\n");
    assert_total(16 * GIB);
}

static void machine_that_does_not_tell_is_asked_otherwise(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemFree: 5 kB\n");
    assert_in_range(memory_total_bytes(root), 1 << 20, UINT64_MAX - 1);
}

static void resident_memory_is_the_second_number_of_statm(void **state)
{
    (void)state;
    put("/proc/self/statm", "262144 2000 900 5 0 300 0\n");
    assert_int_equal(memory_resident_bytes(root), 2000 * sysconf(_SC_PAGESIZE));
    put("/proc/self/statm", "nonsense\n");
    assert_int_equal(memory_resident_bytes(root), 0);
    assert_int_equal(memory_resident_bytes("/no/such/folder"), 0);
    assert_in_range(memory_resident_bytes(""), 100000, 1ull << 40);
}

static void watermark_is_a_share_unless_bytes_are_set(void **state)
{
    (void)state;
    static struct settings settings;
    settings_init(&settings);
    assert_true(memory_limit_of(&settings, 10 * GIB) == 4 * GIB);
    settings.memory_watermark_relative = 0;
    assert_true(memory_limit_of(&settings, 10 * GIB) == 0);
    settings.memory_watermark_absolute = 12345;
    assert_true(memory_limit_of(&settings, 10 * GIB) == 12345);
    assert_true(memory_limit_bytes(&settings) == 12345);
}

static void shares_of_enormous_numbers_are_right(void **state)
{
    (void)state;
    assert_true(memory_share(UINT64_MAX, SETTINGS_RATIO_ONE) == UINT64_MAX);
    assert_true(memory_share(UINT64_MAX, SETTINGS_RATIO_ONE / 2) == UINT64_MAX / 2);
    assert_true(memory_share(UINT64_MAX, 3 * SETTINGS_RATIO_ONE) == UINT64_MAX);
    assert_true(memory_share(1000, 2 * SETTINGS_RATIO_ONE) == 2000);
    assert_true(memory_share(7, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups_it_is_the_machines_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(limit_of_the_own_version_2_group_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(least_limit_on_the_way_up_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_of_a_container_that_sees_itself_as_the_root_count,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_that_are_out_of_sight_are_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(version_1_counts_among_its_controllers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limit_above_the_machines_memory_does_not_count, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(machine_that_does_not_tell_is_asked_otherwise, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(resident_memory_is_the_second_number_of_statm, set_up,
                                        tear_down),
        cmocka_unit_test(watermark_is_a_share_unless_bytes_are_set),
        cmocka_unit_test(shares_of_enormous_numbers_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
