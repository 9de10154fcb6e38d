/* SPDX-License-Identifier: Apache-2.0
 *
 * naive_topic: topic matching as the specification's words say it, by recursion over words; what
 * the trie is compared with. Exponential for patterns with many `#`: keep them short.
 */
#ifndef STOATMQ_TEST_EXCHANGE_NAIVE_TOPIC_H
#define STOATMQ_TEST_EXCHANGE_NAIVE_TOPIC_H

#include "server/base/slice.h"

/* The first word of the words of TEXT from AT on, which moves behind its dot. An empty text has no
 * word; one that ends with a dot ends with an empty word. AT is beyond the size at the end. */
static inline struct slice naive_word(struct slice text, size_t *at)
{
    size_t start = *at, end = start;
    while (end < text.size && text.data[end] != '.')
        end++;
    *at = end + 1;
    return slice_of(text.data + start, end - start);
}

static inline bool naive_topic_at(struct slice pattern, size_t p, struct slice key, size_t k)
{
    bool key_over = key.size == 0 || k > key.size;
    if (pattern.size == 0 || p > pattern.size)
        return key_over;
    size_t p_next = p, k_next = k;
    struct slice word = naive_word(pattern, &p_next);
    bool is_hash = slice_equal(word, SLICE_LITERAL("#"));
    if (is_hash && naive_topic_at(pattern, p_next, key, k))
        return true;
    if (key_over)
        return false;
    struct slice actual = naive_word(key, &k_next);
    if (is_hash)
        return naive_topic_at(pattern, p, key, k_next);
    return (slice_equal(word, SLICE_LITERAL("*")) || slice_equal(word, actual)) &&
           naive_topic_at(pattern, p_next, key, k_next);
}

static inline bool naive_topic_matches(struct slice pattern, struct slice key)
{
    return naive_topic_at(pattern, 0, key, 0);
}

#endif
