/* SPDX-License-Identifier: Apache-2.0
 *
 * record: the envelope of everything in the log, and the geometry of the files it is in. A position
 * (LSN) is an address: which segment, and where in it. Little endian. docs/log-format.md says the
 * same for people. Pure; any thread.
 */
#ifndef STOATMQ_PERSIST_RECORD_H
#define STOATMQ_PERSIST_RECORD_H

#include "persist/bytes.h"
#include "server/base/slice.h"

#define LOG_FORMAT_VERSION 3u

#ifndef SEGMENT_SHIFT /* test/sim makes it smaller, so that a log of many segments is quickly read \
                       */
#define SEGMENT_SHIFT 26 /* 64 MiB */
#endif
#define SEGMENT_BYTES        (1u << SEGMENT_SHIFT)
#define SEGMENT_HEADER_BYTES 4096u
#define SEGMENT_NAME_BYTES   32

#define RECORD_HEADER_BYTES 24u
#define RECORD_ALIGNMENT    8u
#define RECORD_PAYLOAD_MAX  (SEGMENT_BYTES / 8) /* larger messages are cut into parts */

enum record_type {
    RECORD_BATCH =
        1, /* starts each piece that was written at once: how far the log was durable before */
    RECORD_END = 2,  /* the rest of the segment is unused; the log goes on in the next */
    RECORD_PART = 3, /* a part of the body of the message record that follows */
    RECORD_FACT = 4, /* from here on: RECORD_FACT + enum store_record_kind */
};

struct record {
    uint8_t type; /* enum record_type and above */
    uint32_t
        epoch;    /* counts the times the log was opened to be written; never falls along the log */
    uint64_t lsn; /* where it stands */
    struct slice payload;
};

enum record_result {
    RECORD_OK = 0,
    RECORD_NONE =
        -1, /* no record of this position: nothing was ever written here, or of an older round */
    RECORD_BROKEN = -2, /* one was, but its checksum or length is wrong */
};

static inline uint64_t lsn_segment(uint64_t lsn)
{
    return lsn >> SEGMENT_SHIFT;
}

static inline uint32_t lsn_offset(uint64_t lsn)
{
    return (uint32_t)(lsn & (SEGMENT_BYTES - 1));
}

static inline uint64_t segment_first_lsn(uint64_t segment)
{
    return (segment << SEGMENT_SHIFT) + SEGMENT_HEADER_BYTES;
}

/* What a record with PAYLOAD_BYTES takes in the log, with padding. */
static inline uint32_t record_bytes(uint32_t payload_bytes)
{
    return (RECORD_HEADER_BYTES + payload_bytes + RECORD_ALIGNMENT - 1) & ~(RECORD_ALIGNMENT - 1);
}

/* Where the record behind RECORD stands. */
static inline uint64_t record_next_lsn(const struct record *record)
{
    return record->type == RECORD_END ? segment_first_lsn(lsn_segment(record->lsn) + 1)
                                      : record->lsn + record_bytes((uint32_t)record->payload.size);
}

/* Writes the header of a record whose PAYLOAD_BYTES stand behind it already, at AT; the checksum
 * covers both. */
void record_seal(uint8_t *at, uint8_t type, uint32_t epoch, uint64_t lsn, uint32_t payload_bytes);

/* How many bytes the record at LSN takes, where INPUT starts, by what its header says; 0 when there
 * is none or the header is not whole. */
uint32_t record_peek(struct slice input, uint64_t lsn);

/* Reads the record that stands at LSN, where INPUT starts (INPUT ends with the segment). */
enum record_result record_read(struct slice input, uint64_t lsn, struct record *record);

/* The record at the start of INPUT, which we wrote ourselves a moment ago: nothing is checked. */
void record_take(struct slice input, struct record *record);

/* Writes SEGMENT's file name, "00000000000000000001.log". */
void segment_name(uint64_t segment, char name[SEGMENT_NAME_BYTES]);

/* The number in a segment's file name; false for any other name. */
bool segment_number(const char *name, uint64_t *segment);

#define NODE_ID_BYTES 16

/* What stands in front of a segment. */
struct segment_header {
    uint32_t version;
    uint64_t segment;
    uint8_t node_id[NODE_ID_BYTES]; /* whose log it is */
};

void segment_header_write(uint8_t to[SEGMENT_HEADER_BYTES], const struct segment_header *header);

/* 0; -EINVAL: no header of a segment or a damaged one; the version is not looked at. */
int segment_header_read(const uint8_t from[SEGMENT_HEADER_BYTES], struct segment_header *header);

#endif
