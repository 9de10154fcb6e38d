/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint: an inventory in a file, as it was at some place in the log, so that recovery need not
 * read what stands before. There is one, replaced as a whole. docs/log-format.md has its format. A
 * thread that owns the inventory; calls block.
 */
#ifndef STOATMQ_PERSIST_CHECKPOINT_H
#define STOATMQ_PERSIST_CHECKPOINT_H

#include "persist/inventory.h"
#include "persist/io.h"

#define CHECKPOINT_NAME "checkpoint"

struct checkpoint {
    uint64_t lsn;   /* what stands before is in it */
    uint32_t epoch; /* of the last record before */
    uint8_t node_id[NODE_ID_BYTES];
    uint64_t bytes; /* the file's size */
};

/* The file's bytes: CHECKPOINT's fields but `bytes`, and INVENTORY, which loses its stale bindings.
 */
void checkpoint_encode(const struct checkpoint *checkpoint, struct inventory *inventory,
                       struct buf *out);

/* Reads them into an empty INVENTORY. 0, -EBADMSG when they are damaged, or -EPROTONOSUPPORT when a
 * newer version wrote them; INVENTORY is then good for inventory_fini only. */
int checkpoint_decode(struct checkpoint *checkpoint, struct inventory *inventory, struct slice file)
    __attribute__((warn_unused_result));

/* Writes the file, BYTES: when this returns 0 it is on the device, in place of the one before. Else
 * a negative errno, and the one before is what it was. Fills in checkpoint->bytes. */
int checkpoint_write(struct checkpoint *checkpoint, struct slice bytes, struct io *io)
    __attribute__((warn_unused_result));

/* Reads the file. 0; -ENOENT: there is none; otherwise as checkpoint_decode or a negative errno. */
int checkpoint_read(struct checkpoint *checkpoint, struct inventory *inventory, struct io *io)
    __attribute__((warn_unused_result));

#endif
