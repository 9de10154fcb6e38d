/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Matching runs the trie as a nondeterministic automaton: a list of active nodes per
 * word of the key. A node leads to its child of that word and to its child `*`; a node `#` also
 * stays active. Becoming active makes the node's child `#` active too, for that matches no word as
 * well. The stamp of the step keeps a node from being listed twice, which is what bounds patterns
 * such as #.a.#.a.#.
 */
#include "exchange/topic.h"

#include "server/base/map.h"
#include "server/base/mem.h"

struct topic_node {
    struct topic_node *parent;
    struct map children;            /* by word */
    struct topic_node *star, *hash; /* the children `*` and `#` */
    struct list elements;
    struct topic_node *next[2]; /* in the list of active nodes, of even and of odd steps */
    uint64_t stamp; /* the last step that listed it; in the root: the last stamp given */
    uint8_t word_bytes;
    uint8_t word[];
};

static struct topic_node *new_node(struct topic_node *parent, struct slice word)
{
    struct topic_node *node = mem_zalloc(sizeof *node + word.size);
    node->parent = parent;
    list_init(&node->elements);
    node->word_bytes = (uint8_t)word.size;
    if (word.size > 0)
        memcpy(node->word, word.data, word.size);
    return node;
}

struct topic_node *topic_new(void)
{
    return new_node(NULL, SLICE_EMPTY);
}

static bool is_bare(const struct topic_node *node)
{
    return list_is_empty(&node->elements) && node->children.count == 0 && node->star == NULL &&
           node->hash == NULL;
}

void topic_free(struct topic_node *root)
{
    CHECK(root->parent == NULL && is_bare(root));
    map_fini(&root->children);
    mem_free(root);
}

/* Cuts the first word off *REST; false when no word is left. A key of no octets has no words. */
static bool next_word(struct slice *rest, struct slice *word)
{
    if (rest->data == NULL)
        return false;
    const uint8_t *dot = rest->size == 0 ? NULL : memchr(rest->data, '.', rest->size);
    if (dot == NULL) {
        *word = *rest;
        *rest = SLICE_EMPTY;
    } else {
        size_t bytes = (size_t)(dot - rest->data);
        *word = slice_of(rest->data, bytes);
        *rest = slice_of(dot + 1, rest->size - bytes - 1);
    }
    return true;
}

static struct slice words_of(struct slice key)
{
    return key.size == 0 ? SLICE_EMPTY : key;
}

/* The place of the child for WORD when it is a wildcard, or NULL. */
static struct topic_node **wildcard(struct topic_node *node, struct slice word)
{
    if (word.size != 1)
        return NULL;
    return word.data[0] == '*' ? &node->star : word.data[0] == '#' ? &node->hash : NULL;
}

struct topic_node *topic_insert(struct topic_node *root, struct slice pattern)
{
    struct topic_node *node = root;
    struct slice rest = words_of(pattern), word;
    while (next_word(&rest, &word)) {
        struct topic_node **place = wildcard(node, word);
        struct topic_node *child = place != NULL ? *place : map_get(&node->children, word);
        if (child == NULL) {
            child = new_node(node, word);
            if (place != NULL)
                *place = child;
            else
                map_add(&node->children, slice_of(child->word, child->word_bytes), child);
        }
        node = child;
    }
    return node;
}

struct list *topic_elements(struct topic_node *node)
{
    return &node->elements;
}

void topic_prune(struct topic_node *node)
{
    while (node->parent != NULL && is_bare(node)) {
        struct topic_node *parent = node->parent;
        struct slice word = slice_of(node->word, node->word_bytes);
        struct topic_node **place = wildcard(parent, word);
        if (place != NULL)
            *place = NULL;
        else
            map_remove(&parent->children, word);
        map_fini(&node->children);
        mem_free(node);
        node = parent;
    }
}

/* Puts NODE, and its `#` with it, on the list of nodes that are active at STAMP. */
static void activate(struct topic_node **active, struct topic_node *node, uint64_t stamp)
{
    for (; node != NULL && node->stamp != stamp; node = node->hash) {
        node->stamp = stamp;
        node->next[stamp & 1] = *active;
        *active = node;
    }
}

static bool is_hash(const struct topic_node *node)
{
    return node->parent != NULL && node->parent->hash == node;
}

void topic_match(struct topic_node *root, struct slice key,
                 void (*found)(void *context, struct list *elements), void *context)
{
    struct topic_node *active = NULL;
    uint64_t stamp = root->stamp + 1; /* the root is active at the first step only */
    struct slice rest = words_of(key), word;
    activate(&active, root, stamp);
    while (active != NULL && next_word(&rest, &word)) {
        struct topic_node *now = active;
        active = NULL;
        stamp++;
        for (struct topic_node *following; now != NULL; now = following) {
            following = now->next[(stamp - 1) & 1];
            struct topic_node *child = map_get(&now->children, word);
            activate(&active, child, stamp);
            activate(&active, now->star, stamp);
            if (is_hash(now))
                activate(&active, now, stamp);
        }
    }
    root->stamp = stamp;
    for (; active != NULL; active = active->next[stamp & 1])
        if (!list_is_empty(&active->elements))
            found(context, &active->elements);
}
