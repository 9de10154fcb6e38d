/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mgmt/management.h"
#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/map.h"
#include "server/node.h"
#include "server/notify.h"
#include "server/options.h"
#include "server/reload.h"

/* Each connection is a descriptor: take as many as the system allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int serve(int argc, char **argv, const struct settings *settings, const struct buf *notes)
{
    static struct reload reload; /* holds settings */
    static struct management management;
    char error[512];
    uint64_t seed;
    if (reload_init(&reload, argc, argv, settings) < 0)
        return EXIT_FAILURE;
    reload_log_notes(notes);
    crypto_random(&seed, sizeof seed);
    map_seed(seed);
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    struct node_hooks hooks = management_hooks(&management);
    struct node *node = node_new(settings, &hooks, error, sizeof error);
    if (node == NULL) {
        log_error("start_failed", LOG_STR("reason", error));
        fprintf(stderr, "stoatmq: %s\n", error);
        return EXIT_FAILURE;
    }
    log_info("started", LOG_STR("version", STOATMQ_VERSION), LOG_NUM("pid", getpid()),
             LOG_STR("store", settings->store_log ? "log" : "memory"));
    reload.node = node;
    node_on_hangup(node, reload_now, &reload);
    notify_ready();
    bool in_order = node_run(node);
    node_free(node);
    log_info("stopped");
    return in_order ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct settings settings; /* too large for comfort on a stack */
    enum options_action action;
    struct buf notes = {0};
    char error[1024];
    if (options_parse(argc, argv, &settings, &action, &notes, error, sizeof error) < 0) {
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
    int status = serve(argc, argv, &settings, &notes);
    buf_fini(&notes);
    return status;
}
