// SPDX-License-Identifier: Apache-2.0
// echo: a bare TCP echo server in a process of its own: blocking read, blocking write, one
// connection. What a broker's latency is compared with.
#pragma once

#include <stdint.h>
#include <sys/types.h>

// Forks; call it before any thread exists. Returns a connected socket, or -1. The server ends when
// the socket is closed; echo_wait then reaps it.
int echo_start(pid_t *pid);
void echo_wait(pid_t pid);
