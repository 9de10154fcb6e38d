/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: what an operator may choose, with RabbitMQ's keys and `key = value` file form where the
 * meaning is RabbitMQ's. The table is settings.def. A plain struct on the caller's memory: copy it
 * as you like. Written by one thread before the others start, read by all.
 *
 * Functions that can fail return 0, or -1 with a text for people in ERROR (NUL-terminated, cut to
 * ERROR_SIZE); the settings are then as they were. Passwords never stand in such a text.
 */
#ifndef STOATMQ_SERVER_SETTINGS_H
#define STOATMQ_SERVER_SETTINGS_H

#include <stdio.h>

#include "server/base/buf.h"
#include "server/base/log.h"
#include "server/base/slice.h"

/* Room for the longest text and its terminator. */
#define SETTINGS_TEXT_BYTES 1024

/* What 1 is in a RATIO. */
#define SETTINGS_RATIO_ONE 1000000

#define SETTINGS_MEMBER_PORT(name)    uint16_t name;
#define SETTINGS_MEMBER_U16(name)     uint16_t name;
#define SETTINGS_MEMBER_U32(name)     uint32_t name;
#define SETTINGS_MEMBER_LIMIT(name)   uint32_t name;
#define SETTINGS_MEMBER_LIMIT64(name) uint64_t name;
#define SETTINGS_MEMBER_BYTES(name)   uint32_t name;
#define SETTINGS_MEMBER_BYTES64(name) uint64_t name;
#define SETTINGS_MEMBER_RATIO(name)   uint32_t name;
#define SETTINGS_MEMBER_MS(name)      uint32_t name;
#define SETTINGS_MEMBER_BOOL(name)    bool name;
#define SETTINGS_MEMBER_NONE(name)    bool name;
#define SETTINGS_MEMBER_CHOICE(name)  uint32_t name;
#define SETTINGS_MEMBER_LEVEL(name)   enum log_level name;
#define SETTINGS_MEMBER_STRING(name)  char name[SETTINGS_TEXT_BYTES];
#define SETTINGS_MEMBER_SECRET(name)  char name[SETTINGS_TEXT_BYTES];

#define SETTINGS_MEMBER_LISTENERS(name) struct settings_listeners name;
#define SETTINGS_MEMBER_NAMES(name)     struct settings_names name;
#define SETTINGS_MEMBER_TEXTS(name)     struct settings_texts name;

/* listeners.tcp.NAME = [ADDRESS:]PORT; an empty address: that of listeners.tcp.address. */
struct settings_listener {
    char name[32];
    char address[64];
    uint16_t port;
};

#define SETTINGS_LISTENERS_MAX 8

struct settings_listeners {
    uint32_t count;
    struct settings_listener at[SETTINGS_LISTENERS_MAX];
};

/* loopback_users.NAME = true|false */
struct settings_name {
    char name[256];
    bool is_on;
};

#define SETTINGS_NAMES_MAX 16

struct settings_names {
    uint32_t count;
    struct settings_name at[SETTINGS_NAMES_MAX];
};

/* ssl_options.ciphers.NAME = TEXT and the like, in the order in which they were first set. */
struct settings_texts {
    uint32_t bytes;
    char all[8192]; /* name, zero, text, zero; and the next one */
};

/* The next one behind NAME and TEXT, which start as NULL; false at the end. */
bool settings_next_text(const struct settings_texts *texts, const char **name, const char **text);

/* The text that WANTED has, or NULL. */
const char *settings_text(const struct settings_texts *texts, const char *wanted);

/* A row's place in `given`. */
enum setting_id {
#define SETTING(name, key, type, initial, min, max, unit, when, help) SETTING_##name,
#include "server/settings.def"
    SETTING_COUNT
};

struct settings {
#define SETTING(name, key, type, initial, min, max, unit, when, help) SETTINGS_MEMBER_##type(name)
#include "server/settings.def"
    bool given[SETTING_COUNT]; /* by file, environment or flag; else it is the default */
    char config_file[SETTINGS_TEXT_BYTES]; /* that was read first; empty: none */
};

/* What settings_set returns for a key of RabbitMQ's that has no meaning here. */
#define SETTINGS_IGNORED 1

/* All defaults. */
void settings_init(struct settings *settings);

/* Sets KEY from VALUE, both as they would stand in a file. SETTINGS_IGNORED, with the reason in
 * ERROR, when that key of RabbitMQ's has no meaning here: nothing is set. */
int settings_set(struct settings *settings, struct slice key, struct slice value, char *error,
                 size_t error_size) __attribute__((warn_unused_result));

/* Reads TEXT, a file's content; NAME stands in errors as `NAME:LINE: `. A later line wins. Appends
 * to NOTES, unless it is NULL, a line for each key that is ignored, as the other two. */
int settings_load_text(struct settings *settings, const char *name, struct slice text,
                       struct buf *notes, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* As settings_load_text, from the file PATH of at most 1 MiB. */
int settings_load_file(struct settings *settings, const char *path, struct buf *notes, char *error,
                       size_t error_size) __attribute__((warn_unused_result));

/* Takes the variables of ENVIRONMENT (environ) that settings have: STOATMQ_ and the key, in
 * capitals, with _ for a dot. RABBITMQ_DEFAULT_USER, _PASS and _VHOST are known, too. */
int settings_load_environment(struct settings *settings, char *const *environment,
                              struct buf *notes, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* To call when all is set: checks what one setting demands of another, and fills in what is left to
 * be found out on this machine (loops, cluster_name). */
int settings_finish(struct settings *settings, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* Has the listener listeners.tcp.default a place beside those with other names? As RabbitMQ: when
 * it is asked for, or when nothing else is. */
bool settings_has_default_tcp(const struct settings *settings);

/* Is there a listener listeners.ssl.default? When it is asked for. */
bool settings_has_default_ssl(const struct settings *settings);

/* May USER connect from this machine only? */
bool settings_is_loopback_only(const struct settings *settings, struct slice user);

/* Brings what is LIVE from FRESH, which is finished, to SETTINGS, and writes to the log what has
 * changed, and what would need a restart to. Returns how many have changed. */
unsigned settings_take_live(struct settings *settings, const struct settings *fresh);

/* Calls EACH for all settings, as they could stand in a file; secrets are three stars. What is not
 * there without being set is left out when it is not set. */
void settings_each(const struct settings *settings,
                   void (*each)(void *context, const char *key, struct slice value), void *context);

/* Writes a text for people to ERROR and returns -1. */
int settings_refuse(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Loops for a machine of CORES cores. */
uint32_t settings_loops_for(long cores);

/* The table for --help, as a sample file with all lines commented out, and as
 * docs/configuration.md. */
void settings_print_help(FILE *to);
void settings_print_sample(FILE *to);
void settings_print_markdown(FILE *to);

#endif
