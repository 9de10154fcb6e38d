/* SPDX-License-Identifier: Apache-2.0 */
#include "server/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server/base/log.h"

/* Sends TEXT to PATH, which begins with @ when it is of the abstract namespace. */
static int send_to(const char *path, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address.sun_path)
        return EINVAL;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    int error = sent < 0 ? errno : 0;
    close(fd);
    return error;
}

static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL)
        return;
    int error = send_to(path, text);
    if (error != 0)
        log_warning("notify_failed", LOG_STR("socket", path), LOG_STR("reason", strerror(error)));
}

void notify_ready(void)
{
    notify("READY=1\nSTATUS=Serving clients");
}

void notify_reloading(void)
{
    char text[96];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    notify(text);
}

void notify_stopping(void)
{
    notify("STOPPING=1\nSTATUS=Closing connections and the log");
}
