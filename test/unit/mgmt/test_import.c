/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/definitions/import.h"

#include "exchange/accounts.h"
#include "exchange/binding.h"
#include "exchange/parameter.h"
#include "exchange/policy.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct vhost *vhost;
    struct definitions_result result;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->vhost = map_get(&f->harness.engine->vhosts, SLICE_LITERAL("/"));
    harness_forget_facts(&f->harness);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_fini(&f->result.problems);
    harness_fini(&f->harness);
    free(f);
    return 0;
}

/* The document is written with ' for ". */
static void import(struct fixture *f, struct vhost *only, const char *text)
{
    struct buf json = {0}, problem = {0};
    buf_bytes(&json, slice_from_string(text));
    for (size_t i = 0; i < json.size; i++)
        if (json.data[i] == '\'')
            json.data[i] = '"';
    json_t *document = definitions_parse(buf_slice(&json), &problem);
    if (document == NULL)
        fail_msg("%.*s", SLICE_ARGS(buf_slice(&problem)));
    buf_fini(&f->result.problems);
    definitions_import(f->harness.engine, only, document, &f->result);
    json_decref(document);
    buf_fini(&json);
    buf_fini(&problem);
}

static void import_well(struct fixture *f, struct vhost *only, const char *text)
{
    import(f, only, text);
    if (f->result.problem_count > 0)
        fail_msg("%.*s", SLICE_ARGS(buf_slice(&f->result.problems)));
}

static void expect_problems(struct fixture *f, unsigned count, const char *problems)
{
    assert_slice(buf_slice(&f->result.problems), problems);
    assert_int_equal(f->result.problem_count, count);
    assert_int_equal(f->harness.store.count, 0); /* nothing was changed */
    assert_int_equal(f->result.lsn, 0);
}

static void topology_policies_and_parameters_are_made(void **state)
{
    struct fixture *f = *state;
    import_well(f, NULL,
                "{'rabbit_version':'3.10.8','policies':[{'vhost':'/','name':'p','pattern':'^q',"
                "'apply-to':'queues','definition':{'max-length':5},'priority':2}],"
                "'parameters':[{'vhost':'/','component':'operator_policy','name':'op','value':"
                "{'pattern':'','definition':{'max-length':3},'priority':0,'apply-to':'all'}}],"
                "'global_parameters':[{'name':'cluster_name','value':'bob'}],"
                "'queues':[{'name':'q','vhost':'/','durable':true,'auto_delete':false,"
                "'arguments':{'x-max-length':7}},"
                "{'name':'qq','vhost':'/','durable':true,'type':'quorum','arguments':{}}],"
                "'exchanges':[{'name':'x','vhost':'/','type':'topic','durable':true,"
                "'auto_delete':false,'internal':true,'arguments':[]}],"
                "'bindings':[{'source':'x','vhost':'/','destination':'q','destination_type':"
                "'queue','routing_key':'a.#','arguments':{}},"
                "{'source':'amq.topic','vhost':'/','destination':'x','destination_type':"
                "'exchange','routing_key':'b','arguments':{'k':1}},"
                "{'source':'','vhost':'/','destination':'q','destination_type':'queue',"
                "'routing_key':'q','arguments':{}}]}");
    const struct queue *queue = harness_queue(&f->harness, "q");
    const struct exchange *exchange = harness_exchange(&f->harness, "x");
    struct table_value value;
    assert_true(queue->durable);
    assert_true(table_find(queue->arguments, S("x-max-length"), &value));
    assert_true(policy_value(queue->policies, S("max-length"), &value));
    assert_int_equal(value.integer, 3);
    assert_true(table_find(harness_queue(&f->harness, "qq")->arguments, S("x-queue-type"), &value));
    assert_true(exchange->internal);
    assert_slice(S(exchange->type->name), "topic");
    assert_int_equal(exchange->bindings_by_id.count, 1);
    assert_int_equal(harness_exchange(&f->harness, "amq.topic")->bindings_by_id.count, 1);
    assert_non_null(parameter_find(f->harness.engine, S("cluster_name")));
}

