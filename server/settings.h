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
#define SETTINGS_MEMBER_BYTES(name)   uint32_t name;
#define SETTINGS_MEMBER_BYTES64(name) uint64_t name;
#define SETTINGS_MEMBER_RATIO(name)   uint32_t name;
#define SETTINGS_MEMBER_MS(name)      uint32_t name;
#define SETTINGS_MEMBER_BOOL(name)    bool name;
#define SETTINGS_MEMBER_LEVEL(name)   enum log_level name;
#define SETTINGS_MEMBER_STRING(name)  char name[SETTINGS_TEXT_BYTES];
#define SETTINGS_MEMBER_SECRET(name)  char name[SETTINGS_TEXT_BYTES];

struct settings {
#define SETTING(name, key, type, initial, min, max, unit, when, help) SETTINGS_MEMBER_##type(name)
#include "server/settings.def"
};

/* All defaults. */
void settings_init(struct settings *settings);

/* Sets KEY from VALUE, both as they would stand in a file. */
int settings_set(struct settings *settings, struct slice key, struct slice value, char *error,
                 size_t error_size) __attribute__((warn_unused_result));

/* Reads TEXT, a file's content; NAME stands in errors as `NAME:LINE: `. A later line wins. */
int settings_load_text(struct settings *settings, const char *name, struct slice text, char *error,
                       size_t error_size) __attribute__((warn_unused_result));

/* As settings_load_text, from the file PATH of at most 1 MiB. */
int settings_load_file(struct settings *settings, const char *path, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* To call when all is set: checks what one setting demands of another, and fills in what is left to
 * be found out on this machine (loops, cluster_name). */
int settings_finish(struct settings *settings, char *error, size_t error_size)
    __attribute__((warn_unused_result));

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
