/* SPDX-License-Identifier: Apache-2.0
 *
 * adjust: settings that an operator changes while the broker runs, past its files: they hold until
 * it ends or reads its settings again. Only some, none of which names a file. Main thread.
 */
#ifndef STOATMQ_SERVER_ADJUST_H
#define STOATMQ_SERVER_ADJUST_H

#include "server/node.h"

/* Sets KEY to VALUE, both as they would stand in a file, and what follows from it at once. Of two
 * keys that say the same in two ways, the one that was set counts. 0, or -1 with a text for people
 * in ERROR: then all is as it was. */
int adjust(struct node *node, struct slice key, struct slice value, char *error, size_t error_size)
    __attribute__((warn_unused_result));

#endif
