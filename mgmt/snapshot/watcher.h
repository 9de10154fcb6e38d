/* SPDX-License-Identifier: Apache-2.0
 *
 * watcher: tells the management what there is in the model: a journal of what came and went, kept
 * from the moment it happens, and numbers of all there is, taken in slices of bounded time. Numbers
 * that are as they were told last are left out. Engine's thread only.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_WATCHER_H
#define STOATMQ_MGMT_SNAPSHOT_WATCHER_H

#include "exchange/engine.h"
#include "mgmt/snapshot/fact.h"
#include "server/base/buf.h"

/* A slice ends when it has taken this long; it is looked at every WATCHER_STEP items. */
#define WATCHER_SLICE_NS 1000000
#define WATCHER_STEP     32

/* A journal that is so long should be taken soon: to grow it costs the engine time. */
#define WATCHER_JOURNAL_BYTES (256u * 1024)

struct watcher {
    struct registry_observer observer; /* first */
    struct engine *engine;
    uint64_t (*clock_ns)(void);
    uint64_t (*wall_ms)(void);
    struct buf journal;
    /* The journal has reached WATCHER_JOURNAL_BYTES; once between two watcher_journal. Or NULL. */
    void (*on_crowded)(struct watcher *watcher);
    bool is_crowded;
};

/* How far a sweep over all there is has come. Zero: at its beginning. */
struct watcher_position {
    uint32_t kind; /* enum registry_kind */
    uint32_t at;
};

/* Watches ENGINE from now on; the journal begins with all there is. */
void watcher_start(struct watcher *watcher, struct engine *engine);

/* Frees what it holds, once the engine is gone. */
void watcher_stop(struct watcher *watcher);

/* Appends what came and went since the last time to FACTS. */
void watcher_journal(struct watcher *watcher, struct buf *facts);

/* Appends numbers to FACTS from POSITION on for one slice; true when that was the last. What moves
 * to another place meanwhile, since something went, may be missed by this sweep. */
bool watcher_sweep(struct watcher *watcher, struct watcher_position *position, struct buf *facts);

/* Makes room for a fact of KIND and appends BYTES of it, of which a struct fact_front is the front;
 * for others that tell facts. */
void fact_put(struct buf *facts, enum fact_kind kind, void *fact, size_t bytes);

#endif
