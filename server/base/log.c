/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is built on the stack and leaves in one write, so that lines of several threads never mix.
 * A value may take VALUE_MAX characters of the line and is then cut with "..."; the line as a whole
 * may take LINE_MAX_BYTES. The mutexes guard only the counters of the rate limit, and the lines
 * that are kept.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, VALUE_MAX = 1024, EVENTS_MAX = 256 };

static _Atomic enum log_level level_limit = LOG_INFO;
static atomic_int output = STDERR_FILENO;

/* How often an event was seen in one second. EVENT is a literal, hence never freed. */
struct rate {
    const char *event;
    time_t second;
    uint64_t seen, dropped;
};

static pthread_mutex_t rates_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rate rates[EVENTS_MAX]; /* guarded by rates_lock; open addressing, never emptied */

static pthread_mutex_t recent_lock = PTHREAD_MUTEX_INITIALIZER;
static char recent[LOG_RECENT_BYTES]; /* a ring; guarded by recent_lock, as is what follows */
static uint64_t recent_end;           /* bytes that were ever written to it */

struct line {
    char text[LINE_MAX_BYTES];
    size_t size;
};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_limit, level, memory_order_relaxed);
}

void log_set_output(int fd)
{
    atomic_store_explicit(&output, fd, memory_order_relaxed);
}

/* The counters of EVENT, or NULL when the table is full: then there is no limit. */
static struct rate *rate_of(const char *event)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a: names are ours, nobody chooses collisions */
    for (const char *at = event; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * UINT32_C(16777619);
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        struct rate *rate = &rates[(hash + i) % EVENTS_MAX];
        if (rate->event == NULL)
            rate->event = event;
        if (rate->event == event || strcmp(rate->event, event) == 0)
            return rate;
    }
    return NULL;
}

/* May EVENT have a line in SECOND? DROPPED gets how many lines were held back before it. */
static bool admit(const char *event, time_t second, uint64_t *dropped)
{
    bool admitted = true;
    pthread_mutex_lock(&rates_lock);
    struct rate *rate = rate_of(event);
    if (rate != NULL) {
        if (rate->second != second) {
            rate->second = second;
            rate->seen = 0;
        }
        admitted = rate->seen < LOG_EVENTS_PER_SECOND;
        rate->seen++;
        if (admitted) {
            *dropped = rate->dropped;
            rate->dropped = 0;
        } else {
            rate->dropped++;
        }
    }
    pthread_mutex_unlock(&rates_lock);
    return admitted;
}

/* Appends as much of TEXT as fits; one byte always stays free for the newline. */
static void put(struct line *line, const char *text, size_t size)
{
    size_t room = sizeof line->text - 1 - line->size;
    if (size > room)
        size = room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_string(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_time(struct line *line, const struct timespec *now)
{
    struct tm utc;
    char text[64];
    gmtime_r(&now->tv_sec, &utc);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, text, size);
    int length = snprintf(text, sizeof text, ".%03dZ", (int)(now->tv_nsec / 1000000));
    put(line, text, (size_t)length);
}

static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("._:/@+-,", byte) != NULL);
}

static bool needs_quotes(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (!is_plain(value.data[i]))
            return true;
    return value.size == 0;
}

/* Inside quotes everything but printable ASCII, and the quote and the backslash, becomes \xNN. */
static void put_escaped(struct line *line, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\') {
        put(line, (const char *)&byte, 1);
        return;
    }
    const char escape[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    put(line, escape, sizeof escape);
}

static void put_value(struct line *line, struct slice value)
{
    bool cut = value.size > VALUE_MAX;
    if (cut)
        value.size = VALUE_MAX;
    if (!needs_quotes(value)) {
        put(line, (const char *)value.data, value.size);
    } else {
        /* Escapes are longer than what they stand for, so the written length is limited, too. */
        size_t limit = line->size + VALUE_MAX;
        size_t taken = 0;
        put(line, "\"", 1);
        while (taken < value.size && line->size < limit)
            put_escaped(line, value.data[taken++]);
        put(line, "\"", 1);
        cut = cut || taken < value.size;
    }
    if (cut)
        put(line, "...", 3);
}

