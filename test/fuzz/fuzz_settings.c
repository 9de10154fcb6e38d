/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration file's text: whatever it holds, it is taken whole or refused whole with a reason.
 */
#include <string.h>

#include "server/base/check.h"
#include "server/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names and texts are not empty, and end where the whole ends. */
static void check_texts(const struct settings_texts *texts)
{
    const char *name = NULL, *text = NULL;
    CHECK(texts->bytes <= sizeof texts->all);
    while (settings_next_text(texts, &name, &text))
        CHECK(*name != '\0' && *text != '\0' && text + strlen(text) < texts->all + texts->bytes);
}

static void check_texts_end(const struct settings *settings)
{
#define SETTINGS_CHECK_STRING(name) \
    CHECK(memchr(settings->name, '\0', sizeof settings->name) != NULL);
#define SETTINGS_CHECK_SECRET(name) SETTINGS_CHECK_STRING(name)
#define SETTINGS_CHECK_PORT(name)
#define SETTINGS_CHECK_U16(name)
#define SETTINGS_CHECK_U32(name)
#define SETTINGS_CHECK_LIMIT(name)
#define SETTINGS_CHECK_LIMIT64(name)
#define SETTINGS_CHECK_BYTES(name)
#define SETTINGS_CHECK_BYTES64(name)
#define SETTINGS_CHECK_RATIO(name)
#define SETTINGS_CHECK_MS(name)
#define SETTINGS_CHECK_BOOL(name)
#define SETTINGS_CHECK_NONE(name)
#define SETTINGS_CHECK_CHOICE(name)
#define SETTINGS_CHECK_LEVEL(name)

#define SETTINGS_CHECK_LISTENERS(name) CHECK(settings->name.count <= SETTINGS_LISTENERS_MAX);
#define SETTINGS_CHECK_NAMES(name)     CHECK(settings->name.count <= SETTINGS_NAMES_MAX);
#define SETTINGS_CHECK_TEXTS(name)     check_texts(&settings->name);

#define SETTING(name, key, type, initial, min, max, unit, when, help) SETTINGS_CHECK_##type(name)
#include "server/settings.def"
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings defaults, settings, again;
    char error[256] = "";
    settings_init(&defaults);
    settings = defaults;
    if (settings_load_text(&settings, "fuzz", slice_of(data, size), NULL, error, sizeof error) <
        0) {
        CHECK(memcmp(&settings, &defaults, sizeof settings) == 0);
        CHECK(strncmp(error, "fuzz:", 5) == 0);
        for (const char *at = error; *at != '\0'; at++)
            CHECK_ID(*at >= ' ' && *at <= '~', at - error);
        return 0;
    }
    check_texts_end(&settings);
    /* What a file says does not depend on what was set before; texts keep old bytes behind their
     * end. */
    again = settings;
    CHECK(settings_load_text(&again, "fuzz", slice_of(data, size), NULL, error, sizeof error) == 0);
#define SETTING(name, key, type, initial, min, max, unit, when, help) \
    CHECK(memcmp(&again.name, &settings.name, sizeof again.name) == 0);
#include "server/settings.def"
    if (settings_finish(&settings, error, sizeof error) == 0)
        check_texts_end(&settings);
    else
        CHECK(settings.initial_frame_max > settings.frame_max ||
              settings.auth_mechanisms.bytes > 0);
    return 0;
}
