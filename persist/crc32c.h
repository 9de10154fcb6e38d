/* SPDX-License-Identifier: Apache-2.0
 *
 * crc32c: the Castagnoli checksum (iSCSI's, RFC 3720 appendix B.4) that every record carries: in
 * hardware where the processor has it (SSE 4.2, ARMv8), by tables elsewhere; found out once. Pure;
 * any thread.
 */
#ifndef STOATMQ_PERSIST_CRC32C_H
#define STOATMQ_PERSIST_CRC32C_H

#include "server/base/slice.h"

/* The checksum of what CRC is the checksum of, followed by BYTES; 0 for nothing yet. */
uint32_t crc32c(uint32_t crc, struct slice bytes);

/* The same by tables, for tests and other processors. */
uint32_t crc32c_portable(uint32_t crc, struct slice bytes);

#endif
