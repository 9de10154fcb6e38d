// SPDX-License-Identifier: Apache-2.0
// idle: opens many connections with one channel each and measures what they cost in memory.
#pragma once

#include "options.h"

// Prints the result; returns the program's exit code.
int idle_run(const struct options *o);