static void put_field(struct line *line, const struct log_field *field)
{
    char number[32];
    put(line, " ", 1);
    put_string(line, field->key);
    put(line, "=", 1);
    switch (field->type) {
    case LOG_TYPE_STRING:
        put_value(line, slice_from_string(field->value.string != NULL ? field->value.string : ""));
        break;
    case LOG_TYPE_SLICE:
        put_value(line, field->value.slice);
        break;
    case LOG_TYPE_UNSIGNED:
        (void)snprintf(number, sizeof number, "%" PRIu64, field->value.number);
        put_string(line, number);
        break;
    case LOG_TYPE_SIGNED:
        (void)snprintf(number, sizeof number, "%" PRId64, field->value.signed_number);
        put_string(line, number);
        break;
    case LOG_TYPE_END:
        break;
    }
}

/* --- the latest lines ------------------------------------------------------------------------ */

/* Two parts, when the ring's end is between them. */
static void keep(const struct line *line)
{
    pthread_mutex_lock(&recent_lock);
    size_t at = recent_end % LOG_RECENT_BYTES, first = LOG_RECENT_BYTES - at;
    if (first > line->size)
        first = line->size;
    memcpy(recent + at, line->text, first);
    memcpy(recent, line->text + first, line->size - first);
    recent_end += line->size;
    pthread_mutex_unlock(&recent_lock);
}

/* The first line at or behind FROM of which all is there; under the lock. */
static uint64_t find_line(uint64_t from)
{
    uint64_t oldest = recent_end > LOG_RECENT_BYTES ? recent_end - LOG_RECENT_BYTES : 0;
    uint64_t at = from > recent_end ? 0 : from;
    if (at < oldest)
        at = oldest;
    while (at > 0 && at < recent_end &&
           (at == oldest || recent[(at - 1) % LOG_RECENT_BYTES] != '\n'))
        at++;
    return at;
}

uint64_t log_recent(uint64_t from, struct buf *out)
{
    pthread_mutex_lock(&recent_lock);
    uint64_t end = recent_end;
    for (uint64_t at = find_line(from); at < end;) {
        size_t place = at % LOG_RECENT_BYTES, size = LOG_RECENT_BYTES - place;
        if (size > end - at)
            size = end - at;
        buf_bytes(out, slice_of(recent + place, size));
        at += size;
    }
    pthread_mutex_unlock(&recent_lock);
    return end;
}

/* --- writing --------------------------------------------------------------------------------- */

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    static const char *const names[] = {[LOG_DEBUG] = " debug ",
                                        [LOG_INFO] = " info ",
                                        [LOG_WARNING] = " warning ",
                                        [LOG_ERROR] = " error "};
    if (level < atomic_load_explicit(&level_limit, memory_order_relaxed))
        return;
    int saved_errno = errno;
    struct timespec now;
    uint64_t dropped = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (level < LOG_ERROR && strcmp(event, LOG_AUDIT) != 0 && !admit(event, now.tv_sec, &dropped))
        return;

    struct line line;
    line.size = 0;
    put_time(&line, &now);
    put_string(&line, names[level]);
    put_string(&line, event);
    for (; fields->type != LOG_TYPE_END; fields++)
        put_field(&line, fields);
    if (dropped > 0)
        put_field(&line, &LOG_NUM("dropped", dropped));
    line.text[line.size++] = '\n';

    keep(&line);
    int fd = atomic_load_explicit(&output, memory_order_relaxed);
    ssize_t written;
    do
        written = write(fd, line.text, line.size);
    while (written < 0 && errno == EINTR);
    errno = saved_errno; /* a log line between a failed call and its report changes nothing */
}
