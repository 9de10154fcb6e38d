/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts are what RabbitMQ 3.10 answers, but for those about apply-to (RabbitMQ 4) and for keys
 * that came later.
 */
#include <stdio.h>

#include "test/unit/exchange/expect.h"
#include "test/unit/exchange/policy_json.h"

static void expect(enum policy_kind kind, const char *fields, const char *problems)
{
    struct buf table = policy_json(fields), problem = {0}, expected = {0};
    if (problems != NULL)
        buf_printf(&expected, "Validation failed\n\n%s\n", problems);
    bool valid = policy_check(kind, SLICE_LITERAL("p"), buf_slice(&table), &problem);
    if (valid != (problems == NULL) || !slice_equal(buf_slice(&problem), buf_slice(&expected)))
        fail_msg("%s: %.*s\nand not: %.*s", fields, SLICE_ARGS(buf_slice(&problem)),
                 SLICE_ARGS(buf_slice(&expected)));
    buf_fini(&table);
    buf_fini(&problem);
    buf_fini(&expected);
}

static void define(enum policy_kind kind, const char *definition, const char *problem)
{
    struct buf fields = {0};
    buf_printf(&fields, "{'pattern':'^x','priority':0,'definition':{%s}}", definition);
    buf_u8(&fields, '\0');
    expect(kind, (const char *)fields.data, problem);
    buf_fini(&fields);
}

static void values_of_the_wrong_type_are_shown_as_erlang_shows_them(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"'a'", "<<\"a\">>"},
        {"''", "<<>>"},
        {"-1", "-1"},
        {"1.5", "1.5"},
        {"1e25", "1.0e25"},
        {"1.0", "1.0"},
        {"0.001", "0.001"},
        {"12345678.5", "12345678.5"},
        {"null", "null"},
        {"true", "true"},
        {"[1,2]", "[1,2]"},
        {"[65,66]", "\"AB\""},
        {"[]", "[]"},
        {"{'a':1}", "#{<<\"a\">> => 1}"},
        {"{}", "#{}"},
        {"[1,'a',{'b':null}]", "[1,<<\"a\">>,#{<<\"b\">> => null}]"},
        {"'\xC3\xA9'", "<<\"\xC3\xA9\">>"},
        {"'a\\\\c\\n'", "<<\"a\\\\c\\n\">>"},
        {"'a\\u0001'", "<<97,1>>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char definition[80], problem[120];
        (void)snprintf(definition, sizeof definition, "'message-ttl':%s", cases[i][0]);
        (void)snprintf(problem, sizeof problem, "%s is not a valid message TTL", cases[i][1]);
        define(POLICY_USERS, definition, problem);
    }
}

