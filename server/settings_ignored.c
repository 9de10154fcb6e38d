/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings_table.h"

const struct setting_ignored settings_ignored[] = {
#define IGNORED(pattern, why) {(pattern), (why)},
#include "server/settings_ignored.def"
};

const size_t settings_ignored_count = sizeof settings_ignored / sizeof *settings_ignored;

const char *setting_ignored_why(struct slice key)
{
    for (size_t i = 0; i < settings_ignored_count; i++) {
        struct slice pattern = slice_from_string(settings_ignored[i].pattern);
        bool is_prefix = pattern.data[pattern.size - 1] == '*';
        pattern.size -= is_prefix;
        if (is_prefix ? slice_starts_with(key, pattern) : slice_equal(key, pattern))
            return settings_ignored[i].why;
    }
    return NULL;
}
