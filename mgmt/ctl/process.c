/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals to the broker of this machine. Who may send them is the system's business. The process is
 * found by the file that holds its number, or by asking the API, which must then be this machine's;
 * and it must be a stoatmq.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mgmt/ctl/status.h"

enum { STOP_TIMEOUT_S = 300, WAIT_TIMEOUT_S = 60, WAIT_POLL_MS = 200 };

/* Reads the number in the file PATH. 0, or a negative errno: EINVAL when there is none in it. */
static int read_number(const char *path, long *number)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -errno;
    bool is_number = fscanf(file, "%ld", number) == 1;
    (void)fclose(file);
    return is_number ? 0 : -EINVAL;
}

static int read_pid_file(const char *path, long *pid)
{
    int status = read_number(path, pid);
    if (status == -EINVAL)
        return fail(EXIT_DATA, "%s: there is no process's number in it", path);
    return status == 0 ? 0 : fail(EXIT_UNAVAILABLE, "%s: %s", path, strerror(-status));
}

static int ask_pid(const struct arguments *arguments, long *pid)
{
    struct api api;
    json_t *overview = NULL, *node = NULL;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    if (target_is_local(&api.target))
        status = status_ask(&api, &overview, &node);
    else
        status = fail(EXIT_USAGE, "the broker is not on this machine; do it there");
    if (status == 0)
        *pid = atol(json_text_at(node, "os_pid"));
    json_decref(overview);
    json_decref(node);
    api_fini(&api);
    return status;
}

enum { PROCESS_NAME_BYTES = 64 };

/* What the process PID is called; false: there is none. */
static bool read_process_name(long pid, char name[PROCESS_NAME_BYTES])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *file = pid > 1 ? fopen(path, "re") : NULL;
    name[0] = '\0';
    if (file == NULL)
        return false;
    if (fgets(name, PROCESS_NAME_BYTES, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    (void)fclose(file);
    return true;
}

/* Is PID a process of ours? So that a number that has become another's does no harm. */
static int check_is_stoatmq(long pid)
{
    char name[PROCESS_NAME_BYTES];
    if (!read_process_name(pid, name))
        return fail(EXIT_UNAVAILABLE, "there is no process %ld on this machine", pid);
    return strcmp(name, "stoatmq") == 0
               ? 0
               : fail(EXIT_DATA, "process %ld is '%s', which is no stoatmq", pid, name);
}

/* Opens the process, so that its number cannot become another's before the signal is sent. */
static int open_process(const struct arguments *arguments, const char *pid_file, int *process,
                        long *pid)
{
    int status = pid_file != NULL ? read_pid_file(pid_file, pid) : ask_pid(arguments, pid);
    if (status != 0)
        return status;
    *process = (int)syscall(SYS_pidfd_open, (pid_t)*pid, 0);
    if (*process < 0)
        return fail(EXIT_UNAVAILABLE, "process %ld: %s", *pid, strerror(errno));
    status = check_is_stoatmq(*pid);
    if (status != 0)
        close(*process);
    return status;
}

static int send_signal(int process, long pid, int number)
{
    if (syscall(SYS_pidfd_send_signal, process, number, NULL, 0) == 0)
        return 0;
    return fail(errno == EPERM ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE, "process %ld: %s", pid,
                strerror(errno));
}

int run_stop(const struct arguments *arguments)
{
    int process;
    long pid = 0, timeout_s = arguments->common.timeout_s;
    int status = open_process(arguments, operand_of(arguments, 0), &process, &pid);
    if (status != 0)
        return status;
    status = send_signal(process, pid, SIGTERM);
    struct pollfd wait = {.fd = process, .events = POLLIN};
    if (status == 0)
        say(arguments, "Stopping process %ld ...", pid);
    if (status == 0 &&
        poll(&wait, 1, (int)(timeout_s > 0 ? timeout_s : STOP_TIMEOUT_S) * 1000) != 1)
        status = fail(EXIT_TRY_LATER, "process %ld has not ended yet", pid);
    close(process);
    return status;
}

int run_reload(const struct arguments *arguments)
{
    int process;
    long pid = 0;
    int status = open_process(arguments, NULL, &process, &pid);
    if (status != 0)
        return status;
    status = send_signal(process, pid, SIGHUP);
    if (status == 0)
        say(arguments, "Process %ld reads its settings again; its log says what has changed", pid);
    close(process);
    return status;
}

/* The process may not be there yet, nor the file; then the API may not be. */
int run_wait(const struct arguments *arguments)
{
    const char *file = operand_of(arguments, 0), *given = argument_of(arguments, "--pid");
    char name[PROCESS_NAME_BYTES];
    long timeout_s = arguments->common.timeout_s;
    long pid = given != NULL ? atol(given) : 0;
    if ((file == NULL) == (given == NULL))
        return usage_error(arguments->command, "expected PIDFILE or --pid");
    time_t until = time(NULL) + (timeout_s > 0 ? timeout_s : WAIT_TIMEOUT_S);
    while ((file != NULL && read_number(file, &pid) != 0) || !read_process_name(pid, name) ||
           strcmp(name, "stoatmq") != 0) {
        if (time(NULL) >= until)
            return fail(EXIT_TRY_LATER, "%s: there is no process of stoatmq",
                        file != NULL ? file : given);
        (void)poll(NULL, 0, WAIT_POLL_MS);
    }
    say(arguments, "Process %ld is there", pid);
    return run_await_startup(arguments);
}
