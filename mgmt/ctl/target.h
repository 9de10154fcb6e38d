/* SPDX-License-Identifier: Apache-2.0
 *
 * target: which broker's API is meant, and who asks: from the options, then the environment
 * (STOATMQCTL_URI, _USER, _PASSWORD), then a file of `key = value` lines, then the defaults.
 */
#ifndef STOATMQ_MGMT_CTL_TARGET_H
#define STOATMQ_MGMT_CTL_TARGET_H

#include "mgmt/ctl/command.h"

enum { TARGET_TEXT_BYTES = 1024 };

struct target {
    char uri[TARGET_TEXT_BYTES]; /* without a / at the end */
    char user[TARGET_TEXT_BYTES];
    char password[TARGET_TEXT_BYTES];
    char ca_file[TARGET_TEXT_BYTES]; /* "": the system's */
};

/* 0, or an exit status that has been said. */
int target_find(struct target *target, const struct common *common)
    __attribute__((warn_unused_result));

/* Does the URI name this machine by its loopback addresses or "localhost"? */
bool target_is_local(const struct target *target);

/* The host of the URI, without brackets. */
void target_host(const struct target *target, char host[TARGET_TEXT_BYTES]);

#endif