static void each_key_has_its_values(void **state)
{
    (void)state;
    static const struct {
        const char *definition, *problem; /* NULL: it is right */
    } cases[] = {
        {"", "no policy provided"},
        {"'message-ttl':0", NULL},
        {"'expires':1", NULL},
        {"'expires':0", "0 is not a valid queue expiry"},
        {"'max-length':0", NULL},
        {"'max-length':-1", "-1 is not a valid maximum length"},
        {"'max-length-bytes':-1", "-1 is not a valid maximum length in bytes"},
        {"'max-in-memory-length':-1", "-1 is not a valid maximum memory in bytes"},
        {"'max-in-memory-bytes':-1", "-1 is not a valid maximum memory in bytes"},
        {"'queue-mode':'lazy'", NULL},
        {"'queue-mode':'x'", "<<\"x\">> is not a valid queue-mode value"},
        {"'queue-version':2", NULL},
        {"'queue-version':3", "3 is not a valid queue-version value"},
        {"'overflow':'reject-publish-dlx'", NULL},
        {"'overflow':'x'", "<<\"x\">> is not a valid overflow value"},
        {"'delivery-limit':-1", NULL},
        {"'delivery-limit':'x'", "<<\"x\">> is not a valid delivery limit"},
        {"'max-age':'7D'", NULL},
        {"'max-age':'5'", "<<\"5\">> is not a valid max age"},
        {"'max-age':'D'", "<<\"D\">> is not a valid max age"},
        {"'max-age':5", "5 is not a valid max age"},
        {"'queue-leader-locator':'balanced'", NULL},
        {"'queue-leader-locator':'x'", "<<\"x\">> is not a valid queue leader locator value"},
        {"'queue-master-locator':'min-masters'", NULL},
        {"'queue-master-locator':'x'", "<<\"x\">> invalid queue-master-locator value"},
        {"'initial-cluster-size':-1", "-1 is not a valid cluster size"},
        {"'stream-max-segment-size-bytes':3000000000", NULL},
        {"'stream-max-segment-size-bytes':3000000001", "3000000001 is not a valid segment size"},
        {"'stream-filter-size-bytes':15", "15 is not a valid filter size. Valid range is 16-255"},
        {"'alternate-exchange':''", NULL},
        {"'alternate-exchange':1", "1 is not a valid alternate exchange name"},
        {"'dead-letter-exchange':1", "1 is not a valid dead letter exchange name"},
        {"'dead-letter-routing-key':1", "1 is not a valid dead letter routing key"},
        {"'dead-letter-strategy':'x'", "<<\"x\">> is not a valid dead letter strategy"},
        {"'consumer-timeout':-1", "-1 is not a valid consumer timeout value"},
        {"'ha-mode':'all','ha-sync-mode':'automatic'", NULL},
        {"'ha-mode':'x'", "<<\"x\">> is not a valid ha-mode value"},
        {"'ha-params':1", "ha-mode must be specified to specify ha-params, ha-sync-mode or "
                          "ha-promote-on-shutdown"},
        {"'ha-mode':'all','ha-params':1", "ha-mode=\"all\" does not take parameters"},
        {"'ha-mode':'exactly','ha-params':2", NULL},
        {"'ha-mode':'exactly'", "ha-mode=\"exactly\" takes an integer, none given"},
        {"'ha-mode':'exactly','ha-params':'x'",
         "ha-mode=\"exactly\" takes an integer, <<\"x\">> given"},
        {"'ha-mode':'nodes','ha-params':['a']", NULL},
        {"'ha-mode':'nodes','ha-params':[]", "ha-mode=\"nodes\" list must be non-empty"},
        {"'ha-mode':'nodes','ha-params':[1]",
         "ha-mode=\"nodes\" takes a list of strings, [1] was not a string"},
        {"'ha-mode':'nodes','ha-params':1", "ha-mode=\"nodes\" takes a list, 1 given"},
        {"'ha-mode':'all','ha-sync-mode':'x'",
         "ha-sync-mode must be \"manual\" or \"automatic\", got <<\"x\">>"},
        {"'ha-mode':'all','ha-sync-batch-size':0",
         "ha-sync-batch-size takes an integer greater than 0, 0 given"},
        {"'ha-mode':'all','ha-promote-on-shutdown':'x'",
         "ha-promote-on-shutdown must be \"always\" or \"when-synced\", got <<\"x\">>"},
        {"'ha-mode':'all','ha-promote-on-failure':'x'",
         "ha-promote-on-failure must be \"always\" or \"when-synced\", got <<\"x\">>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        define(POLICY_USERS, cases[i].definition, cases[i].problem);
}

static void unknown_keys_are_all_told_in_their_order(void **state)
{
    (void)state;
    define(POLICY_USERS, "'foo':1,'max-length':1,'abc':'x'",
           "[{<<\"abc\">>,<<\"x\">>},{<<\"foo\">>,1}] are not recognised policy settings");
    define(POLICY_USERS, "'message-ttl':'y','foo':1,'max-length':'x'",
           "<<\"x\">> is not a valid maximum length");
}

static void operators_may_set_less(void **state)
{
    (void)state;
    define(POLICY_OPERATORS, "'max-length':1,'message-ttl':1,'expires':1,'delivery-limit':3", NULL);
    define(POLICY_OPERATORS, "'message-ttl':'a'", "<<\"a\">> is not a valid message TTL");
    define(POLICY_OPERATORS, "'dead-letter-exchange':'x'",
           "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings");
}

static void fields_are_checked_and_all_told(void **state)
{
    (void)state;
    expect(POLICY_USERS, "{'pattern':'','priority':1.5,'definition':{'max-length':1}}", NULL);
    expect(POLICY_USERS,
           "{'pattern':'x','priority':-1,'definition':{'max-length':1},'apply-to':'streams'}",
           NULL);
    expect(POLICY_USERS, "{'pattern':'(','priority':'x','definition':{'foo':1},'apply-to':'y'}",
           "[{<<\"foo\">>,1}] are not recognised policy settings\n"
           "apply-to 'y' unrecognised; should be one of: 'queues', 'classic_queues',  "
           "'quorum_queues', 'streams', 'exchanges', or 'all'\n"
           "pattern should be regular expression but is invalid: {\"missing )\",1}\n"
           "priority should be a number, actually was <<\"x\">>");
    expect(POLICY_USERS, "{'pattern':1,'priority':null,'definition':[1]}",
           "definition must be a dictionary: [1]\n"
           "pattern should be a binary but was 1\n"
           "priority should be a number, actually was null");
    expect(POLICY_OPERATORS, "{'pattern':'x','bogus':1}",
           "Unrecognised terms [{<<\"bogus\">>,1}] in p\n"
           "Key \"definition\" not found in p\n"
           "Key \"priority\" not found in p");
}

static void a_policy_has_a_largest_size(void **state)
{
    (void)state;
    struct buf fields = {0}, problem = {0};
    char *long_text = malloc(600000);
    assert_non_null(long_text);
    memset(long_text, 'a', 600000);
    table_put_longstr(&fields, "pattern", SLICE_LITERAL("x"));
    table_put_int(&fields, "priority", 0);
    size_t mark = table_put_table(&fields, "definition");
    table_put_longstr(&fields, "dead-letter-exchange", slice_of(long_text, 600000));
    table_end(&fields, mark);
    assert_false(policy_check(POLICY_USERS, SLICE_LITERAL("p"), buf_slice(&fields), &problem));
    assert_slice(buf_slice(&problem),
                 "Validation failed\n\nname and definition should be less than "
                 "524288 bytes\n");
    free(long_text);
    buf_fini(&fields);
    buf_fini(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_the_wrong_type_are_shown_as_erlang_shows_them),
        cmocka_unit_test(each_key_has_its_values),
        cmocka_unit_test(unknown_keys_are_all_told_in_their_order),
        cmocka_unit_test(operators_may_set_less),
        cmocka_unit_test(fields_are_checked_and_all_told),
        cmocka_unit_test(a_policy_has_a_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
