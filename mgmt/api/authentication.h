/* SPDX-License-Identifier: Apache-2.0
 *
 * authentication: who asks. A name and password (Basic) or a session's cookie is checked on the
 * engine's thread, where the users are; a good answer is kept for a second, so that a dashboard
 * which polls costs the engine little. Wrong ones are answered late, as the engine says.
 * Management's thread.
 */
#ifndef STOATMQ_MGMT_API_AUTHENTICATION_H
#define STOATMQ_MGMT_API_AUTHENTICATION_H

#include "mgmt/api/user.h"
#include "server/base/list.h"
#include "server/base/map.h"
#include "server/net/address.h"
#include "server/net/loop.h"

#define AUTHENTICATION_KEY_BYTES 32

/* As the API lists them: logins by protocol and source. */
struct login_attempts {
    uint64_t attempts, failed;
};

struct authentication {
    struct management *management;
    uint8_t salt[AUTHENTICATION_KEY_BYTES];
    struct map known; /* struct known: logins that were right a moment ago */
    struct list known_by_age;
    struct map sessions; /* struct login_session */
    struct list sessions_by_use;
    struct list late; /* struct late_answer: to be refused when their time has come */
    uint64_t epoch;   /* grows when users may have changed: what was known is void */
    uint32_t session_timeout_min;
    struct login_attempts attempts;    /* by HTTP */
    struct login_attempts amqp_before; /* AMQP's when they were counted from zero again */
};

enum login_result {
    LOGIN_ACCEPTED,
    LOGIN_REFUSED,      /* wrong name or password */
    LOGIN_NOT_LOOPBACK, /* right, but the user may log in from this machine only */
    LOGIN_TOO_MANY,     /* wrong ones came from there lately: nothing was checked */
    LOGIN_NO_SESSION,   /* the session is over */
};

void authentication_init(struct authentication *authentication, struct management *management,
                         uint32_t session_timeout_min);
void authentication_fini(struct authentication *authentication);

/* Every LOOP_TIMER_MS. */
void authentication_on_timer(struct authentication *authentication);

/* Users, permissions or tags may have changed: ask the engine again. */
void authentication_forget(struct authentication *authentication);

/* What came of a check. USER is borrowed during the call: LOGIN_ACCEPTED alone has one. */
typedef void authentication_done(void *context, enum login_result result, struct api_user *user);

/* Checks NAME and PASSWORD, which stay valid until DONE is called, now or later. A wrong one is
 * answered late when there were several from PEER. */
void authentication_check_password(struct authentication *authentication, struct slice name,
                                   struct slice password, const union address *peer, void *context,
                                   authentication_done *done);

/* Checks a session's TOKEN. */
void authentication_check_session(struct authentication *authentication, struct slice token,
                                  const union address *peer, void *context,
                                  authentication_done *done);

/* Begins a session of USER: writes its token, of which only a hash is kept, to TEXT. */
#define AUTHENTICATION_TOKEN_CHARS 43
void authentication_begin_session(struct authentication *authentication, struct api_user *user,
                                  uint8_t text[AUTHENTICATION_TOKEN_CHARS]);

/* Ends it; does nothing when there is none. */
void authentication_end_session(struct authentication *authentication, struct slice token);

#endif
