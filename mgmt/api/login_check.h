/* SPDX-License-Identifier: Apache-2.0
 *
 * login_check: asks the engine about a login and brings back a copy of the user. A call: made on
 * the management's thread, run on the engine's, back again, freed.
 */
#ifndef STOATMQ_MGMT_API_LOGIN_CHECK_H
#define STOATMQ_MGMT_API_LOGIN_CHECK_H

#include "mgmt/api/authentication.h"

struct login_check {
    struct call call; /* first */
    struct authentication *authentication;
    struct slice name;           /* valid until DONE */
    struct slice password;       /* as well; or */
    bool by_mark;                /* instead: is the password still that of MARK? */
    struct api_user *user_asked; /* whom NAME is borrowed of: a reference, or NULL */
    uint8_t mark[AUTHENTICATION_KEY_BYTES];
    uint8_t key[AUTHENTICATION_KEY_BYTES]; /* of what is known, or of the session */
    uint64_t epoch;                        /* of what was asked */
    union address peer;
    /* The answer. */
    enum login_result result;
    const char *problem;                       /* for the log */
    uint32_t late_ms;                          /* by which a refusal is to be late */
    struct api_user *user;                     /* one reference, or NULL */
    void (*finish)(struct login_check *check); /* management's thread; CHECK is freed behind it */
    void *context;
    authentication_done *done;
};

/* Sends CHECK, which is from mem_alloc, on its way. */
void login_check_send(struct login_check *check);

#endif
