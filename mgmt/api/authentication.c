/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What is kept of a right password is a salted hash of name and password, for a
 * second; of a session's token a hash. A change of users by this API (authentication_forget) makes
 * both ask the engine again, so that it counts at once. Wrong logins: five from a source are free,
 * then each is answered later than the one before, to four seconds; and while many of them wait, no
 * more are looked at. So a source gets to try a handful of passwords a second, whatever it does.
 */
#include "mgmt/api/authentication.h"

#include "mgmt/api/login_check.h"
#include "mgmt/management.h"
#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define KNOWN_MAX        4096
#define KNOWN_MS         1000
#define SESSIONS_MAX     1000
#define LATE_OF_A_SOURCE 16

struct known {
    struct list_node by_age;
    uint8_t key[AUTHENTICATION_KEY_BYTES];
    uint64_t checked_ms, epoch;
    struct api_user *user;
};

struct login_session {
    struct list_node by_use;
    uint8_t key[AUTHENTICATION_KEY_BYTES];
    uint64_t used_ms, checked_ms, epoch;
    struct api_user *user;
};

struct late_answer {
    struct list_node node;
    uint64_t due_ms;
    char host[ADDRESS_HOST_BYTES];
    enum login_result result;
    void *context;
    authentication_done *done;
};

static uint64_t now_ms(const struct authentication *authentication)
{
    return loop_now_ms(&authentication->management->loop);
}

/* --- life ------------------------------------------------------------------------------------ */

void authentication_init(struct authentication *authentication, struct management *management,
                         uint32_t session_timeout_min)
{
    *authentication = (struct authentication){.management = management,
                                              .session_timeout_min = session_timeout_min};
    crypto_random(authentication->salt, sizeof authentication->salt);
    list_init(&authentication->known_by_age);
    list_init(&authentication->sessions_by_use);
    list_init(&authentication->late);
}

static void drop_known(struct authentication *authentication, struct known *known)
{
    map_remove(&authentication->known, slice_of(known->key, sizeof known->key));
    list_remove(&known->by_age);
    api_user_unref(known->user);
    mem_free(known);
}

static void drop_session(struct authentication *authentication, struct login_session *session)
{
    map_remove(&authentication->sessions, slice_of(session->key, sizeof session->key));
    list_remove(&session->by_use);
    api_user_unref(session->user);
    mem_free(session);
}

static void answer_late(struct late_answer *late)
{
    list_remove(&late->node);
    late->done(late->context, late->result, NULL);
    mem_free(late);
}

void authentication_on_timer(struct authentication *authentication)
{
    uint64_t now = now_ms(authentication);
    bool at_once = authentication->management->is_stopping;
    list_for_each_safe (it, &authentication->late) {
        struct late_answer *late = LIST_ENTRY(it, struct late_answer, node);
        if (at_once || now >= late->due_ms)
            answer_late(late);
    }
    for (struct list_node *node; (node = list_first(&authentication->known_by_age)) != NULL;) {
        struct known *known = LIST_ENTRY(node, struct known, by_age);
        if (now < known->checked_ms + KNOWN_MS)
            break;
        drop_known(authentication, known);
    }
    uint64_t session_ms = (uint64_t)authentication->session_timeout_min * 60000;
    for (struct list_node *node; (node = list_first(&authentication->sessions_by_use)) != NULL;) {
        struct login_session *session = LIST_ENTRY(node, struct login_session, by_use);
        if (now < session->used_ms + session_ms)
            break;
        drop_session(authentication, session);
    }
}

void authentication_fini(struct authentication *authentication)
{
    list_for_each_safe (it, &authentication->late)
        answer_late(LIST_ENTRY(it, struct late_answer, node));
    list_for_each_safe (it, &authentication->known_by_age)
        drop_known(authentication, LIST_ENTRY(it, struct known, by_age));
    list_for_each_safe (it, &authentication->sessions_by_use)
        drop_session(authentication, LIST_ENTRY(it, struct login_session, by_use));
    map_fini(&authentication->known);
    map_fini(&authentication->sessions);
}

void authentication_forget(struct authentication *authentication)
{
    authentication->epoch++;
}

