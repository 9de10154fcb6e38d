/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message goes: exchange types, bindings between exchanges, alternate exchanges. */
#include "expect.h"

static const char *new_queue(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

static const char *new_exchange(struct channel *ch, const char *type)
{
    const char *exchange = exchange_name();
    exchange_declare(ch, .exchange = str(exchange), .type = str(type));
    return exchange;
}

/* A new queue that is bound to the exchange. */
static const char *bound(struct channel *ch, const char *exchange, const char *key)
{
    const char *queue = new_queue(ch);
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str(key));
    return queue;
}

static const char *bound_by_headers(struct channel *ch, const char *exchange,
                                    amqp_table_t arguments)
{
    const char *queue = new_queue(ch);
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .arguments = arguments);
    return queue;
}

static void publish_headers(struct channel *ch, const char *exchange, amqp_table_t headers,
                            const char *body)
{
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                                .headers = headers};
    publish_with(ch, exchange, "", &properties, str(body));
}

/* The queue holds one copy and no more. */
static void expect_one_copy(struct channel *ch, const char *queue, const char *body)
{
    expect_got(ch, queue, body);
    expect_empty(ch, queue);
}

static void default_exchange_routes_by_queue_name(void **state)
{
    struct channel *ch = *state;
    const char *queue = new_queue(ch), *other = new_queue(ch);

    publish(ch, "", queue, "x");
    expect_one_copy(ch, queue, "x");
    expect_empty(ch, other);
}

static void direct_exchange_routes_by_equal_key(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "direct");
    const char *red = bound(ch, exchange, "red"), *also_red = bound(ch, exchange, "red"),
               *blue = bound(ch, exchange, "blue"), *empty = bound(ch, exchange, ""),
               *hash = bound(ch, exchange, "#");

    publish(ch, exchange, "red", "1");
    publish(ch, exchange, "", "2");
    publish(ch, exchange, "green", "3");
    publish(ch, exchange, "RED", "4");
    expect_one_copy(ch, red, "1");
    expect_one_copy(ch, also_red, "1");
    expect_empty(ch, blue);
    expect_one_copy(ch, empty, "2");
    expect_empty(ch, hash);
}

static void fanout_exchange_ignores_keys(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "fanout");
    const char *one = bound(ch, exchange, "a"), *two = bound(ch, exchange, "b");

    publish(ch, exchange, "c", "x");
    expect_one_copy(ch, one, "x");
    expect_one_copy(ch, two, "x");
}

static void queue_bound_twice_gets_one_copy(void **state)
{
    struct channel *ch = *state;
    static const char *const types[] = {"direct", "fanout", "topic"};

    for (size_t i = 0; i < 3; i++) {
        const char *exchange = new_exchange(ch, types[i]), *queue = bound(ch, exchange, "a.b");
        queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.b"));
        queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.*"));
        queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("#"));
        queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("#.b"));
        queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.b"),
                   .arguments = TABLE(table_int("differs", 1)));
        publish(ch, exchange, "a.b", types[i]);
        expect_one_copy(ch, queue, types[i]);
    }
}

static void bindings_with_other_arguments_are_other_bindings(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "direct"), *queue = bound(ch, exchange, "k");

    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"),
               .arguments = TABLE(table_int("differs", 1)));
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    publish(ch, exchange, "k", "still bound");
    expect_one_copy(ch, queue, "still bound");
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"),
                 .arguments = TABLE(table_int("differs", 1)));
    publish(ch, exchange, "k", "lost");
    expect_empty(ch, queue);
}

static void binding_made_twice_goes_with_one_unbind(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "direct"), *queue = bound(ch, exchange, "k");

    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    publish(ch, exchange, "k", "lost");
    expect_empty(ch, queue);
}

