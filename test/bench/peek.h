// SPDX-License-Identifier: Apache-2.0
// peek: how long a broker that has just been started takes to deliver the first message of a queue.
// The message is not acknowledged: it stays.
#pragma once

#include "options.h"

// Prints when the broker let us in and when the message came, on the monotonic clock; returns the
// program's exit code.
int peek_run(const struct options *o);
