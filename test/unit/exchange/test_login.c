/* SPDX-License-Identifier: Apache-2.0 */
/* Who may log in, and from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "exchange/engine.h"
#include "exchange/session.h"
#include "server/base/log.h"
#include "server/base/mem.h"

struct world {
    struct engine *engine;
    struct store_ram store;
    struct sink sink;
    struct env env;
    struct session *session;
    uint64_t now_ms;
    bool answered, accepted;
    uint32_t late_ms;
};

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct world *world = connection;
    (void)sink;
    if (effect->kind != EFFECT_LOGIN)
        return;
    world->answered = true;
    world->accepted = effect->accepted;
    world->late_ms = effect->late_ms;
}

static uint64_t now_ms(void *world)
{
    return ((struct world *)world)->now_ms;
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
    *world = (struct world){
        .sink = {emit},
        .env = {.context = world, .now_ms = now_ms, .wall_ms = now_ms, .random = fill}};
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

/* --- wrong ones from one address ------------------------------------------------------------- */

#define NAME "10.1.2.3:4000 -> 10.0.0.1:5672"

static void begin_from(struct world *world, const char *name)
{
    begin(world, false, false);
    mem_free((void *)world->session->name.data);
    world->session->name = slice_dup(slice_from_string(name));
}

static uint32_t fail_to_log_in(struct world *world)
{
    assert_false(log_in(world, "guest", "wrong"));
    return world->late_ms;
}

static void sixth_failure_and_later_ones_are_answered_later_and_later(void **state)
{
    (void)state;
    static const uint32_t late_ms[] = {0, 0, 0, 0, 0, 500, 1000, 2000, 4000, 4000, 4000};
    struct world world;
    begin_from(&world, NAME);
    for (size_t i = 0; i < sizeof late_ms / sizeof late_ms[0]; i++) {
        assert_int_equal(fail_to_log_in(&world), late_ms[i]);
        world.now_ms += 29999;
    }
    assert_true(log_in(&world, "guest", "secret"));
    assert_int_equal(world.late_ms, 0);
    end(&world);
}

static void half_a_minute_without_failures_begins_anew(void **state)
{
    (void)state;
    struct world world;
    begin_from(&world, NAME);
    for (int i = 0; i < 8; i++)
        (void)fail_to_log_in(&world);
    world.now_ms += 29999;
    assert_int_equal(fail_to_log_in(&world), 4000);
    world.now_ms += 30000;
    assert_int_equal(fail_to_log_in(&world), 0);
    end(&world);
}

static void failures_over_http_count_with_those_over_amqp(void **state)
{
    (void)state;
    struct world world;
    begin_from(&world, NAME);
    for (int i = 0; i < 5; i++)
        assert_int_equal(login_failed(world.engine, LOGIN_HTTP, SLICE_LITERAL("10.1.2.3")), 0);
    assert_int_equal(login_failed(world.engine, LOGIN_HTTP, SLICE_LITERAL("10.1.2.4")), 0);
    assert_int_equal(fail_to_log_in(&world), 500);
    end(&world);
}

struct seen {
    unsigned count;
    struct login_source last;
};

static void see(void *context, const struct login_source *source)
{
    struct seen *seen = context;
    seen->count++;
    seen->last = *source;
}

static void sources_are_listed_by_address_until_they_are_forgotten(void **state)
{
    (void)state;
    static const char *const names[][2] = {{NAME, "10.1.2.3"},
                                           {"[2001:db8::1]:4000 -> [::1]:5672", "2001:db8::1"},
                                           {"unknown -> unknown", "unknown"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct world world;
        struct seen seen = {0};
        begin_from(&world, names[i][0]);
        (void)login_failed(world.engine, LOGIN_HTTP, SLICE_LITERAL("first"));
        world.now_ms += 1;
        (void)fail_to_log_in(&world);
        (void)fail_to_log_in(&world);
        login_each_source(world.engine, &seen, see);
        assert_int_equal(seen.count, 2);
        assert_string_equal(seen.last.host, names[i][1]);
        assert_int_equal(seen.last.failures[LOGIN_AMQP], 2);
        assert_int_equal(seen.last.failures[LOGIN_HTTP], 0);
        world.now_ms += 29999;
        seen = (struct seen){0};
        login_each_source(world.engine, &seen, see);
        assert_int_equal(seen.count, 1);
        login_forget_sources(world.engine);
        seen = (struct seen){0};
        login_each_source(world.engine, &seen, see);
        assert_int_equal(seen.count, 0);
        end(&world);
    }
}

static void no_more_than_4096_sources_are_remembered(void **state)
{
    (void)state;
    struct world world;
    struct seen seen = {0};
    begin_from(&world, NAME);
    for (int i = 0; i < 5; i++)
        (void)fail_to_log_in(&world);
    for (unsigned i = 0; i < 5000; i++) {
        char host[LOGIN_HOST_BYTES];
        int size = snprintf(host, sizeof host, "10.2.%u.%u", i / 256, i % 256);
        (void)login_failed(world.engine, LOGIN_AMQP, slice_of(host, (size_t)size));
    }
    login_each_source(world.engine, &seen, see);
    assert_int_equal(seen.count, 4096);
    assert_int_equal(fail_to_log_in(&world), 0); /* it has made room */
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_password_logs_in),
        cmocka_unit_test(wrong_password_and_unknown_user_are_refused),
        cmocka_unit_test(loopback_user_is_refused_from_elsewhere),
        cmocka_unit_test(other_user_is_taken_from_elsewhere),
        cmocka_unit_test(sixth_failure_and_later_ones_are_answered_later_and_later),
        cmocka_unit_test(half_a_minute_without_failures_begins_anew),
        cmocka_unit_test(failures_over_http_count_with_those_over_amqp),
        cmocka_unit_test(sources_are_listed_by_address_until_they_are_forgotten),
        cmocka_unit_test(no_more_than_4096_sources_are_remembered),
    };
    return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
