/* SPDX-License-Identifier: Apache-2.0
 *
 * equal: are two decoded methods, or two sets of properties, the same in every field? Tables are
 * compared by their octets. For tests.
 */
#ifndef STOATMQ_TEST_EQUAL_H
#define STOATMQ_TEST_EQUAL_H

#include "amqp/properties.h"

#define EQUAL_OCTET(a, b)      ((a) == (b))
#define EQUAL_SHORT(a, b)      ((a) == (b))
#define EQUAL_LONG(a, b)       ((a) == (b))
#define EQUAL_LONGLONG(a, b)   ((a) == (b))
#define EQUAL_BIT(a, b)        ((a) == (b))
#define EQUAL_SHORTSTR(a, b)   slice_equal(a, b)
#define EQUAL_SHORTBYTES(a, b) slice_equal(a, b)
#define EQUAL_LONGSTR(a, b)    slice_equal(a, b)
#define EQUAL_TABLE(a, b)      slice_equal(a, b)

static inline bool methods_are_equal(const struct method *a, const struct method *b)
{
    bool equal = a->id == b->id;
#define COMPARE_FIELD(type, field) equal = equal && EQUAL_##type(x->field, y->field);
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS) \
    if (a->id == METHOD_##ID) {                                                            \
        const struct method_##name *x = &a->name, *y = &b->name;                           \
        (void)x, (void)y;                                                                  \
        FIELDS(COMPARE_FIELD)                                                              \
    }
#include "amqp/methods.def"
#undef COMPARE_FIELD
    return equal;
}

static inline bool properties_are_equal(const struct properties *a, const struct properties *b)
{
    bool equal = a->flags == b->flags;
#define PROPERTY(NAME, name, type, bit) equal = equal && EQUAL_##type(a->name, b->name);
#include "amqp/properties.def"
    return equal;
}

#endif
