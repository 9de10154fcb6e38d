/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool address_parse(union address *address, const char *host, uint16_t port)
{
    *address = (union address){0};
    if (inet_pton(AF_INET, host, &address->in4.sin_addr) == 1) {
        address->in4.sin_family = AF_INET;
        address->in4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1) {
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = htons(port);
        return true;
    }
    return false;
}

void address_of_socket(union address *address, int fd, bool peer)
{
    socklen_t size = sizeof *address;
    *address = (union address){0};
    int status = peer ? getpeername(fd, &address->any, &size)
                      : getsockname(fd, &address->any, &size);
    if (status < 0 || (address->any.sa_family != AF_INET && address->any.sa_family != AF_INET6))
        address->any.sa_family = AF_UNSPEC;
}

socklen_t address_bytes(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in4;
}

uint16_t address_port(const union address *address)
{
    if (address->any.sa_family == AF_UNSPEC)
        return 0;
    return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port
                                                    : address->in4.sin_port);
}

void address_host(const union address *address, char text[ADDRESS_HOST_BYTES])
{
    if (address->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->in4.sin_addr, text, ADDRESS_HOST_BYTES);
    else if (address->any.sa_family != AF_INET6)
        snprintf(text, ADDRESS_HOST_BYTES, "unknown");
    else if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
        inet_ntop(AF_INET, address->in6.sin6_addr.s6_addr + 12, text, ADDRESS_HOST_BYTES);
    else
        inet_ntop(AF_INET6, &address->in6.sin6_addr, text, ADDRESS_HOST_BYTES);
}

void address_text(const union address *address, char text[ADDRESS_TEXT_BYTES])
{
    char host[ADDRESS_HOST_BYTES];
    address_host(address, host);
    if (address->any.sa_family == AF_UNSPEC)
        snprintf(text, ADDRESS_TEXT_BYTES, "%s", host);
    else
        snprintf(text, ADDRESS_TEXT_BYTES, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
                 address_port(address));
}

bool address_is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->in4.sin_addr.s_addr) >> 24 == 127;
    return address->any.sa_family == AF_INET6 && (IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr) ||
                                                  (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr) &&
                                                   address->in6.sin6_addr.s6_addr[12] == 127));
}
