/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern: regular expressions (Perl's kind, by PCRE2) that operators and clients choose: for
 * policies, permissions, filters. Both making and matching one are bounded, so that a wicked
 * expression costs milliseconds, not the broker. A pattern belongs to one thread at a time.
 */
#ifndef STOATMQ_BASE_PATTERN_H
#define STOATMQ_BASE_PATTERN_H

#include "server/base/slice.h"

#define PATTERN_BYTES_MAX (16u * 1024) /* of an expression */

struct pattern;

/* What is wrong with an expression, and where: TEXT is a phrase such as "missing )"; OFFSET counts
 * the octets before the place. */
struct pattern_error {
    char text[120];
    size_t offset;
};

/* A new pattern, or NULL with ERROR filled. Where EXPRESSION is UTF-8 it is about characters, else
 * about octets. Free with pattern_free. */
struct pattern *pattern_new(struct slice expression, struct pattern_error *error)
    __attribute__((warn_unused_result));

/* Takes NULL as well. */
void pattern_free(struct pattern *pattern);

/* Is there a match anywhere in SUBJECT? An expression that says nothing about where it begins and
 * ends need not cover all of it. When finding out takes too long, there is none; a pattern with
 * which that has happened often is not tried any more, and matches nothing. */
bool pattern_matches(struct pattern *pattern, struct slice subject);

#endif
