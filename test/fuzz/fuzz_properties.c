/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes message properties: the input is flags and values as a content header carries them. What
 * decodes is written again as it was read, but for the flag bit that has no property.
 */
#include "amqp/properties.h"
#include "server/base/check.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/amqp/equal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct properties first, second;
    if (properties_decode(slice_of(data, size), &first) != METHOD_OK)
        return 0;
    struct buf out = {0};
    properties_encode(&first, &out);
    CHECK(out.size == size);
    CHECK((out.data[1] | 2) == (data[1] | 2));
    CHECK(out.data[0] == data[0]);
    CHECK(memcmp(out.data + 2, data + 2, size - 2) == 0);
    CHECK(properties_decode(buf_slice(&out), &second) == METHOD_OK);
    CHECK(properties_are_equal(&first, &second));
    buf_fini(&out);
    return 0;
}
