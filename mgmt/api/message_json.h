/* SPDX-License-Identifier: Apache-2.0
 *
 * message_json: a message as the API shows it. Any thread.
 */
#ifndef STOATMQ_MGMT_API_MESSAGE_JSON_H
#define STOATMQ_MGMT_API_MESSAGE_JSON_H

#include "exchange/message.h"
#include "mgmt/json_writer.h"

/* More than that is not shown at once, whatever is asked for. */
#define MESSAGES_COUNT_MAX 10000
#define MESSAGES_BYTES_MAX (64u << 20) /* of bodies; but one message at least */

#define MESSAGE_JSON_NO_ENCODING "Unsupported encoding. Please use auto or base64."

struct message_look {
    uint64_t truncate;  /* octets of the body at most */
    bool always_base64; /* also where it is text */
};

/* Reads "auto" or "base64"; false: it is neither. */
bool message_json_encoding(struct slice encoding, struct message_look *look)
    __attribute__((warn_unused_result));

/* Writes a message's properties, as received, under the key "properties". */
void message_json_put_properties(struct json_writer *writer, struct slice encoded);

/* Writes MESSAGE as an object; LEFT: how many are ready behind it. */
void message_json_write(struct json_writer *writer, const struct message_look *look,
                        struct message *message, uint64_t left, bool redelivered);

#endif
