/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/template.h"
#include "server/base/mem.h"

enum { FILE_BYTES_MAX = 1 << 30 };

static void path_of(const struct arguments *arguments, struct buf *path)
{
    bool is_partial = argument_of(arguments, "--only-vhost") != NULL;
    (void)template_expand(is_partial ? "/definitions/{vhost}" : "/definitions", arguments,
                          TEMPLATE_PATH, path);
    buf_u8(path, '\0');
}

static bool is_stream(const char *name)
{
    return name == NULL || strcmp(name, "-") == 0;
}

/* Writes TEXT to a new file beside NAME, which it then replaces: whole or not at all. It holds
 * hashes of passwords, so nobody else may read it. */
static int write_file(const char *name, const char *text)
{
    char fresh[4096];
    int size = snprintf(fresh, sizeof fresh, "%s.XXXXXX", name);
    int fd = size < (int)sizeof fresh ? mkstemp(fresh) : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL)
        return fail(EXIT_DATA, "%s: %s", name, strerror(errno));
    bool is_written = fprintf(file, "%s\n", text) >= 0 && fflush(file) == 0 && fsync(fd) == 0;
    is_written = fclose(file) == 0 && is_written && rename(fresh, name) == 0;
    if (is_written)
        return 0;
    int status = fail(EXIT_DATA, "%s: %s", name, strerror(errno));
    (void)unlink(fresh);
    return status;
}

int run_export_definitions(const struct arguments *arguments)
{
    struct api api;
    struct buf path = {0};
    json_t *definitions;
    const char *name = arguments->operands[0];
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    if (!is_stream(name))
        say(arguments, "Exporting definitions in JSON to a file at \"%s\" ...", name);
    path_of(arguments, &path);
    status = api_get(&api, (const char *)path.data, &definitions);
    buf_fini(&path);
    api_fini(&api);
    if (status != 0)
        return status;
    if (is_stream(name)) {
        output_json(definitions);
        return output_end(0);
    }
    char *text = json_dumps(definitions, JSON_INDENT(2));
    status = write_file(name, text);
    mem_free(text);
    json_decref(definitions);
    return status;
}

/* The content of the file NAME, NUL-terminated, in TEXT. */
static int read_file(const char *name, struct buf *text)
{
    FILE *file = is_stream(name) ? stdin : fopen(name, "re");
    if (file == NULL)
        return fail(EXIT_DATA, "%s: %s", name, strerror(errno));
    size_t size;
    do {
        size = fread(buf_reserve(text, 1 << 16), 1, 1 << 16, file);
        text->size += size;
    } while (size > 0 && text->size < FILE_BYTES_MAX);
    bool failed = ferror(file) != 0 || text->size >= FILE_BYTES_MAX;
    if (file != stdin)
        (void)fclose(file);
    buf_u8(text, '\0');
    return failed ? fail(EXIT_DATA, "%s: cannot be read, or is larger than 1 GiB",
                         is_stream(name) ? "standard input" : name)
                  : 0;
}

/* The text must be JSON: said with the line here, before anything is asked for. */
static int check_json(const char *name, const struct buf *text)
{
    json_error_t error;
    json_t *json = json_loads((const char *)text->data, JSON_REJECT_DUPLICATES, &error);
    bool is_object = json_is_object(json);
    json_decref(json);
    if (json == NULL)
        return fail(EXIT_DATA, "%s:%d: %s", is_stream(name) ? "standard input" : name, error.line,
                    error.text);
    return is_object ? 0 : fail(EXIT_DATA, "definitions are an object");
}

int run_import_definitions(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    struct buf text = {0}, path = {0};
    const char *name = operand_of(arguments, 0);
    int status = read_file(name, &text);
    if (status == 0)
        status = check_json(name, &text);
    if (status == 0)
        status = api_init(&api, arguments);
    if (status != 0) {
        buf_fini(&text);
        return status;
    }
    path_of(arguments, &path);
    status = api_ask(&api, "POST", (const char *)path.data, (const char *)text.data, EXIT_DATA,
                     &answer);
    if (status == 0) {
        answer_fini(&answer);
        say(arguments, "Definitions are imported.");
    }
    buf_fini(&path);
    buf_fini(&text);
    api_fini(&api);
    return status;
}
