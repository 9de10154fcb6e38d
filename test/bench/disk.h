// SPDX-License-Identifier: Apache-2.0
// disk: a bare loop of write and fdatasync, one after the other through a file whose blocks are
// written already. What the latency of a lone confirm is compared with.
#pragma once

#include "options.h"

// Prints the result; returns the program's exit code.
int disk_run(const struct options *o);
