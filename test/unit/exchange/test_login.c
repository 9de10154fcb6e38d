/* SPDX-License-Identifier: Apache-2.0 */
/* Who may log in, and from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange/engine.h"
#include "exchange/session.h"
#include "server/base/log.h"

struct world {
    struct engine *engine;
    struct store_ram store;
    struct sink sink;
    struct env env;
    struct session *session;
    bool answered, accepted;
};

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct world *world = connection;
    (void)sink;
    if (effect->kind != EFFECT_LOGIN)
        return;
    world->answered = true;
    world->accepted = effect->accepted;
}

static void fill(void *context, void *to, size_t size)
{
    (void)context;
    memset(to, 7, size);
}

static bool is_guest(void *context, struct slice user)
{
    (void)context;
    return slice_equal(user, SLICE_LITERAL("guest"));
}

static void begin(struct world *world, bool loopback_only, bool from_loopback)
{
    *world = (struct world){.sink = {emit}, .env = {.random = fill}};
    log_set_level(LOG_ERROR);
    store_ram_init(&world->store);
    world->engine = engine_new(
        &(struct engine_config){.env = &world->env,
                                .store = &world->store.store,
                                .default_vhost = SLICE_LITERAL("/"),
                                .default_user = SLICE_LITERAL("guest"),
                                .default_pass = SLICE_LITERAL("secret"),
                                .is_loopback_only = loopback_only ? is_guest : NULL});
    world->session = session_new();
    engine_apply(world->engine, &(struct command){.kind = COMMAND_SESSION_OPEN,
                                                  .session = world->session,
                                                  .open = {.sink = &world->sink,
                                                           .connection = world,
                                                           .name = SLICE_LITERAL("test"),
                                                           .from_loopback = from_loopback,
                                                           .unwritten_max = 1 << 20}});
}

static bool log_in(struct world *world, const char *user, const char *password)
{
    world->answered = false;
    engine_apply(world->engine,
                 &(struct command){.kind = COMMAND_LOGIN,
                                   .session = world->session,
                                   .login = {.mechanism = SLICE_LITERAL("PLAIN"),
                                             .user = slice_from_string(user),
                                             .password = slice_from_string(password)}});
    assert_true(world->answered);
    return world->accepted;
}

static void end(struct world *world)
{
    engine_apply(world->engine, &(struct command){.kind = COMMAND_SESSION_CLOSE,
                                                  .session = world->session,
                                                  .close_reason = "test"});
    engine_free(world->engine);
}

static void right_password_logs_in(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, true);
    assert_true(log_in(&world, "guest", "secret"));
    end(&world);
}

static void wrong_password_and_unknown_user_are_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, true);
    assert_false(log_in(&world, "guest", "Secret"));
    assert_false(log_in(&world, "guest", ""));
    assert_false(log_in(&world, "guest", "secrets"));
    assert_false(log_in(&world, "nobody", "secret"));
    assert_int_equal(world.engine->counters.logins_refused, 4);
    end(&world);
}

static void loopback_user_is_refused_from_elsewhere(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, false);
    assert_false(log_in(&world, "guest", "secret"));
    end(&world);
}

static void other_user_is_taken_from_elsewhere(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, false);
    assert_true(log_in(&world, "guest", "secret"));
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_password_logs_in),
        cmocka_unit_test(wrong_password_and_unknown_user_are_refused),
        cmocka_unit_test(loopback_user_is_refused_from_elsewhere),
        cmocka_unit_test(other_user_is_taken_from_elsewhere),
    };
    return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
