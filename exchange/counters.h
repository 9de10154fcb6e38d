/* SPDX-License-Identifier: Apache-2.0
 *
 * counters: the engine's event counts, from counters.def; they only grow. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_COUNTERS_H
#define STOATMQ_EXCHANGE_COUNTERS_H

#include <stdint.h>

struct counters {
#define COUNTER(name, help) uint64_t name;
#include "exchange/counters.def"
};

#endif
