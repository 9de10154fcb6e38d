/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings from environment variables. A variable that begins like ours but is none of them is no
 * error: container platforms make such variables for services that are called stoatmq.
 */
#include "server/settings_table.h"

#define PREFIX "STOATMQ_"

/* What images of RabbitMQ take, beside the file. */
static const struct {
    const char *name, *key;
} others[] = {
    {"RABBITMQ_DEFAULT_USER", "default_user"},
    {"RABBITMQ_DEFAULT_PASS", "default_pass"},
    {"RABBITMQ_DEFAULT_VHOST", "default_vhost"},
};

/* Is NAME, without the prefix, what KEY is called in the environment? */
static bool is_name_of(struct slice name, const char *key)
{
    size_t at = 0;
    for (; at < name.size && key[at] != '\0'; at++) {
        char expected = key[at] >= 'a' && key[at] <= 'z' ? (char)(key[at] - 'a' + 'A') : key[at];
        if (name.data[at] != (expected == '.' ? '_' : expected))
            return false;
    }
    return at == name.size && key[at] == '\0';
}

static const char *key_of(struct slice name)
{
    struct slice prefix = SLICE_LITERAL(PREFIX);
    if (!slice_starts_with(name, prefix))
        return NULL;
    name = slice_of(name.data + prefix.size, name.size - prefix.size);
    for_each_setting(row)
    {
        if (row->key != NULL && !setting_is_family(row) && is_name_of(name, row->key))
            return row->key;
    }
    return NULL;
}

static const char *key_of_other(struct slice name)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (slice_equal(name, slice_from_string(others[i].name)))
            return others[i].key;
    return NULL;
}

static int load_all(struct settings *settings, char *const *environment,
                    const char *(*find_key)(struct slice name), char *error, size_t error_size)
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals == NULL)
            continue;
        struct slice name = slice_of(*environment, (size_t)(equals - *environment));
        const char *key = find_key(name);
        char reason[512];
        if (key != NULL && settings_set(settings, slice_from_string(key),
                                        slice_from_string(equals + 1), reason, sizeof reason) < 0)
            return settings_refuse(error, error_size, "environment variable %.*s: %s",
                                   SLICE_ARGS(name), reason);
    }
    return 0;
}

static void note_unknown(char *const *environment, struct buf *notes)
{
    for (; *environment != NULL; environment++) {
        char text[SETTING_QUOTED_BYTES];
        struct slice name = slice_of(*environment, strcspn(*environment, "="));
        if (slice_starts_with(name, SLICE_LITERAL(PREFIX)) && key_of(name) == NULL &&
            !slice_equal(name, SLICE_LITERAL(PREFIX "CONFIG_FILE")))
            buf_printf(notes, "environment variable %s: no setting is called so\n",
                       setting_quoted(name, text));
    }
}

int settings_load_environment(struct settings *settings, char *const *environment,
                              struct buf *notes, char *error, size_t error_size)
{
    struct settings fresh = *settings;
    if (load_all(&fresh, environment, key_of_other, error, error_size) < 0 ||
        load_all(&fresh, environment, key_of, error, error_size) < 0)
        return -1;
    *settings = fresh;
    if (notes != NULL)
        note_unknown(environment, notes);
    return 0;
}
