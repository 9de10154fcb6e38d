/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/topic.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/unit/exchange/expect.h"
#include "test/unit/exchange/naive_topic.h"

enum { PATTERNS_MAX = 200, BINDINGS = 100000 };

struct entry {
    struct list_node node;
    struct topic_node *at;
    char pattern[64];
    unsigned found; /* times that it was found by the last match */
};

static void add(struct topic_node *root, struct entry *entry, const char *pattern)
{
    *entry = (struct entry){0};
    CHECK(strlen(pattern) < sizeof entry->pattern);
    memcpy(entry->pattern, pattern, strlen(pattern) + 1);
    entry->at = topic_insert(root, S(entry->pattern));
    list_append(topic_elements(entry->at), &entry->node);
}

static void take(struct entry *entry)
{
    list_remove(&entry->node);
    topic_prune(entry->at);
}

static void count_found(void *context, struct list *elements)
{
    unsigned *calls = context;
    ++*calls;
    assert_false(list_is_empty(elements));
    list_for_each (node, elements)
        LIST_ENTRY(node, struct entry, node)->found++;
}

/* Matches KEY and compares with the naive matcher, pattern by pattern. */
static void check_key(struct topic_node *root, struct entry *entries, size_t count, const char *key)
{
    unsigned calls = 0;
    for (size_t i = 0; i < count; i++)
        entries[i].found = 0;
    topic_match(root, S(key), count_found, &calls);
    for (size_t i = 0; i < count; i++)
        if (entries[i].found != naive_topic_matches(S(entries[i].pattern), S(key)))
            fail_msg("key \"%s\", pattern \"%s\": found %u times", key, entries[i].pattern,
                     entries[i].found);
}

static void the_specifications_examples_match(void **state)
{
    static const struct {
        const char *pattern, *key;
        bool matches;
    } rows[] = {
        {"*.stock.#", "usd.stock", true},
        {"*.stock.#", "eur.stock.db", true},
        {"*.stock.#", "stock.nasdaq", false},
        {"#", "", true},
        {"#", "a.b.c", true},
        {"*", "", false},
        {"*", "a", true},
        {"*", "a.b", false},
        {"", "", true},
        {"", "a", false},
        {"#.#", "", true},
        {"#.*", "a", true},
        {"#.*", "", false},
        {"*.#.*", "a", false},
        {"*.#.*", "a.b", true},
        {"#.b", "a.b.b", true},
        {"#.b.#.b", "a.b", false},
        {"#.b.#.b", "b.b", true},
        {"a.#", "a", true},
        {"a.#.b", "a.b", true},
        {"a.*.b", "a..b", true},
        {"a.", "a.", true},
        {"a.", "a", false},
        {".", ".", true},
        {"*.*", ".", true},
        {"a*", "ab", false},
        {"#a", "a", false},
        {"a.**.b", "a.**.b", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topic_node *root = topic_new();
        struct entry entry;
        add(root, &entry, rows[i].pattern);
        assert_int_equal(naive_topic_matches(S(rows[i].pattern), S(rows[i].key)), rows[i].matches);
        check_key(root, &entry, 1, rows[i].key);
        take(&entry);
        topic_free(root);
    }
}

/* Up to WORDS_MAX of the first COUNT of WORDS, with dots between. */
static void random_words(uint64_t *random, const char *const *words, uint32_t count,
                         uint32_t words_max, char *text, size_t size)
{
    size_t at = 0;
    uint32_t number = harness_below(random, words_max + 1);
    for (uint32_t i = 0; i < number; i++) {
        const char *word = words[harness_below(random, count)];
        if (i > 0)
            text[at++] = '.';
        CHECK(at + strlen(word) + 2 < size);
        memcpy(text + at, word, strlen(word));
        at += strlen(word);
    }
    text[at] = '\0';
}

static void every_short_pattern_set_agrees_with_a_naive_matcher(void **state)
{
    (void)state;
    uint64_t random = harness_seed();
    static const char *const words[] = {"a", "b", "*", "#", ""};
    static struct entry entries[PATTERNS_MAX];
    for (unsigned round = 0; round < 300; round++) {
        struct topic_node *root = topic_new();
        size_t count = 1 + harness_below(&random, PATTERNS_MAX);
        for (size_t i = 0; i < count; i++) {
            char pattern[64];
            random_words(&random, words, 5, 7, pattern, sizeof pattern);
            add(root, &entries[i], pattern);
        }
        for (unsigned i = 0; i < 40; i++) {
            char key[64];
            random_words(&random, words, 2, 8, key, sizeof key);
            check_key(root, entries, count, key);
            if (i % 8 == 7 && count > 0) { /* and with one less */
                take(&entries[--count]);
            }
        }
        while (count > 0)
            take(&entries[--count]);
        topic_free(root);
    }
}

static void a_hundred_thousand_bindings_come_and_go_and_leave_nothing(void **state)
{
    (void)state;
    struct topic_node *root = topic_new();
    struct entry *entries = calloc(BINDINGS, sizeof *entries);
    assert_non_null(entries);
    for (unsigned i = 0; i < BINDINGS; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "%s%u.%s.device-%u", i % 3 == 0 ? "site." : "", i % 97,
                 i % 5 == 0   ? "*"
                 : i % 7 == 0 ? "#"
                              : "status",
                 i);
        add(root, &entries[i], pattern);
    }
    check_key(root, entries, BINDINGS, "site.12.status.device-9999");
    check_key(root, entries, BINDINGS, "site.0.a.b.c.device-21");
    uint64_t random = 7;
    for (unsigned i = BINDINGS; i > 0; i--) { /* in random order */
        unsigned at = harness_below(&random, i);
        take(&entries[at]);
        if (at != i - 1) {
            /* The last takes the empty place: a node of a list cannot move, so it is made anew. */
            struct entry last = entries[i - 1];
            take(&entries[i - 1]);
            add(root, &entries[at], last.pattern);
        }
    }
    topic_free(root); /* which checks that nothing is left */
    free(entries);
}

