/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/check.h"

#include <stdlib.h>

#include "server/base/log.h"

void check_failed(const char *file, int line, const char *condition, uint64_t id)
{
    log_error("check_failed", LOG_STR("file", file), LOG_INT("line", line),
              LOG_STR("condition", condition), LOG_NUM("id", id));
    abort();
}
