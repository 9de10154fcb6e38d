/* SPDX-License-Identifier: Apache-2.0
 *
 * log_record: what a record of the log says, as JSON with a member for each of its fields.
 */
#ifndef STOATMQ_MGMT_CTL_LOG_RECORD_H
#define STOATMQ_MGMT_CTL_LOG_RECORD_H

#include <jansson.h>

#include "mgmt/ctl/queue_names.h"
#include "persist/fact.h"
#include "persist/record.h"

/* A type's name, "queue_declared"; NULL: there is none of that number. */
const char *log_record_type_name(uint8_t type);

/* The type of that name; 0: there is none. */
uint8_t log_record_type(const char *name);

/* The names of all types, in one string. */
const char *log_record_type_names(void);

/* Reads the fact in RECORD. False: it holds none, or it is malformed. */
bool log_record_fact(const struct record *record, struct fact *fact);

/* Is it one of the kinds that hold a message? */
bool log_record_is_message(const struct fact *fact);

/* A place, "segment:offset". The caller's to give up. */
json_t *log_record_place(uint64_t lsn);

/* The fields of RECORD; BODIES: with what messages hold. The caller's to give up. */
json_t *log_record_json(const struct record *record, const struct queue_names *names, bool bodies);

#endif