/* Patterns that make a backtracking matcher exponential; here the work is bounded by nodes times
 * words, so that this ends at once or not within the test's time limit. */
static void patterns_of_many_hashes_take_few_steps(void **state)
{
    (void)state;
    struct topic_node *root = topic_new();
    struct entry entries[3];
    char key[256] = "";
    add(root, &entries[0], "#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.b");
    add(root, &entries[1], "#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.b");
    add(root, &entries[2], "#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.*.#.a");
    for (unsigned i = 0; i < 127; i++)
        memcpy(key + 2 * i, "a.", 2);
    key[253] = '\0';
    for (unsigned i = 0; i < 1000; i++) {
        unsigned calls = 0;
        for (unsigned e = 0; e < 3; e++)
            entries[e].found = 0;
        topic_match(root, S(key), count_found, &calls);
        assert_int_equal(calls, 1);
        assert_int_equal(entries[2].found, 1);
    }
    for (unsigned e = 0; e < 3; e++)
        take(&entries[e]);
    topic_free(root);
}

static void elements_of_one_pattern_are_found_together_once(void **state)
{
    (void)state;
    struct topic_node *root = topic_new();
    struct entry entries[3];
    unsigned calls = 0;
    for (unsigned i = 0; i < 3; i++)
        add(root, &entries[i], "a.#");
    topic_match(root, SLICE_LITERAL("a.b"), count_found, &calls);
    assert_int_equal(calls, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(entries[i].found, 1);
        take(&entries[i]);
    }
    topic_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specifications_examples_match),
        cmocka_unit_test(every_short_pattern_set_agrees_with_a_naive_matcher),
        cmocka_unit_test(a_hundred_thousand_bindings_come_and_go_and_leave_nothing),
        cmocka_unit_test(patterns_of_many_hashes_take_few_steps),
        cmocka_unit_test(elements_of_one_pattern_are_found_together_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