static void topic_exchange_matches_words_with_star_and_hash(void **state)
{
    struct channel *ch = *state;
    static const struct {
        const char *pattern;
        const char *matches; /* the digits of the keys below */
    } cases[] = {
        {"a.b.c", "0"},       {"a.*.c", "03"},   {"*", "147"},   {"#", "0123456789"},
        {"a.#", "01369"},     {"#.c", "037"},    {"*.*", "268"}, {"a.#.#.c", "03"},
        {"#.*", "012346789"}, {"a.*.#", "0369"}, {"", "5"},      {"a..b", "9"},
        {"a.*.b", "9"},       {"*.b.#", "026"},  {"a*", ""},     {"A.b", ""},
        {".", "8"},           {"a.b.#.b", ""},   {"#.b", "269"}, {"#.a.#", "01369"},
    };
    static const char *const keys[] = {"a.b.c", "a",   "b.b", "a.x.c", "x",
                                       "",      "a.b", "c",   ".",     "a..b"};
    enum { CASES = sizeof cases / sizeof *cases, KEYS = sizeof keys / sizeof *keys };
    const char *exchange = new_exchange(ch, "topic"), *queues[CASES];

    for (size_t i = 0; i < CASES; i++)
        queues[i] = bound(ch, exchange, cases[i].pattern);
    for (size_t k = 0; k < KEYS; k++) {
        const char digit[] = {(char)('0' + k), '\0'};
        publish(ch, exchange, keys[k], digit);
    }
    for (size_t i = 0; i < CASES; i++) {
        char got[KEYS + 1] = "";
        struct delivery message;
        while (get(ch, queues[i], true, &message))
            strncat(got, message.body.bytes, 1);
        if (strcmp(got, cases[i].matches) != 0)
            fail_msg("pattern '%s': got keys %s, expected %s", cases[i].pattern, got,
                     cases[i].matches);
    }
}

static void topic_unbind_of_one_pattern_leaves_the_others(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "topic"), *queue = bound(ch, exchange, "a.#"),
               *other = bound(ch, exchange, "a.*");

    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.*"));
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.#"));
    publish(ch, exchange, "a.b", "1");
    publish(ch, exchange, "a.b.c", "2");
    expect_one_copy(ch, queue, "1");
    expect_one_copy(ch, other, "1");
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.*"));
    publish(ch, exchange, "a.b", "3");
    expect_empty(ch, queue);
    expect_one_copy(ch, other, "3");
}

static void headers_exchange_matches_all_by_default(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "headers");
    amqp_table_t two = TABLE(table_string("colour", "brown"), table_int("legs", 4));
    amqp_table_t two_all = TABLE(table_string("x-match", "all"), table_string("colour", "brown"),
                                 table_int("legs", 4));
    const char *by_default = bound_by_headers(ch, exchange, two),
               *all = bound_by_headers(ch, exchange, two_all),
               *nothing = bound_by_headers(ch, exchange, amqp_empty_table);

    publish_headers(ch, exchange, two, "both");
    publish_headers(ch, exchange, TABLE(table_string("colour", "brown")), "one");
    publish_headers(ch, exchange, TABLE(table_string("colour", "red"), table_int("legs", 4)),
                    "other");
    publish_headers(
        ch, exchange,
        TABLE(table_int("legs", 4), table_string("colour", "brown"), table_bool("more", 1)),
        "more");
    for (int i = 0; i < 2; i++) {
        const char *queue = i == 0 ? by_default : all;
        expect_got(ch, queue, "both");
        expect_one_copy(ch, queue, "more");
    }
    expect_got(ch, nothing, "both");
    expect_got(ch, nothing, "one");
    expect_got(ch, nothing, "other");
    expect_one_copy(ch, nothing, "more");
}

static void headers_exchange_matches_any(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "headers");
    const char *queue = bound_by_headers(ch, exchange,
                                         TABLE(table_string("x-match", "any"),
                                               table_string("colour", "brown"),
                                               table_int("legs", 4)));
    const char *nothing = bound_by_headers(ch, exchange, TABLE(table_string("x-match", "any")));

    publish_headers(ch, exchange, TABLE(table_string("colour", "brown")), "colour");
    publish_headers(ch, exchange, TABLE(table_int("legs", 4), table_int("tail", 1)), "legs");
    publish_headers(ch, exchange, TABLE(table_int("legs", 2)), "neither");
    publish_headers(ch, exchange, amqp_empty_table, "none");
    publish(ch, exchange, "", "no properties");
    expect_got(ch, queue, "colour");
    expect_one_copy(ch, queue, "legs");
    expect_empty(ch, nothing);
}

