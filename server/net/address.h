/* SPDX-License-Identifier: Apache-2.0
 *
 * address: the IPv4 or IPv6 address and port of one end of a connection. A value; any thread.
 */
#ifndef STOATMQ_NET_ADDRESS_H
#define STOATMQ_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* any.sa_family says which; AF_UNSPEC: unknown. */
union address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

/* Room for an address as text, and for address_text's form with the port. */
#define ADDRESS_HOST_BYTES INET6_ADDRSTRLEN
#define ADDRESS_TEXT_BYTES 64

/* Reads a numeric address, without a port. */
bool address_parse(union address *address, const char *host, uint16_t port);

/* FD's own end or its peer's; unknown when it has none. */
void address_of_socket(union address *address, int fd, bool peer);

/* Bytes of the system's form. */
socklen_t address_bytes(const union address *address);

uint16_t address_port(const union address *address);

/* Writes the host alone, an IPv4 one mapped into IPv6 as IPv4; "unknown" when there is none. */
void address_host(const union address *address, char text[ADDRESS_HOST_BYTES]);

/* Writes "HOST:PORT", "[HOST]:PORT" for IPv6; "unknown" when there is none. */
void address_text(const union address *address, char text[ADDRESS_TEXT_BYTES]);

/* Is it of this machine's loopback? */
bool address_is_loopback(const union address *address);

#endif
