/* SPDX-License-Identifier: Apache-2.0
 *
 * topic: a trie of binding patterns by words between dots, in which `*` stands for one word and `#`
 * for none or more. Matching costs the patterns that are still possible word by word, not the
 * patterns there are, and never more than the key's words times the trie's nodes. Engine's thread
 * only. AMQP 0-9-1 section 3.1.3.3.
 */
#ifndef STOATMQ_EXCHANGE_TOPIC_H
#define STOATMQ_EXCHANGE_TOPIC_H

#include "server/base/list.h"
#include "server/base/slice.h"

struct topic_node;

/* An empty trie's root. Free with topic_free, when it is empty again. */
struct topic_node *topic_new(void);
void topic_free(struct topic_node *root);

/* The node of PATTERN, made when it is not there; it stays while it has elements. */
struct topic_node *topic_insert(struct topic_node *root, struct slice pattern);

/* The elements (of any kind) of the pattern that ends at NODE; the caller links and unlinks. */
struct list *topic_elements(struct topic_node *node);

/* Frees NODE, and those above it, that have neither elements nor children; after unlinking an
 * element. */
void topic_prune(struct topic_node *node);

/* Calls FOUND for each pattern that matches KEY, once, with its elements. */
void topic_match(struct topic_node *root, struct slice key,
                 void (*found)(void *context, struct list *elements), void *context);

#endif
