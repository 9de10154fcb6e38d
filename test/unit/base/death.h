/* SPDX-License-Identifier: Apache-2.0
 *
 * death: runs what is expected to end the process, in a child, and returns how it ended (waitpid's
 * status; 0 when it came back). What it logged goes to LOG, NUL-terminated and cut to LOG_SIZE.
 */
#ifndef STOATMQ_TEST_UNIT_BASE_DEATH_H
#define STOATMQ_TEST_UNIT_BASE_DEATH_H

#include <stddef.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/log.h"

static inline int death_of(void (*run)(void), char *log, size_t log_size)
{
    int ends[2], status = -1;
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        log_set_output(ends[1]);
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size<log_size - 1; size += got> 0 ? (size_t)got : 0)
        got = read(ends[0], log + size, log_size - 1 - size);
    log[size] = '\0';
    (void)close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return status;
}

#endif
