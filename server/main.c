/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/map.h"
#include "server/node.h"
#include "server/options.h"

/* Each connection is a descriptor: take as many as the system allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_log(const struct settings *settings)
{
    log_set_level(settings->log_level);
    if (settings->log_file[0] == '\0')
        return 0;
    int fd = open(settings->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        fprintf(stderr, "stoatmq: cannot open the log file %s: %s\n", settings->log_file,
                strerror(errno));
        return -1;
    }
    log_set_output(fd);
    return 0;
}

static int serve(const struct settings *settings)
{
    char error[512];
    uint64_t seed;
    if (open_log(settings) < 0)
        return EXIT_FAILURE;
    crypto_random(&seed, sizeof seed);
    map_seed(seed);
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    struct node *node = node_new(settings, error, sizeof error);
    if (node == NULL) {
        log_error("start_failed", LOG_STR("reason", error));
        fprintf(stderr, "stoatmq: %s\n", error);
        return EXIT_FAILURE;
    }
    log_info("started", LOG_STR("version", STOATMQ_VERSION), LOG_NUM("pid", getpid()),
             LOG_STR("store", settings->store_log ? "log" : "memory"));
    if (settings->management_port != 0)
        log_info("management_absent", LOG_NUM("port", settings->management_port),
                 LOG_STR("reason", "this version has no management interface yet"));
    bool in_order = node_run(node);
    node_free(node);
    log_info("stopped");
    return in_order ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct settings settings; /* too large for comfort on a stack */
    enum options_action action;
    char error[512];
    if (options_parse(argc, argv, &settings, &action, error, sizeof error) < 0) {
        fprintf(stderr, "stoatmq: %s\n", error);
        return 2;
    }
    switch (action) {
    case OPTIONS_HELP:
        options_print_help(stdout);
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        puts("stoatmq " STOATMQ_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_PRINT_SAMPLE:
        settings_print_sample(stdout);
        return EXIT_SUCCESS;
    case OPTIONS_RUN:
        break;
    }
    return serve(&settings);
}
