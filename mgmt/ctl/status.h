/* SPDX-License-Identifier: Apache-2.0
 *
 * status: what several commands ask of the API about the node.
 */
#ifndef STOATMQ_MGMT_CTL_STATUS_H
#define STOATMQ_MGMT_CTL_STATUS_H

#include "mgmt/ctl/api.h"

/* The overview, and the node that answered: new references; either may be NULL to not ask. 0, or an
 * exit status that has been said. */
int status_ask(struct api *api, json_t **overview, json_t **node)
    __attribute__((warn_unused_result));

/* Prints a line for each of the overview's listeners of this node. */
void status_print_listeners(const json_t *overview);

#endif
