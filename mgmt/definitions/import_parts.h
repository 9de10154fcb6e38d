/* SPDX-License-Identifier: Apache-2.0
 *
 * import_parts: what the kinds of things in a definitions document share: reading an item's
 * members, saying what is wrong with it, knowing what else the document has. Each kind has one
 * function that is called twice for each item: to check it, and, when all items of all kinds were
 * good, to apply it. What is wrong then all the same (something has changed in between) is said and
 * left out.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_IMPORT_PARTS_H
#define STOATMQ_MGMT_DEFINITIONS_IMPORT_PARTS_H

#include "mgmt/definitions/import.h"
#include "server/base/map.h"

enum import_kind {
    IMPORT_USERS,
    IMPORT_VHOSTS,
    IMPORT_EXCHANGES,
    IMPORT_LIMITS, /* of the virtual host, with no name: the value */
    IMPORT_QUEUES,
    IMPORT_KINDS
};

struct import {
    struct engine *engine;
    json_t *document; /* a reference */
    bool is_of_vhost;
    struct buf only_name;
    struct vhost *only; /* of that name, within a piece of the work; or NULL */
    bool is_applying;
    uint64_t longest_ns;                /* that a piece of the work took */
    size_t section_at;                  /* in which the next item is, */
    const char *section;                /* and of the document: "queues" */
    size_t index;                       /* of the item in it */
    struct map announced[IMPORT_KINDS]; /* struct announcement: what the document has of these */
    uint32_t added[IMPORT_KINDS];       /* how many will be new, as far as import_has_room counts */
    struct map queue_counts;            /* struct queue_count: the same of queues, by vhost */
    struct definitions_result result;
};

/* Something that will be there once the document is applied. */
struct announcement {
    const json_t *item;
    size_t key_bytes;
    uint8_t key[];
};

/* Counts queues that an import adds to a virtual host. */
struct queue_count {
    uint32_t count;
    size_t key_bytes;
    uint8_t key[]; /* the virtual host's name */
};

void import_users(struct import *import, const json_t *item);
void import_vhosts(struct import *import, const json_t *item);
void import_permissions(struct import *import, const json_t *item);
void import_topic_permissions(struct import *import, const json_t *item);
void import_exchanges(struct import *import, const json_t *item);
void import_queues(struct import *import, const json_t *item);
void import_bindings(struct import *import, const json_t *item);
void import_global_parameters(struct import *import, const json_t *item);
void import_parameters(struct import *import, const json_t *item);
void import_policies(struct import *import, const json_t *item);

/* A virtual host's limits: an object. */
void import_vhost_limits(struct import *import, struct slice vhost, const json_t *limits);

/* Says what is wrong with the current item. */
void import_problem(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void import_problem_text(struct import *import, struct slice text);

/* A member that is a string of at most MAX octets; false, and said, when it is not. With a FALLBACK
 * it need not be there. */
bool import_string(struct import *import, const json_t *item, const char *key, size_t max,
                   struct slice *text);
bool import_string_or(struct import *import, const json_t *item, const char *key, size_t max,
                      const char *fallback, struct slice *text);
bool import_flag_or(struct import *import, const json_t *item, const char *key, bool fallback,
                    bool *flag);

/* A member that is an object, or not there, as a field table appended to TABLE. */
bool import_table(struct import *import, const json_t *item, const char *key, struct buf *table);

/* The virtual host that the item names, or the one that all is for: its name, which is there or
 * will be. */
bool import_vhost_name(struct import *import, const json_t *item, struct slice *name);

/* The same when applying. */
struct vhost *import_vhost(struct import *import, const json_t *item);

/* The document has KIND's NAME (in VHOST, or empty). False when it has it already. */
bool import_announce(struct import *import, enum import_kind kind, struct slice vhost,
                     struct slice name, const json_t *item);

/* One more of KIND will be new, of which there are PRESENT: may there be so many in the broker?
 * MOST 0: any number. */
bool import_has_room(struct import *import, enum import_kind kind, uint32_t present, uint32_t most);

/* The item of what was announced, or NULL. */
const json_t *import_announced(const struct import *import, enum import_kind kind,
                               struct slice vhost, struct slice name);

#endif