static void all_of_it_is_one_in_the_log(void **state)
{
    struct fixture *f = *state;
    import_well(f, NULL,
                "{'queues':[{'name':'q','vhost':'/'},{'name':'r','vhost':'/'}],"
                "'global_parameters':[{'name':'a','value':null}]}");
    assert_int_equal(f->harness.store.facts[0].kind, STORE_TX_BEGIN);
    assert_int_equal(f->harness.store.facts[f->harness.store.count - 1].kind, STORE_TX_COMMIT);
    assert_int_equal(harness_facts(&f->harness, STORE_QUEUE_DECLARE), 2);
    assert_int_equal(f->result.lsn, f->harness.store.last_lsn);
}

static void a_document_that_changes_nothing_leaves_no_record(void **state)
{
    struct fixture *f = *state;
    import_well(f, NULL, "{}");
    import_well(f, NULL, "{'queues':[],'made_up':5}");
    import_well(f, NULL, "{'exchanges':[{'name':'amq.topic','vhost':'/','type':'topic'}]}");
    assert_int_equal(f->harness.store.count, 0);
    assert_int_equal(f->result.lsn, 0);
}

static void what_is_there_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    import_well(
        f, NULL,
        "{'queues':[{'name':'q','vhost':'/','durable':true}],"
        "'exchanges':[{'name':'x','vhost':'/','type':'direct'}],"
        "'bindings':[{'source':'x','vhost':'/','destination':'q','destination_type':'queue',"
        "'routing_key':'k'}]}");
    harness_forget_facts(&f->harness);
    import_well(
        f, NULL,
        "{'queues':[{'name':'q','vhost':'/','durable':false}],"
        "'exchanges':[{'name':'x','vhost':'/','type':'fanout'}],"
        "'bindings':[{'source':'x','vhost':'/','destination':'q','destination_type':'queue',"
        "'routing_key':'k'}]}");
    assert_int_equal(f->harness.store.count, 0);
    assert_true(harness_queue(&f->harness, "q")->durable);
    assert_slice(S(harness_exchange(&f->harness, "x")->type->name), "direct");
}

static void every_problem_is_listed_and_nothing_is_done(void **state)
{
    struct fixture *f = *state;
    import(f, NULL,
           "{'policies':[{'vhost':'/','name':'p','pattern':'(','definition':{'foo':1}},5],"
           "'parameters':[{'vhost':'/','component':'shovel','name':'s','value':{}}],"
           "'global_parameters':[{'name':'a'}],"
           "'queues':[{'name':'good','vhost':'/'},{'name':'q','vhost':'missing'},{'name':1,"
           "'vhost':'/'},{'name':'q','vhost':'/','arguments':{'x-max-length':-1},'durable':1},"
           "{'name':'r','vhost':'/','arguments':{'x-max-length':-1}},{'name':'good','vhost':'/'}],"
           "'exchanges':[{'name':'x','vhost':'/','type':'made-up'},{'name':'y','vhost':'/'}],"
           "'bindings':[{'source':'x','vhost':'/','destination':'nothing','destination_type':"
           "'queue'},{'source':'amq.topic','vhost':'/','destination':'good','destination_type':"
           "'planet'}]}");
    expect_problems(
        f, 14,
        "exchanges[0]: unknown exchange type 'made-up'\n"
        "exchanges[1]: type should be a string\n"
        "global_parameters[0]: value is missing\n"
        "policies[0]: Validation failed\n\n"
        "[{<<\"foo\">>,1}] are not recognised policy settings\n"
        "pattern should be regular expression but is invalid: {\"missing )\",1}\n\n"
        "policies[1]: should be an object\n"
        "parameters[0]: Validation failed\n\ncomponent shovel not found\n\n"
        "queues[1]: no virtual host 'missing'\n"
        "queues[2]: name should be a string\n"
        "queues[3]: durable should be true or false\n"
        "queues[4]: PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'r' in vhost '/': "
        "{value_negative,-1}\n"
        "queues[5]: 'good' in vhost '/' is in the document twice\n"
        "bindings[0]: no exchange 'x' in vhost '/'\n"
        "bindings[0]: no queue 'nothing' in vhost '/'\n"
        "bindings[1]: destination_type should be \"queue\" or \"exchange\"\n");
    assert_null(harness_queue(&f->harness, "good"));
}

