/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_check: what policy.c and the check of a client's wish for a policy share. Pure.
 */
#ifndef STOATMQ_EXCHANGE_POLICY_CHECK_H
#define STOATMQ_EXCHANGE_POLICY_CHECK_H

#include "exchange/policy.h"

#define POLICY_BYTES_MAX (512u * 1024) /* name and fields; well below DEFINITION_BYTES_MAX */

/* What a policy may be for, by its name in "apply-to"; ends with a name of NULL. */
struct policy_target {
    const char *name;
    unsigned objects; /* enum policy_object */
};

extern const struct policy_target policy_targets[];

/* NULL when there is none. */
const struct policy_target *policy_target_find(struct slice name);

/* Appends the pairs of DEFINITION, a valid table, in the order of keys. False when a key is there
 * TWICE. */
bool policy_sort_definition(struct slice definition, struct buf *sorted, struct slice *twice);

#endif
