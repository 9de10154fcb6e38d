/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: the one function that a fuzz target defines; libFuzzer or replay.c calls it with an input.
 * It returns 0, and aborts (CHECK) where the input shows a bug. It keeps no state from one input to
 * the next.
 */
#ifndef STOATMQ_TEST_FUZZ_H
#define STOATMQ_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
