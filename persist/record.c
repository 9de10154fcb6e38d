/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "persist/crc32c.h"

/* checksum, payload size, type and three zeros, epoch, LSN */
enum { AT_CRC = 0, AT_SIZE = 4, AT_TYPE = 8, AT_EPOCH = 12, AT_LSN = 16 };

/* An END stands for the rest of its segment, of which only the header was ever written. */
static uint32_t checked_bytes(uint8_t type, uint32_t payload_bytes)
{
    return RECORD_HEADER_BYTES - AT_SIZE + (type == RECORD_END ? 0 : payload_bytes);
}

void record_seal(uint8_t *at, uint8_t type, uint32_t epoch, uint64_t lsn, uint32_t payload_bytes)
{
    put_le32(at + AT_SIZE, payload_bytes);
    put_le32(at + AT_TYPE, type);
    put_le32(at + AT_EPOCH, epoch);
    put_le64(at + AT_LSN, lsn);
    put_le32(at + AT_CRC, crc32c(0, slice_of(at + AT_SIZE, checked_bytes(type, payload_bytes))));
}

uint32_t record_peek(struct slice input, uint64_t lsn)
{
    if (input.size < RECORD_HEADER_BYTES || get_le64(input.data + AT_LSN) != lsn ||
        get_le32(input.data + AT_SIZE) > SEGMENT_BYTES)
        return 0;
    return record_bytes(get_le32(input.data + AT_SIZE));
}

enum record_result record_read(struct slice input, uint64_t lsn, struct record *record)
{
    if (input.size < RECORD_HEADER_BYTES || get_le64(input.data + AT_LSN) != lsn)
        return RECORD_NONE;
    uint32_t payload_bytes = get_le32(input.data + AT_SIZE);
    uint32_t type = get_le32(input.data + AT_TYPE);
    if (payload_bytes > input.size - RECORD_HEADER_BYTES || type == 0 || type > UINT8_MAX ||
        (type != RECORD_END && payload_bytes > RECORD_PAYLOAD_MAX))
        return RECORD_BROKEN;
    uint32_t bytes = checked_bytes((uint8_t)type, payload_bytes);
    if (get_le32(input.data + AT_CRC) != crc32c(0, slice_of(input.data + AT_SIZE, bytes)))
        return RECORD_BROKEN;
    *record = (struct record){.type = (uint8_t)type,
                              .epoch = get_le32(input.data + AT_EPOCH),
                              .lsn = lsn,
                              .payload = slice_of(input.data + RECORD_HEADER_BYTES, payload_bytes)};
    return RECORD_OK;
}

void record_take(struct slice input, struct record *record)
{
    *record = (struct record){
        .type = (uint8_t)get_le32(input.data + AT_TYPE),
        .epoch = get_le32(input.data + AT_EPOCH),
        .lsn = get_le64(input.data + AT_LSN),
        .payload = slice_of(input.data + RECORD_HEADER_BYTES, get_le32(input.data + AT_SIZE))};
}

void segment_name(uint64_t segment, char name[SEGMENT_NAME_BYTES])
{
    snprintf(name, SEGMENT_NAME_BYTES, "%020" PRIu64 ".log", segment);
}

bool segment_number(const char *name, uint64_t *segment)
{
    char expected[SEGMENT_NAME_BYTES];
    if (sscanf(name, "%20" SCNu64, segment) != 1)
        return false;
    segment_name(*segment, expected);
    return strcmp(name, expected) == 0;
}

/* magic, version, node, segment number; the checksum of all that behind them */
static const char magic[8] = "STOATLOG";
enum { HEADER_VERSION = 8, HEADER_SEGMENT = 16, HEADER_NODE = 24, HEADER_CRC = 40 };

void segment_header_write(uint8_t to[SEGMENT_HEADER_BYTES], const struct segment_header *header)
{
    memset(to, 0, SEGMENT_HEADER_BYTES);
    memcpy(to, magic, sizeof magic);
    put_le32(to + HEADER_VERSION, header->version);
    put_le64(to + HEADER_SEGMENT, header->segment);
    memcpy(to + HEADER_NODE, header->node_id, NODE_ID_BYTES);
    put_le32(to + HEADER_CRC, crc32c(0, slice_of(to, HEADER_CRC)));
}

int segment_header_read(const uint8_t from[SEGMENT_HEADER_BYTES], struct segment_header *header)
{
    if (memcmp(from, magic, sizeof magic) != 0 ||
        get_le32(from + HEADER_CRC) != crc32c(0, slice_of(from, HEADER_CRC)))
        return -EINVAL;
    header->version = get_le32(from + HEADER_VERSION);
    header->segment = get_le64(from + HEADER_SEGMENT);
    memcpy(header->node_id, from + HEADER_NODE, NODE_ID_BYTES);
    return 0;
}
