/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/definitions/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/definitions/import.h"
#include "server/base/log.h"

#define READ_BYTES (64u * 1024)

int definitions_read_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -errno;
    int status = 0;
    for (size_t got = 1; got > 0 && status == 0;) {
        got = fread(buf_reserve(text, READ_BYTES), 1, READ_BYTES, file);
        text->size += got;
        if (text->size > DEFINITIONS_BYTES_MAX)
            status = -EFBIG;
        else if (ferror(file))
            status = errno != 0 ? -errno : -EIO;
    }
    (void)fclose(file);
    return status;
}

void definitions_log_problems(const char *path, struct slice problems)
{
    while (problems.size > 0) {
        const uint8_t *end = memchr(problems.data, '\n', problems.size);
        size_t size = end != NULL ? (size_t)(end - problems.data) : problems.size;
        if (size > 0)
            log_error("definitions_problem", LOG_STR("file", path),
                      LOG_BYTES("problem", slice_of(problems.data, size)));
        size += end != NULL;
        problems = slice_of(problems.data + size, problems.size - size);
    }
}

static int apply(struct engine *engine, const char *path, struct slice text, char *error,
                 size_t error_size)
{
    struct buf problem = {0};
    json_t *document = definitions_parse(text, &problem);
    if (document == NULL) {
        (void)snprintf(error, error_size, "%s: %.*s", path, SLICE_ARGS(buf_slice(&problem)));
        buf_fini(&problem);
        return -1;
    }
    struct definitions_result result;
    definitions_import(engine, NULL, document, &result);
    json_decref(document);
    definitions_log_problems(path, buf_slice(&result.problems));
    if (result.problem_count > 0)
        (void)snprintf(error, error_size, "%s: %u problem(s), see the log; the first: %.*s", path,
                       result.problem_count, SLICE_ARGS(buf_slice(&result.problems)));
    buf_fini(&result.problems);
    return result.problem_count > 0 ? -1 : 0;
}

int definitions_load_file(struct engine *engine, const char *path, char *error, size_t error_size)
{
    if (*path == '\0')
        return 0;
    struct buf text = {0};
    int status = definitions_read_file(path, &text);
    if (status < 0)
        (void)snprintf(error, error_size, "%s: cannot be read: %s", path, strerror(-status));
    else
        status = apply(engine, path, buf_slice(&text), error, error_size);
    buf_fini(&text);
    return status < 0 ? -1 : 0;
}
