/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts_fixture: an engine with user "u" (password "p") and vhost "v" beside the default ones,
 * and what tests do to them. The default user may do all in "v".
 */
#ifndef STOATMQ_TEST_EXCHANGE_ACCOUNTS_FIXTURE_H
#define STOATMQ_TEST_EXCHANGE_ACCOUNTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "exchange/accounts.h"
#include "test/unit/exchange/harness.h"

static inline void put_user(struct harness *harness, const char *name)
{
    struct account_result result = access_put_user(
        harness->engine, &(struct user_spec){.name = S(name), .password = S("p")});
    assert_int_equal(result.status, ACCOUNT_CREATED);
}

static inline void put_vhost(struct harness *harness, const char *name)
{
    struct account_result result = access_put_vhost(harness->engine, S(name),
                                                    &(struct vhost_metadata){0}, S("guest"));
    assert_int_equal(result.status, ACCOUNT_CREATED);
}

static inline void permit(struct harness *harness, const char *configure, const char *write,
                          const char *read)
{
    struct account_result result = access_set_permission(
        harness->engine, S("v"), S("u"), (struct slice[]){S(configure), S(write), S(read)});
    assert_in_range(result.status, ACCOUNT_CREATED, ACCOUNT_REPLACED);
}

static inline void permit_topic(struct harness *harness, const char *write, const char *read)
{
    struct account_result result = access_set_topic_permission(
        harness->engine, S("v"), S("u"), S("t"), (struct slice[]){S(""), S(write), S(read)});
    assert_in_range(result.status, ACCOUNT_CREATED, ACCOUNT_REPLACED);
}

static inline void begin_accounts(struct harness *harness)
{
    harness_init(harness, 1);
    put_user(harness, "u");
    put_vhost(harness, "v");
}

/* A client in "v" whose opening went well, with channel 1. */
static inline struct client *open_v(struct harness *harness, const char *user, const char *password)
{
    struct client *client = client_open_as(harness, UINT32_MAX, user, password, "v");
    assert_int_equal(client_next(client)->method.id, METHOD_CONNECTION_OPEN_OK);
    client_channel(client, 1);
    return client;
}

/* What CLIENT saw next is a close of its channel or connection with CODE and TEXT. */
static inline void expect_closed(struct client *client, unsigned code, const char *text)
{
    const struct seen *seen = client_next(client);
    assert_non_null(seen);
    bool is_channel = seen->method.id == METHOD_CHANNEL_CLOSE;
    assert_true(is_channel || seen->method.id == METHOD_CONNECTION_CLOSE);
    struct slice reply = is_channel ? seen->method.channel_close.reply_text
                                    : seen->method.connection_close.reply_text;
    char found[256];
    snprintf(found, sizeof found, "%.*s", SLICE_ARGS(reply));
    assert_string_equal(found, text);
    assert_int_equal(is_channel ? seen->method.channel_close.reply_code
                                : seen->method.connection_close.reply_code,
                     code);
}

#endif
