/* SPDX-License-Identifier: Apache-2.0 */
#include "server/adjust.h"

#include "server/base/mem.h"

/* What may be set, and what is set along with it so that it counts. */
static const struct {
    const char *key, *other, *other_value;
} adjustable[] = {
    {"log.level", NULL, NULL},
    {"vm_memory_high_watermark.relative", "vm_memory_high_watermark.absolute", "0"},
    {"vm_memory_high_watermark.absolute", NULL, NULL},
    {"disk_free_limit.absolute", "disk_free_limit.relative", "0"},
    {"disk_free_limit.relative", NULL, NULL},
};

enum { ADJUSTABLE = sizeof adjustable / sizeof *adjustable };

static size_t find(struct slice key)
{
    size_t at = 0;
    while (at < ADJUSTABLE && !slice_equal(key, slice_from_string(adjustable[at].key)))
        at++;
    return at;
}

static int refuse_key(char *error, size_t error_size)
{
    struct buf keys = {0};
    for (size_t i = 0; i < ADJUSTABLE; i++)
        buf_printf(&keys, "%s%s", i > 0 ? ", " : "", adjustable[i].key);
    int status = settings_refuse(error, error_size,
                                 "only these can be set while the broker runs: %.*s",
                                 SLICE_ARGS(buf_slice(&keys)));
    buf_fini(&keys);
    return status;
}

int adjust(struct node *node, struct slice key, struct slice value, char *error, size_t error_size)
{
    size_t at = find(key);
    if (at == ADJUSTABLE)
        return refuse_key(error, error_size);
    struct settings *settings = mem_alloc(2 * sizeof *settings); /* too large for a stack */
    struct settings *fresh = settings + 1;
    *settings = *fresh = *node_settings(node);
    int status = settings_set(fresh, key, value, error, error_size);
    if (status == 0 && adjustable[at].other != NULL)
        status = settings_set(fresh, slice_from_string(adjustable[at].other),
                              slice_from_string(adjustable[at].other_value), error, error_size);
    if (status == 0 && settings_take_live(settings, fresh) > 0) {
        log_set_level(settings->log_level);
        node_take_settings(node, settings);
    }
    mem_free(settings);
    return status;
}
