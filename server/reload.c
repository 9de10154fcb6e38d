/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/mem.h"
#include "server/notify.h"
#include "server/options.h"

/* Opens PATH; an empty one is standard error. Returns the descriptor, or -1 with errno. */
static int open_log_file(const char *path)
{
    return path[0] == '\0' ? STDERR_FILENO
                           : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* The log goes to FD from now on. A line that another thread writes at this moment may still go to
 * the old file, which is why that is replaced in its place and never closed under a writer. */
static void switch_log(struct reload *reload, int fd)
{
    if (fd == STDERR_FILENO || reload->log_fd < 0) {
        log_set_output(fd);
        if (fd != STDERR_FILENO)
            reload->log_fd = fd;
        return;
    }
    while (dup3(fd, reload->log_fd, O_CLOEXEC) < 0 && errno == EINTR)
        ;
    close(fd);
    log_set_output(reload->log_fd);
}

int reload_init(struct reload *reload, int argc, char **argv, const struct settings *settings)
{
    *reload = (struct reload){.argc = argc, .argv = argv, .settings = *settings, .log_fd = -1};
    log_set_level(settings->log_level);
    int fd = open_log_file(settings->log_file);
    if (fd < 0) {
        fprintf(stderr, "stoatmq: cannot open the log file %s: %s\n", settings->log_file,
                strerror(errno));
        return -1;
    }
    switch_log(reload, fd);
    return 0;
}

void reload_log_notes(const struct buf *notes)
{
    struct slice text = buf_slice(notes);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        log_info("setting_ignored", LOG_BYTES("note", slice_of(text.data, size)));
        size += end != NULL;
        text = slice_of(text.data + size, text.size - size);
    }
}

static void reopen_log(struct reload *reload, const char *path)
{
    int fd = open_log_file(path);
    if (fd < 0)
        log_error("log_file_kept", LOG_STR("file", path), LOG_STR("reason", strerror(errno)));
    else
        switch_log(reload, fd);
}

static void take(struct reload *reload, const struct settings *fresh)
{
    reload->settings = *node_settings(reload->node); /* adjust.h's changes with them */
    unsigned changed = settings_take_live(&reload->settings, fresh);
    log_set_level(reload->settings.log_level);
    if (changed > 0)
        node_take_settings(reload->node, &reload->settings);
    (void)node_reload_certificates(reload->node, &reload->settings);
    log_info("reloaded", LOG_NUM("settings_changed", changed));
}

void reload_now(void *context)
{
    struct reload *reload = context;
    struct settings *fresh = mem_alloc(sizeof *fresh);
    struct buf notes = {0};
    enum options_action action;
    char error[1024];
    notify_reloading();
    if (options_parse(reload->argc, reload->argv, fresh, &action, &notes, error, sizeof error) <
        0) {
        log_error("reload_failed", LOG_STR("reason", error));
        reopen_log(reload, reload->settings.log_file);
    } else {
        reopen_log(reload, fresh->log_file);
        reload_log_notes(&notes);
        take(reload, fresh);
    }
    notify_ready();
    buf_fini(&notes);
    mem_free(fresh);
}