static void headers_exchange_void_value_means_presence(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "headers");
    const char *queue = bound_by_headers(ch, exchange, TABLE(table_void("colour")));

    publish_headers(ch, exchange, TABLE(table_string("colour", "any at all")), "string");
    publish_headers(ch, exchange, TABLE(table_int("colour", 0)), "int");
    publish_headers(ch, exchange, TABLE(table_int("legs", 4)), "absent");
    expect_got(ch, queue, "string");
    expect_one_copy(ch, queue, "int");
}

static void headers_exchange_compares_numbers_by_value_and_not_with_strings(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "headers");
    const char *queue = bound_by_headers(ch, exchange, TABLE(table_int("legs", 4)));
    amqp_table_entry_t wide = {.key = str("legs"),
                               .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 4}};
    amqp_table_entry_t real = {.key = str("legs"),
                               .value = {.kind = AMQP_FIELD_KIND_F64, .value.f64 = 4}};
    amqp_table_entry_t when = {.key = str("legs"),
                               .value = {.kind = AMQP_FIELD_KIND_TIMESTAMP, .value.u64 = 4}};

    publish_headers(ch, exchange, TABLE(table_string("legs", "4")), "string");
    publish_headers(ch, exchange, TABLE(table_bool("legs", true)), "bool");
    publish_headers(ch, exchange, TABLE(table_void("legs")), "void");
    publish_headers(ch, exchange, TABLE(wide), "int64");
    publish_headers(ch, exchange, TABLE(real), "double");
    publish_headers(ch, exchange, TABLE(when), "timestamp");
    publish_headers(ch, exchange, TABLE(table_int("legs", 4)), "int32");
    publish_headers(ch, exchange, TABLE(table_int("legs", 5)), "five");
    expect_got(ch, queue, "int64");
    expect_got(ch, queue, "double");
    expect_got(ch, queue, "timestamp");
    expect_one_copy(ch, queue, "int32");
}

static void headers_exchange_ignores_x_headers_unless_with_x(void **state)
{
    struct channel *ch = *state;
    const char *exchange = new_exchange(ch, "headers");
    static const char *const kinds[] = {"all", "all-with-x", "any", "any-with-x"};
    const char *queues[4];

    for (size_t i = 0; i < 4; i++)
        queues[i] = bound_by_headers(ch, exchange,
                                     TABLE(table_string("x-match", kinds[i]),
                                           table_string("colour", "brown"),
                                           table_string("x-kind", "stoat")));
    publish_headers(ch, exchange,
                    TABLE(table_string("colour", "brown"), table_string("x-kind", "stoat")),
                    "both");
    publish_headers(ch, exchange, TABLE(table_string("colour", "brown")), "colour");
    publish_headers(ch, exchange, TABLE(table_string("x-kind", "stoat")), "x-kind");
    expect_got(ch, queues[0], "both");
    expect_one_copy(ch, queues[0], "colour");
    expect_one_copy(ch, queues[1], "both");
    expect_got(ch, queues[2], "both");
    expect_one_copy(ch, queues[2], "colour");
    expect_got(ch, queues[3], "both");
    expect_got(ch, queues[3], "colour");
    expect_one_copy(ch, queues[3], "x-kind");
}

static void headers_binding_with_bad_x_match_closes_channel_406(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *exchange = new_exchange(ch, "headers"), *queue = new_queue(ch);

    send_queue_bind(ch, .queue = str(queue), .exchange = str(exchange),
                    .arguments = TABLE(table_string("x-match", "most")));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - Invalid x-match field value <<\"most\">>; expected all, "
        "any, all-with-x, or any-with-x");
    send_queue_bind(other, .queue = str(queue), .exchange = str(exchange),
                    .arguments = TABLE(table_int("x-match", 1)));
    expect_channel_close(
        other, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected "
        "longstr");
}