/* --- wrong ones ------------------------------------------------------------------------------ */

/* Answers that wait for HOST: none of them is many, so they are looked through. */
static unsigned count_late(const struct authentication *authentication, const char *host)
{
    unsigned count = 0;
    list_for_each (it, &authentication->late)
        count += strcmp(LIST_ENTRY(it, struct late_answer, node)->host, host) == 0;
    return count;
}

/* Counts a wrong login and has it answered, sooner or later. */
static void refuse(struct login_check *check)
{
    struct authentication *authentication = check->authentication;
    char host[ADDRESS_HOST_BYTES] = {0};
    address_host(&check->peer, host);
    authentication->attempts.failed++;
    log_warning("login_refused", LOG_STR("protocol", "http"), LOG_STR("peer", host),
                LOG_BYTES("user", check->name), LOG_STR("reason", check->problem),
                LOG_NUM("answered_late_ms", check->late_ms));
    if (check->late_ms == 0) {
        check->done(check->context, check->result, NULL);
        return;
    }
    struct late_answer *late = mem_zalloc(sizeof *late);
    late->due_ms = now_ms(authentication) + check->late_ms;
    memcpy(late->host, host, sizeof late->host);
    late->result = check->result;
    late->context = check->context;
    late->done = check->done;
    list_append(&authentication->late, &late->node);
}

/* --- name and password ----------------------------------------------------------------------- */

/* Hash of name and password under a salt of this process. */
static void key_of_password(const struct authentication *authentication, struct slice name,
                            struct slice password, uint8_t key[AUTHENTICATION_KEY_BYTES])
{
    struct buf text = {0};
    buf_u32(&text, (uint32_t)name.size);
    buf_bytes(&text, name);
    buf_bytes(&text, password);
    crypto_sha256(slice_of(authentication->salt, sizeof authentication->salt), buf_slice(&text),
                  key);
    memset(text.data, 0, text.size);
    buf_fini(&text);
}

static void remember(const struct login_check *check)
{
    struct authentication *authentication = check->authentication;
    struct known *known = map_get(&authentication->known, slice_of(check->key, sizeof check->key));
    if (known != NULL)
        drop_known(authentication, known);
    if (authentication->known.count >= KNOWN_MAX)
        drop_known(authentication,
                   LIST_ENTRY(list_first(&authentication->known_by_age), struct known, by_age));
    known = mem_zalloc(sizeof *known);
    memcpy(known->key, check->key, sizeof known->key);
    known->checked_ms = now_ms(authentication);
    known->epoch = check->epoch;
    known->user = api_user_ref(check->user);
    map_add(&authentication->known, slice_of(known->key, sizeof known->key), known);
    list_append(&authentication->known_by_age, &known->by_age);
}

/* Do so many wrong ones from the peer wait that no other is to learn anything now? */
static bool is_guessing(const struct authentication *authentication, const union address *peer)
{
    char host[ADDRESS_HOST_BYTES] = {0};
    address_host(peer, host);
    return count_late(authentication, host) >= LATE_OF_A_SOURCE;
}

static void finish_password(struct login_check *check)
{
    if (is_guessing(check->authentication, &check->peer)) { /* sent many at once */
        check->authentication->attempts.failed++;
        check->done(check->context, LOGIN_TOO_MANY, NULL);
        return;
    }
    if (check->result != LOGIN_ACCEPTED) {
        refuse(check);
        return;
    }
    remember(check);
    check->done(check->context, LOGIN_ACCEPTED, check->user);
}

void authentication_check_password(struct authentication *authentication, struct slice name,
                                   struct slice password, const union address *peer, void *context,
                                   authentication_done *done)
{
    uint8_t key[AUTHENTICATION_KEY_BYTES];
    authentication->attempts.attempts++;
    key_of_password(authentication, name, password, key);
    struct known *known = map_get(&authentication->known, slice_of(key, sizeof key));
    if (known != NULL && known->epoch == authentication->epoch &&
        now_ms(authentication) < known->checked_ms + KNOWN_MS) {
        struct api_user *user = api_user_ref(known->user);
        done(context, LOGIN_ACCEPTED, user);
        api_user_unref(user);
        return;
    }
    if (is_guessing(authentication, peer)) {
        authentication->attempts.failed++;
        done(context, LOGIN_TOO_MANY, NULL);
        return;
    }
    struct login_check *check = mem_zalloc(sizeof *check);
    check->authentication = authentication;
    check->name = name;
    check->password = password;
    memcpy(check->key, key, sizeof key);
    check->epoch = authentication->epoch;
    check->peer = *peer;
    check->finish = finish_password;
    check->context = context;
    check->done = done;
    login_check_send(check);
}

