// SPDX-License-Identifier: Apache-2.0
#include "echo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int listener)
{
    char buffer[65536];
    ssize_t n;
    int fd = accept(listener, NULL, NULL);
    close(listener);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t sent = 0, part; sent < n; sent += part)
            if ((part = write(fd, buffer + sent, (size_t)(n - sent))) < 0)
                _exit(1);
    _exit(0);
}

int echo_start(pid_t *pid)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
        getsockname(listener, (struct sockaddr *)&address, &size) || listen(listener, 1))
        goto out;
    *pid = fork();
    if (*pid == 0)
        serve(listener);
    fd = *pid < 0 ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size)) {
        perror("loadgen: echo");
        goto out;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
out:
    if (listener >= 0)
        close(listener);
    return fd;
}

void echo_wait(pid_t pid)
{
    waitpid(pid, NULL, 0);
}
