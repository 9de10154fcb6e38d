/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the topic trie: lines that add a pattern (`+a.*.#`), take one away (`-`: the oldest that
 * is left), or are a key. What a key finds is what a naive matcher finds, each pattern once; at the
 * end all is taken away and nothing may be left.
 */
#include "exchange/topic.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/exchange/naive_topic.h"

enum {
    ELEMENTS_MAX = 64,
    TEXT_MAX = 255,
    NAIVE_MAX = 16, /* octets of pattern and key beyond which the naive matcher takes too long */
};

struct element {
    struct list_node node;
    struct topic_node *at;
    struct slice pattern;
    unsigned found;
};

struct trie {
    struct topic_node *root;
    struct element elements[ELEMENTS_MAX];
    unsigned first, count;
};

static void add(struct trie *trie, struct slice pattern)
{
    if (trie->count == ELEMENTS_MAX)
        return;
    struct element *element = &trie->elements[trie->count++];
    element->pattern = pattern;
    element->at = topic_insert(trie->root, pattern);
    list_append(topic_elements(element->at), &element->node);
}

static void take(struct trie *trie)
{
    if (trie->first == trie->count)
        return;
    struct element *element = &trie->elements[trie->first++];
    list_remove(&element->node);
    topic_prune(element->at);
}

static void on_found(void *context, struct list *elements)
{
    (void)context;
    CHECK(!list_is_empty(elements));
    list_for_each (node, elements)
        LIST_ENTRY(node, struct element, node)->found++;
}

static void match(struct trie *trie, struct slice key)
{
    topic_match(trie->root, key, on_found, NULL);
    for (unsigned i = trie->first; i < trie->count; i++) {
        struct element *element = &trie->elements[i];
        CHECK_ID(element->found <= 1, element->found);
        if (key.size <= NAIVE_MAX && element->pattern.size <= NAIVE_MAX)
            CHECK(element->found == naive_topic_matches(element->pattern, key));
        element->found = 0;
    }
}

static void do_line(struct trie *trie, struct slice line)
{
    bool is_pattern = line.size > 0 && line.data[0] == '+';
    if (is_pattern)
        line = slice_of(line.data + 1, line.size - 1);
    if (line.size > TEXT_MAX)
        line.size = TEXT_MAX;
    if (is_pattern)
        add(trie, line);
    else if (slice_equal(line, SLICE_LITERAL("-")))
        take(trie);
    else
        match(trie, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trie trie = {.root = topic_new()};
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t bytes = end == NULL ? size : (size_t)(end - data);
        do_line(&trie, slice_of(data, bytes));
        bytes += end != NULL;
        data += bytes;
        size -= bytes;
    }
    while (trie.first < trie.count)
        take(&trie);
    topic_free(trie.root);
    return 0;
}