static void only_so_many_problems_are_kept(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};
    buf_bytes(&text, SLICE_LITERAL("{'queues':[1"));
    for (unsigned i = 1; i < 150; i++)
        buf_bytes(&text, SLICE_LITERAL(",1"));
    buf_bytes(&text, SLICE_LITERAL("]}\0"));
    import(f, NULL, (const char *)text.data);
    assert_int_equal(f->result.problem_count, 150);
    static const char end[] = "queues[99]: should be an object\nand 50 more\n";
    struct slice problems = buf_slice(&f->result.problems);
    assert_true(problems.size > strlen(end));
    assert_slice(slice_of(problems.data + problems.size - strlen(end), strlen(end)), end);
    buf_fini(&text);
}

static void a_virtual_hosts_document_goes_into_that_one(void **state)
{
    struct fixture *f = *state;
    import_well(f, f->vhost,
                "{'queues':[{'name':'q'}],'exchanges':[{'name':'x','type':'headers'}],"
                "'policies':[{'name':'p','vhost':'elsewhere','pattern':'','definition':"
                "{'max-length':1}}],'users':[5],'global_parameters':[5],"
                "'bindings':[{'source':'x','destination':'q','destination_type':'queue',"
                "'routing_key':'','arguments':{'x-match':'any'}}]}");
    assert_non_null(harness_queue(&f->harness, "q")->policies[POLICY_USERS]);
    assert_int_equal(harness_exchange(&f->harness, "x")->bindings_by_id.count, 1);
}

static void users_vhosts_permissions_and_limits_are_made(void **state)
{
    struct fixture *f = *state;
    import_well(
        f, NULL,
        "{'users':[{'name':'alice','password_hash':'AAECA+RPbFaVV6G6kKt6ag==',"
        "'hashing_algorithm':'rabbit_password_hashing_md5','tags':'management, made-up',"
        "'limits':{'max-channels':5}},{'name':'bob','password':'secret','tags':['administrator'],"
        "'limits':[]}],"
        "'vhosts':[{'name':'v','metadata':{'description':'d','tags':['t'],"
        "'default_queue_type':'quorum'}},{'name':'w','description':'top','default_queue_type':"
        "'undefined'}],"
        "'permissions':[{'user':'alice','vhost':'v','configure':'^a','write':'','read':'.*'}],"
        "'topic_permissions':[{'user':'bob','vhost':'v','exchange':'amq.topic','write':'^b',"
        "'read':'.*'}],"
        "'parameters':[{'component':'vhost-limits','vhost':'v','name':'limits','value':"
        "{'max-queues':7}}],"
        "'queues':[{'name':'q','vhost':'v'}],"
        "'bindings':[{'source':'amq.topic','vhost':'v','destination':'q','destination_type':"
        "'queue','routing_key':'k'}]}");
    struct engine *engine = f->harness.engine;
    const struct user *alice = map_get(&engine->users, S("alice"));
    const struct user *bob = map_get(&engine->users, S("bob"));
    const struct vhost *v = map_get(&engine->vhosts, S("v"));
    assert_int_equal(alice->hashing, CRYPTO_MD5);
    assert_int_equal(alice->tag_bits, USER_MANAGEMENT);
    assert_int_equal(alice->channels_max, 5);
    assert_true(user_has_password(bob, S("secret")));
    assert_int_equal(bob->tag_bits, USER_ADMINISTRATOR);
    assert_slice(v->description, "d");
    assert_slice(v->default_queue_type, "quorum");
    assert_int_equal(v->queues_max, 7);
    assert_slice(((struct vhost *)map_get(&engine->vhosts, S("w")))->description, "top");
    assert_slice(((struct vhost *)map_get(&engine->vhosts, S("w")))->default_queue_type, "");
    assert_slice(permission_find(v, S("alice"))->expressions[ACCESS_CONFIGURE], "^a");
    assert_slice(permission_find_topic(v, S("bob"), S("amq.topic"))->expressions[ACCESS_WRITE],
                 "^b");
    assert_int_equal(vhost_exchange(v, S("amq.topic"))->bindings_by_id.count, 1);
    assert_int_equal(harness_facts(&f->harness, STORE_TX_BEGIN), 1);
    assert_int_equal(harness_facts(&f->harness, STORE_TX_COMMIT), 1);
}