/* --- sessions -------------------------------------------------------------------------------- */

static struct login_session *find_session(const struct authentication *authentication,
                                          struct slice token, uint8_t key[AUTHENTICATION_KEY_BYTES])
{
    crypto_sha256(slice_of(authentication->salt, sizeof authentication->salt), token, key);
    return map_get(&authentication->sessions, slice_of(key, AUTHENTICATION_KEY_BYTES));
}

static void finish_session(struct login_check *check)
{
    struct authentication *authentication = check->authentication;
    struct login_session *session = map_get(&authentication->sessions,
                                            slice_of(check->key, sizeof check->key));
    if (session == NULL || check->result != LOGIN_ACCEPTED) {
        if (session != NULL)
            drop_session(authentication, session); /* the user is gone, or has another password */
        check->done(check->context, LOGIN_NO_SESSION, NULL);
        return;
    }
    api_user_unref(session->user);
    session->user = api_user_ref(check->user);
    session->checked_ms = now_ms(authentication);
    session->epoch = check->epoch;
    check->done(check->context, LOGIN_ACCEPTED, check->user);
}

void authentication_check_session(struct authentication *authentication, struct slice token,
                                  const union address *peer, void *context,
                                  authentication_done *done)
{
    uint8_t key[AUTHENTICATION_KEY_BYTES];
    struct login_session *session = find_session(authentication, token, key);
    if (session == NULL) {
        done(context, LOGIN_NO_SESSION, NULL);
        return;
    }
    session->used_ms = now_ms(authentication);
    list_remove(&session->by_use);
    list_append(&authentication->sessions_by_use, &session->by_use);
    struct api_user *user = api_user_ref(session->user);
    if (session->epoch == authentication->epoch &&
        now_ms(authentication) < session->checked_ms + KNOWN_MS) {
        done(context, LOGIN_ACCEPTED, user);
        api_user_unref(user);
        return;
    }
    struct login_check *check = mem_zalloc(sizeof *check);
    check->authentication = authentication;
    check->by_mark = true;
    memcpy(check->mark, user->password_mark, sizeof check->mark);
    memcpy(check->key, key, sizeof key);
    check->user_asked = user;
    check->name = user->name;
    check->epoch = authentication->epoch;
    check->peer = *peer;
    check->finish = finish_session;
    check->context = context;
    check->done = done;
    login_check_send(check);
}

void authentication_begin_session(struct authentication *authentication, struct api_user *user,
                                  uint8_t text[AUTHENTICATION_TOKEN_CHARS])
{
    uint8_t random[AUTHENTICATION_KEY_BYTES];
    crypto_random(random, sizeof random);
    struct slice token = crypto_token(text, slice_of(random, sizeof random));
    CHECK(token.size == AUTHENTICATION_TOKEN_CHARS);
    if (authentication->sessions.count >= SESSIONS_MAX)
        drop_session(authentication, LIST_ENTRY(list_first(&authentication->sessions_by_use),
                                                struct login_session, by_use));
    struct login_session *session = mem_zalloc(sizeof *session);
    (void)find_session(authentication, token, session->key);
    session->used_ms = session->checked_ms = now_ms(authentication);
    session->epoch = authentication->epoch;
    session->user = api_user_ref(user);
    map_add(&authentication->sessions, slice_of(session->key, sizeof session->key), session);
    list_append(&authentication->sessions_by_use, &session->by_use);
}

void authentication_end_session(struct authentication *authentication, struct slice token)
{
    uint8_t key[AUTHENTICATION_KEY_BYTES];
    struct login_session *session = find_session(authentication, token, key);
    if (session != NULL)
        drop_session(authentication, session);
}
