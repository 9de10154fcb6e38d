/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/store.h"

static uint64_t append(struct store *store, const struct store_record *record)
{
    (void)record;
    struct store_ram *ram = (struct store_ram *)store;
    return ++ram->last_lsn;
}

static uint64_t flush(struct store *store)
{
    return ((struct store_ram *)store)->last_lsn;
}

static bool is_full(struct store *store)
{
    (void)store;
    return false;
}

void store_ram_init(struct store_ram *ram)
{
    *ram = (struct store_ram){.store = {append, flush, is_full, NULL, NULL}};
}