static void a_document_with_more_than_the_settings_allow_is_refused(void **state)
{
    struct fixture *f = *state;
    struct engine *engine = f->harness.engine;
    import_well(f, NULL, "{'queues':[{'name':'there','vhost':'/'}]}");
    harness_forget_facts(&f->harness);
    engine->maxima = (struct engine_maxima){
        .queues = 2,
        .exchanges = engine->registries[REGISTRY_EXCHANGE].count + 1,
        .vhosts = engine->vhosts.count + 1,
    };
    const char *fitting = "{'vhosts':[{'name':'/'},{'name':'v'}],"
                          "'exchanges':[{'name':'x','vhost':'/','type':'fanout'}],"
                          "'queues':[{'name':'there','vhost':'/'},{'name':'q','vhost':'v'}]}";
    import(f, NULL,
           "{'vhosts':[{'name':'v'},{'name':'w'}],"
           "'exchanges':[{'name':'x','vhost':'/','type':'fanout'},"
           "{'name':'y','vhost':'v','type':'fanout'}],"
           "'queues':[{'name':'q','vhost':'v'},{'name':'r','vhost':'/'}]}");
    char problems[512];
    (void)snprintf(
        problems, sizeof problems,
        "vhosts[1]: cannot create vhost 'w': vhost limit of %u is reached\n"
        "exchanges[1]: cannot declare exchange 'y' in vhost 'v': exchange limit of %u is "
        "reached\n"
        "queues[1]: cannot declare queue 'r': queue limit in cluster (2) is reached\n",
        engine->maxima.vhosts, engine->maxima.exchanges);
    expect_problems(f, 3, problems);
    assert_null(map_get(&engine->vhosts, S("v")));
    import_well(f, NULL, fitting);
    import_well(f, NULL, fitting); /* all of that is there */
}

static void what_is_wrong_with_accounts_is_listed(void **state)
{
    struct fixture *f = *state;
    import(f, NULL,
           "{'users':[{'name':''},{'name':'a','password_hash':'!'},{'name':'b','tags':[1]},"
           "{'name':'c','hashing_algorithm':'rot13'},{'name':'d','limits':{'max-lunches':1}},"
           "{'name':'e','limits':{'max-channels':'x'}}],"
           "'vhosts':[{'name':'v\\u0000'},{'name':'w'},{'name':'w'}],"
           "'permissions':[{'user':'nobody','vhost':'/','configure':'(','write':'','read':1}],"
           "'topic_permissions':[{'user':'guest','vhost':'w','exchange':'x','write':''}],"
           "'parameters':[{'component':'vhost-limits','vhost':'/','name':'limits','value':5}]}");
    expect_problems(f, 13,
                    "users[0]: name should not be empty or hold a zero character\n"
                    "users[1]: password_hash should be base64\n"
                    "users[2]: tags should be a list of strings\n"
                    "users[3]: unknown hashing_algorithm 'rot13'\n"
                    "users[4]: unrecognised limit 'max-lunches'\n"
                    "users[5]: max-channels should be a number\n"
                    "vhosts[0]: name should not be empty or hold a zero character\n"
                    "vhosts[2]: virtual host 'w' is in the document twice\n"
                    "permissions[0]: no user 'nobody'\n"
                    "permissions[0]: configure is no regular expression: missing ) at 1\n"
                    "permissions[0]: read should be a string\n"
                    "topic_permissions[0]: read should be a string\n"
                    "parameters[0]: limits should be an object\n");
    assert_null(map_get(&f->harness.engine->vhosts, S("w")));
}

static void bindings_are_checked_by_the_exchanges_type(void **state)
{
    struct fixture *f = *state;
    import(f, NULL,
           "{'exchanges':[{'name':'x','vhost':'/','type':'headers'}],"
           "'queues':[{'name':'q','vhost':'/'}],"
           "'bindings':[{'source':'x','vhost':'/','destination':'q','destination_type':'queue',"
           "'routing_key':'','arguments':{'x-match':'some'}}]}");
    assert_int_equal(f->result.problem_count, 1);
    assert_null(harness_exchange(&f->harness, "x"));
}

static void what_is_no_document_is_refused_with_its_place(void **state)
{
    (void)state;
    struct buf problem = {0};
    assert_null(definitions_parse(S("{\"queues\": [}"), &problem));
    assert_slice(buf_slice(&problem), "line 1, column 13: unexpected token near '}'");
    problem.size = 0;
    assert_null(definitions_parse(S("[]"), &problem));
    assert_slice(buf_slice(&problem), "the document should be an object");
    problem.size = 0;
    assert_null(definitions_parse(S("{\"a\":1,\"a\":2}"), &problem));
    assert_null(definitions_parse(SLICE_EMPTY, &problem));
    buf_fini(&problem);
}