static void alternate_exchange_takes_what_was_not_routed(void **state)
{
    struct channel *ch = *state;
    const char *spare = new_exchange(ch, "fanout"), *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                     .arguments = TABLE(table_string("alternate-exchange", spare)));
    const char *queue = bound(ch, exchange, "k"), *rest = bound(ch, spare, "");
    publish(ch, exchange, "k", "routed");
    publish_mandatory(ch, exchange, "other", "not routed");
    expect_one_copy(ch, queue, "routed");
    struct delivery message = expect_get(ch, rest, "not routed");
    assert_bytes(message.exchange, exchange);
    assert_bytes(message.routing_key, "other");
    expect_empty(ch, rest);
    assert_int_equal(client_pending(ch, AMQP_BASIC_RETURN_METHOD), 0);
}

static void alternate_exchanges_in_a_chain_and_a_cycle_end(void **state)
{
    struct channel *ch = *state;
    const char *first = exchange_name(), *second = exchange_name();

    exchange_declare(ch, .exchange = str(first), .type = str("direct"),
                     .arguments = TABLE(table_string("alternate-exchange", second)));
    exchange_declare(ch, .exchange = str(second), .type = str("direct"),
                     .arguments = TABLE(table_string("alternate-exchange", first)));
    const char *queue = bound(ch, second, "k");
    publish(ch, first, "k", "by the chain");
    expect_one_copy(ch, queue, "by the chain");
    publish_mandatory(ch, first, "other", "nowhere");
    expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
}

static void missing_alternate_exchange_is_ignored(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name(), *missing = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                     .arguments = TABLE(table_string("alternate-exchange", missing)));
    publish_mandatory(ch, exchange, "k", "nowhere");
    expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
}

static void message_passes_through_bound_exchanges(void **state)
{
    struct channel *ch = *state;
    const char *source = new_exchange(ch, "topic"), *middle = new_exchange(ch, "direct");
    const char *queue = bound(ch, middle, "a.b"), *other = bound(ch, middle, "a.c");

    exchange_bind(ch, .destination = str(middle), .source = str(source), .routing_key = str("a.*"));
    publish(ch, source, "a.b", "x");
    publish(ch, source, "b.b", "no");
    struct delivery message = expect_get(ch, queue, "x");
    assert_bytes(message.exchange, source);
    assert_bytes(message.routing_key, "a.b");
    expect_empty(ch, queue);
    expect_empty(ch, other);
    exchange_unbind(ch, .destination = str(middle), .source = str(source),
                    .routing_key = str("a.*"));
    publish(ch, source, "a.b", "no");
    expect_empty(ch, queue);
}

static void cycle_of_exchanges_delivers_one_copy(void **state)
{
    struct channel *ch = *state;
    const char *one = new_exchange(ch, "fanout"), *two = new_exchange(ch, "fanout"),
               *three = new_exchange(ch, "fanout");
    const char *queue = bound(ch, three, "");

    queue_bind(ch, .queue = str(queue), .exchange = str(one));
    exchange_bind(ch, .destination = str(two), .source = str(one));
    exchange_bind(ch, .destination = str(three), .source = str(two));
    exchange_bind(ch, .destination = str(one), .source = str(three));
    exchange_bind(ch, .destination = str(one), .source = str(one));
    publish(ch, one, "", "x");
    publish(ch, two, "", "y");
    expect_got(ch, queue, "x");
    expect_one_copy(ch, queue, "y");
}

