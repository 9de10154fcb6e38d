/* SPDX-License-Identifier: Apache-2.0
 *
 * log: one line an event, `time level event key=value ...`, to standard error or a file. Values are
 * quoted and escaped where needed, so that a peer's bytes cannot forge a line. Never payloads,
 * never credentials. Any thread: a line is one write. Repeated events of one name are rate limited.
 */
#ifndef STOATMQ_BASE_LOG_H
#define STOATMQ_BASE_LOG_H

#include "server/base/buf.h"
#include "server/base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

enum log_type { LOG_TYPE_END, LOG_TYPE_STRING, LOG_TYPE_SLICE, LOG_TYPE_UNSIGNED, LOG_TYPE_SIGNED };

struct log_field {
    const char *key;
    enum log_type type;
    union {
        const char *string;
        struct slice slice;
        uint64_t number;
        int64_t signed_number;
    } value;
};

#define LOG_STR(name, text)    ((struct log_field){name, LOG_TYPE_STRING, {.string = (text)}})
#define LOG_BYTES(name, bytes) ((struct log_field){name, LOG_TYPE_SLICE, {.slice = (bytes)}})

#define LOG_NUM(name, n) ((struct log_field){name, LOG_TYPE_UNSIGNED, {.number = (uint64_t)(n)}})
#define LOG_INT(name, n) \
    ((struct log_field){name, LOG_TYPE_SIGNED, {.signed_number = (int64_t)(n)}})

/* log_info("connection_opened", LOG_STR("peer", peer), LOG_NUM("loop", 1)); fields may be
 * absent. */
#define LOG_EVENT(level, event, ...) \
    log_write(level, event,          \
              (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL, LOG_TYPE_END, {NULL}}})
#define log_debug(...)   LOG_EVENT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    LOG_EVENT(LOG_INFO, __VA_ARGS__)
#define log_warning(...) LOG_EVENT(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   LOG_EVENT(LOG_ERROR, __VA_ARGS__)

/* Lines below LEVEL are dropped; default LOG_INFO. */
void log_set_level(enum log_level level);

/* Where lines go: a file descriptor that stays the caller's; default 2. */
void log_set_output(int fd);

/* Writes one line; FIELDS ends with LOG_TYPE_END. Use the macros above. At most
 * LOG_EVENTS_PER_SECOND lines of one event (below error level) in a second; the next second's first
 * line says how many were dropped. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_EVENTS_PER_SECOND 200

/* The event of lines that say who changed what: all are written, however many. */
#define LOG_AUDIT "audit"

/* The latest lines stay in memory, so that they can be looked at from afar wherever they went.
 * Appends those from position FROM on to OUT, whole, and returns the position behind the last, from
 * which to go on. Positions count from 0 and only grow; what has gone is skipped, and a position
 * that was not reached yet is another run's, so 0. Any thread. */
#define LOG_RECENT_BYTES (128u << 10)
uint64_t log_recent(uint64_t from, struct buf *out);

#endif
