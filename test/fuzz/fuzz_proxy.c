/* SPDX-License-Identifier: Apache-2.0
 *
 * A PROXY header: what is said of it does not depend on how much more has come, and it never
 * reaches beyond what has come.
 */
#include "server/base/check.h"
#include "server/net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    enum proxy_status status = proxy_parse(slice_of(data, size), &whole);
    struct proxy_sources sources = {0};
    if (status == PROXY_DONE) {
        char text[ADDRESS_TEXT_BYTES];
        CHECK(whole.size > 0 && whole.size <= size && whole.size <= PROXY_HEADER_BYTES_MAX);
        for (size_t i = 0; i < whole.size; i++)
            CHECK_ID(proxy_parse(slice_of(data, i), &part) == PROXY_MORE, i);
        CHECK(proxy_parse(slice_of(data, whole.size), &part) == PROXY_DONE);
        CHECK(part.size == whole.size && part.is_local == whole.is_local);
        address_text(&whole.peer, text);
        address_text(&whole.own, text);
    } else if (status == PROXY_BAD) {
        CHECK(whole.problem != NULL);
    } else {
        CHECK(size < PROXY_HEADER_BYTES_MAX);
    }
    if (proxy_sources_add(&sources, slice_of(data, size)))
        (void)proxy_sources_have(&sources, &whole.peer);
    return 0;
}
