/* SPDX-License-Identifier: Apache-2.0
 *
 * export: what there is as a definitions document, which import, and RabbitMQ's, take back. Queues
 * of one connection, the broker's own exchanges and messages are not in it. Engine's thread only.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_EXPORT_H
#define STOATMQ_MGMT_DEFINITIONS_EXPORT_H

#include "server/base/buf.h"

struct engine;
struct vhost;

/* Who exports, as texts. */
struct definitions_origin {
    const char *rabbitmq_version; /* that this broker is compatible with */
    const char *product_version;
    struct slice cluster_name;
};

/* Appends the document with everything; or, with ONLY, a virtual host's, without its name in it. */
void definitions_export(const struct engine *engine, const struct vhost *only,
                        const struct definitions_origin *origin, struct buf *out);

#endif