static void deleting_an_exchange_removes_its_bindings_on_both_sides(void **state)
{
    struct channel *ch = *state;
    const char *source = new_exchange(ch, "fanout"), *middle = new_exchange(ch, "fanout");
    const char *queue = bound(ch, middle, ""), *beside = bound(ch, source, "");

    exchange_bind(ch, .destination = str(middle), .source = str(source));
    publish(ch, source, "", "1");
    expect_one_copy(ch, queue, "1");
    exchange_delete(ch, .exchange = str(middle));
    exchange_declare(ch, .exchange = str(middle), .type = str("fanout"));
    publish(ch, source, "", "2");
    publish(ch, middle, "", "3");
    expect_empty(ch, queue);
    expect_got(ch, beside, "1");
    expect_one_copy(ch, beside, "2");
}

static void every_change_of_bindings_shows_in_the_next_publish(void **state)
{
    struct channel *ch = *state;
    static const char *const types[] = {"direct", "fanout", "topic", "headers"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *source = new_exchange(ch, types[i]), *queue = new_queue(ch),
                   *inner = new_exchange(ch, "fanout"), *inner_queue = bound(ch, inner, "");
        for (int round = 0; round < 3; round++) {
            publish(ch, source, "k", "unbound");
            expect_empty(ch, queue);
            queue_bind(ch, .queue = str(queue), .exchange = str(source), .routing_key = str("k"));
            publish(ch, source, "k", "bound");
            expect_one_copy(ch, queue, "bound");
            expect_empty(ch, inner_queue);
            exchange_bind(ch, .destination = str(inner), .source = str(source),
                          .routing_key = str("k"));
            publish(ch, source, "k", "both");
            expect_one_copy(ch, queue, "both");
            expect_one_copy(ch, inner_queue, "both");
            if (round == 1) {
                queue_delete(ch, .queue = str(queue));
                publish(ch, source, "k", "to the other");
                expect_one_copy(ch, inner_queue, "to the other");
                queue_declare(ch, .queue = str(queue));
            }
            queue_unbind(ch, .queue = str(queue), .exchange = str(source), .routing_key = str("k"));
            exchange_unbind(ch, .destination = str(inner), .source = str(source),
                            .routing_key = str("k"));
        }
        expect_empty(ch, inner_queue);
    }
}

static void internal_exchange_routes_what_other_exchanges_pass_on(void **state)
{
    struct channel *ch = *state;
    const char *source = new_exchange(ch, "fanout"), *inner = exchange_name();

    exchange_declare(ch, .exchange = str(inner), .type = str("fanout"), .internal = 1);
    exchange_bind(ch, .destination = str(inner), .source = str(source));
    const char *queue = bound(ch, inner, "");
    publish(ch, source, "", "x");
    expect_one_copy(ch, queue, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(default_exchange_routes_by_queue_name),
        behaviour(direct_exchange_routes_by_equal_key),
        behaviour(fanout_exchange_ignores_keys),
        behaviour(queue_bound_twice_gets_one_copy),
        behaviour(bindings_with_other_arguments_are_other_bindings),
        behaviour(binding_made_twice_goes_with_one_unbind),
        behaviour(topic_exchange_matches_words_with_star_and_hash),
        behaviour(topic_unbind_of_one_pattern_leaves_the_others),
        behaviour(headers_exchange_matches_all_by_default),
        behaviour(headers_exchange_matches_any),
        behaviour(headers_exchange_void_value_means_presence),
        behaviour(headers_exchange_compares_numbers_by_value_and_not_with_strings),
        behaviour(headers_exchange_ignores_x_headers_unless_with_x),
        behaviour(headers_binding_with_bad_x_match_closes_channel_406),
        behaviour(alternate_exchange_takes_what_was_not_routed),
        behaviour(alternate_exchanges_in_a_chain_and_a_cycle_end),
        behaviour(missing_alternate_exchange_is_ignored),
        behaviour(message_passes_through_bound_exchanges),
        behaviour(cycle_of_exchanges_delivers_one_copy),
        behaviour(deleting_an_exchange_removes_its_bindings_on_both_sides),
        behaviour(every_change_of_bindings_shows_in_the_next_publish),
        behaviour(internal_exchange_routes_what_other_exchanges_pass_on),
    };
    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
