/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings that are read again while the broker runs: what has changed, and what of it is taken.
 */
#include <inttypes.h>

#include "server/settings_table.h"

/* --- a row's value --------------------------------------------------------------------------- */

static size_t member_bytes(enum setting_type type)
{
    switch (type) {
    case PORT:
    case U16:
        return sizeof(uint16_t);
    case U32:
    case LIMIT:
    case BYTES:
    case RATIO:
    case MS:
    case CHOICE:
        return sizeof(uint32_t);
    case BYTES64:
    case LIMIT64:
        return sizeof(uint64_t);
    case BOOL:
    case NONE:
        return sizeof(bool);
    case LEVEL:
        return sizeof(enum log_level);
    case STRING:
    case SECRET:
        return SETTINGS_TEXT_BYTES;
    case LISTENERS:
        return sizeof(struct settings_listeners);
    case NAMES:
        return sizeof(struct settings_names);
    case TEXTS:
        return sizeof(struct settings_texts);
    }
    return 0;
}

static const void *member(const struct setting *row, const struct settings *settings)
{
    return (const char *)settings + row->offset;
}

bool setting_equal(const struct setting *row, const struct settings *a, const struct settings *b)
{
    if (row->type == STRING || row->type == SECRET)
        return strcmp(member(row, a), member(row, b)) == 0;
    return memcmp(member(row, a), member(row, b), member_bytes(row->type)) == 0;
}

void setting_copy(const struct setting *row, struct settings *to, const struct settings *from)
{
    memcpy((char *)to + row->offset, member(row, from), member_bytes(row->type));
    to->given[row->id] = from->given[row->id];
}

/* --- a row's value as text ------------------------------------------------------------------- */

static void show_listeners(const struct settings_listeners *all, struct buf *out)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct settings_listener *one = &all->at[i];
        const char *colon = one->address[0] != '\0' ? ":" : "";
        buf_printf(out, "%s%s=%s%s%u", i > 0 ? " " : "", one->name, one->address, colon, one->port);
    }
}

static void show_names(const struct settings_names *all, struct buf *out)
{
    for (uint32_t i = 0; i < all->count; i++)
        buf_printf(out, "%s%s=%s", i > 0 ? " " : "", all->at[i].name,
                   all->at[i].is_on ? "true" : "false");
}

static void show_texts(const struct settings_texts *all, struct buf *out)
{
    const char *name = NULL, *text = NULL;
    while (settings_next_text(all, &name, &text))
        buf_printf(out, "%s%s=%s", name != all->all ? " " : "", name, text);
}

static void show_choice(const char *choices, uint32_t place, struct buf *out)
{
    for (; place > 0; place--)
        choices = strchr(choices, '|') + 1;
    buf_bytes(out, slice_of(choices, strcspn(choices, "|")));
}

static void show_ratio(uint32_t millionths, struct buf *out)
{
    char digits[8];
    (void)snprintf(digits, sizeof digits, "%06u", millionths % SETTINGS_RATIO_ONE);
    size_t size = 6;
    while (size > 1 && digits[size - 1] == '0')
        size--;
    buf_printf(out, "%u.%.*s", millionths / SETTINGS_RATIO_ONE, (int)size, digits);
}

static void show_limit(uint64_t value, struct buf *out)
{
    if (value == 0)
        buf_bytes(out, SLICE_LITERAL("infinity"));
    else
        buf_printf(out, "%" PRIu64, value);
}

void setting_show(const struct setting *row, const struct settings *settings, struct buf *out)
{
    const void *at = member(row, settings);
    switch (row->type) {
    case PORT:
    case U16:
        buf_printf(out, "%u", *(const uint16_t *)at);
        break;
    case U32:
    case BYTES:
    case MS:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case LIMIT:
        show_limit(*(const uint32_t *)at, out);
        break;
    case LIMIT64:
        show_limit(*(const uint64_t *)at, out);
        break;
    case BYTES64:
        buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case RATIO:
        show_ratio(*(const uint32_t *)at, out);
        break;
    case BOOL:
        buf_printf(out, "%s", *(const bool *)at ? "true" : "false");
        break;
    case NONE:
        buf_printf(out, "%s", *(const bool *)at ? "none" : "");
        break;
    case LEVEL:
        buf_printf(out, "%s", setting_level_name(*(const enum log_level *)at));
        break;
    case STRING:
        buf_printf(out, "%s", (const char *)at);
        break;
    case SECRET:
        buf_printf(out, "***");
        break;
    case LISTENERS:
        show_listeners(at, out);
        break;
    case NAMES:
        show_names(at, out);
        break;
    case TEXTS:
        show_texts(at, out);
        break;
    case CHOICE:
        show_choice(row->unit, *(const uint32_t *)at, out);
        break;
    }
}

void settings_each(const struct settings *settings,
                   void (*each)(void *context, const char *key, struct slice value), void *context)
{
    struct buf value = {0};
    for_each_setting(row)
    {
        if (row->key == NULL)
            continue;
        value.size = 0;
        setting_show(row, settings, &value);
        if (value.size > 0 || (row->type != NONE && !setting_is_family(row)))
            each(context, row->key, buf_slice(&value));
    }
    buf_fini(&value);
}

/* --- taking what is new ---------------------------------------------------------------------- */

static void log_change(const struct setting *row, const struct settings *from,
                       const struct settings *to)
{
    struct buf before = {0}, after = {0};
    setting_show(row, from, &before);
    setting_show(row, to, &after);
    if (row->when == LIVE)
        log_info("setting_changed", LOG_STR("key", row->key), LOG_BYTES("from", buf_slice(&before)),
                 LOG_BYTES("to", buf_slice(&after)));
    else
        log_warning("setting_needs_restart", LOG_STR("key", row->key),
                    LOG_BYTES("running", buf_slice(&before)), LOG_BYTES("file", buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
}

unsigned settings_take_live(struct settings *settings, const struct settings *fresh)
{
    unsigned changed = 0;
    for_each_setting(row)
    {
        if (row->key == NULL || setting_equal(row, settings, fresh))
            continue;
        log_change(row, settings, fresh);
        if (row->when == LIVE) {
            setting_copy(row, settings, fresh);
            changed++;
        }
    }
    return changed;
}