/* --- in pieces ------------------------------------------------------------------------------- */

enum { MANY = 50 };

/* MANY queues in the virtual host NAME, which the document has as well. */
static struct import *begin(struct fixture *f, const char *name)
{
    json_t *queues = json_array();
    for (int i = 0; i < MANY; i++)
        (void)json_array_append_new(queues,
                                    json_pack("{s:s+, s:s}", "name", "q",
                                              (const char[]){(char)('A' + i), 0}, "vhost", name));
    json_t *document = json_pack("{s:[{s:s}], s:o}", "vhosts", "name", name, "queues", queues);
    struct import *import = import_new(f->harness.engine, NULL, document);
    json_decref(document);
    return import;
}

static void a_large_document_goes_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct import *import = begin(f, "v");
    unsigned checks = 1, pieces = 1;
    assert_int_equal(import_items(import), MANY + 1);
    for (; !import_check(import, 0); checks++)
        assert_int_equal(f->harness.store.count, 0);
    for (size_t before = 0; !import_apply(import, 0); pieces++) { /* each is one in the log */
        assert_int_equal(f->harness.store.facts[before].kind, STORE_TX_BEGIN);
        before = f->harness.store.count;
        assert_int_equal(f->harness.store.facts[before - 1].kind, STORE_TX_COMMIT);
    }
    assert_true(checks > 3 && pieces > 3);
    assert_int_equal(import_result(import)->problem_count, 0);
    assert_int_equal(import_result(import)->lsn, f->harness.store.last_lsn);
    const struct vhost *vhost = map_get(&f->harness.engine->vhosts, S("v"));
    assert_int_equal(vhost->queues.count, MANY);
    import_free(import);
}

static void what_has_become_impossible_meanwhile_is_said(void **state)
{
    struct fixture *f = *state;
    import_well(f, NULL, "{'vhosts':[{'name':'w'}]}");
    struct import *import = begin(f, "w");
    assert_true(import_check(import, UINT64_MAX));
    (void)import_apply(import, 0); /* the vhost and some queues */
    (void)access_delete_vhost(f->harness.engine, S("w"));
    while (!import_apply(import, 0))
        ;
    const struct definitions_result *result = import_result(import);
    assert_true(result->problem_count > 0 && result->problem_count < MANY);
    static const char expected[] = "queues[49]: no virtual host 'w'\n";
    size_t size = sizeof expected - 1;
    assert_slice(slice_of(result->problems.data + result->problems.size - size, size), expected);
    import_free(import);
}

static void the_virtual_host_that_all_goes_into_may_be_gone(void **state)
{
    struct fixture *f = *state;
    import_well(f, NULL, "{'vhosts':[{'name':'w'}]}");
    json_t *document = json_pack("{s:[{s:s}]}", "queues", "name", "q");
    struct slice only = S("w");
    struct import *import = import_new(f->harness.engine, &only, document);
    assert_true(import_check(import, UINT64_MAX));
    (void)access_delete_vhost(f->harness.engine, only);
    assert_true(import_apply(import, UINT64_MAX));
    assert_slice(buf_slice(&import_result(import)->problems), "vhost[0]: no virtual host 'w'\n");
    import_free(import);
    json_decref(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(topology_policies_and_parameters_are_made),
        TEST(all_of_it_is_one_in_the_log),
        TEST(a_document_that_changes_nothing_leaves_no_record),
        TEST(what_is_there_stays_as_it_is),
        TEST(every_problem_is_listed_and_nothing_is_done),
        TEST(only_so_many_problems_are_kept),
        TEST(a_virtual_hosts_document_goes_into_that_one),
        TEST(users_vhosts_permissions_and_limits_are_made),
        TEST(a_document_with_more_than_the_settings_allow_is_refused),
        TEST(what_is_wrong_with_accounts_is_listed),
        TEST(bindings_are_checked_by_the_exchanges_type),
        TEST(a_large_document_goes_in_pieces),
        TEST(what_has_become_impossible_meanwhile_is_said),
        TEST(the_virtual_host_that_all_goes_into_may_be_gone),
        cmocka_unit_test(what_is_no_document_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
