/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A file is an object with the members "vhost" and "definitions", the latter as it
 * came. To apply it again changes nothing of what has been applied before.
 */
#include "mgmt/definitions/pending.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mgmt/definitions/boot.h"
#include "mgmt/definitions/import.h"
#include "mgmt/json_writer.h"
#include "server/base/log.h"

#define PREFIX "definitions-"
#define SUFFIX ".pending"
#define NEW    ".new" /* behind that, while it is being written */

#define MEMBER_VHOST       "vhost"
#define MEMBER_DEFINITIONS "definitions"

/* --- keeping --------------------------------------------------------------------------------- */

/* 0, or a negative errno. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static int write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0)
            bytes = slice_of(bytes.data + written, bytes.size - (size_t)written);
    }
    return 0;
}

/* Writes a new file PATH and syncs it. */
static int write_file(const char *path, const struct slice *only, struct slice text)
{
    struct buf front = {0};
    struct json_writer json;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    json_writer_init(&json, &front);
    json_write_object(&json);
    if (only != NULL)
        json_put_string(&json, MEMBER_VHOST, *only);
    (void)json_write_key(&json, SLICE_LITERAL(MEMBER_DEFINITIONS));
    int status = write_all(fd, buf_slice(&front));
    if (status == 0)
        status = write_all(fd, text);
    if (status == 0)
        status = write_all(fd, SLICE_LITERAL("}"));
    if (status == 0 && fsync(fd) < 0)
        status = -errno;
    buf_fini(&front);
    (void)close(fd);
    return status;
}

int pending_keep(const char *folder, unsigned long long number, const struct slice *only,
                 struct slice text, char path[PENDING_PATH_BYTES], char *error, size_t error_size)
{
    char unfinished[PENDING_PATH_BYTES + 8];
    (void)snprintf(path, PENDING_PATH_BYTES, "%s/" PREFIX "%020llu" SUFFIX, folder, number);
    (void)snprintf(unfinished, sizeof unfinished, "%s" NEW, path);
    int status = write_file(unfinished, only, text);
    if (status == 0 && rename(unfinished, path) < 0)
        status = -errno;
    if (status == 0)
        status = sync_folder(folder);
    if (status == 0)
        return 0;
    (void)unlink(unfinished);
    (void)unlink(path);
    (void)snprintf(error, error_size, "%s: %s", path, strerror(-status));
    return -1;
}

static void forget(const char *path)
{
    char folder[PENDING_PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *name = strrchr(folder, '/');
    int status = unlink(path) < 0 ? -errno : 0;
    if (name != NULL) {
        *name = '\0';
        status = status == 0 ? sync_folder(folder) : status;
    }
    if (status < 0)
        log_warning("definitions_file_kept", LOG_STR("file", path),
                    LOG_STR("reason", strerror(-status)),
                    LOG_STR("advice", "it is applied again at the next start: remove it"));
}

void pending_forget(const char *path)
{
    if (path[0] != '\0')
        forget(path);
}

/* --- finishing ------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

static int is_ours(const struct dirent *entry)
{
    return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
           (ends_with(entry->d_name, SUFFIX) || ends_with(entry->d_name, SUFFIX NEW));
}

static void put_aside(const char *path)
{
    char aside[PENDING_PATH_BYTES + 16];
    (void)snprintf(aside, sizeof aside, "%s.refused", path);
    if (rename(path, aside) < 0)
        log_warning("definitions_file_kept", LOG_STR("file", path),
                    LOG_STR("reason", strerror(errno)));
}

/* Applies DOCUMENT, which pending_keep wrote. False: it cannot be; the log says why. */
static bool apply(struct engine *engine, const char *path, json_t *document, uint64_t *lsn)
{
    const json_t *vhost = json_object_get(document, MEMBER_VHOST);
    json_t *definitions = json_object_get(document, MEMBER_DEFINITIONS);
    struct slice name = json_is_string(vhost)
                            ? slice_of(json_string_value(vhost), json_string_length(vhost))
                            : SLICE_EMPTY;
    struct import *import = import_new(engine, vhost != NULL ? &name : NULL, definitions);
    (void)import_check(import, UINT64_MAX);
    bool is_good = import_result(import)->problem_count == 0;
    if (is_good)
        (void)import_apply(import, UINT64_MAX);
    *lsn = import_result(import)->lsn;
    definitions_log_problems(path, buf_slice(&import_result(import)->problems));
    import_free(import);
    return is_good;
}

static void finish(struct engine *engine, const char *path,
                   void (*done)(void *context, const char *path, uint64_t lsn), void *context)
{
    struct buf text = {0}, problem = {0};
    uint64_t lsn = 0;
    int status = definitions_read_file(path, &text);
    json_t *document = status == 0 ? definitions_parse(buf_slice(&text), &problem) : NULL;
    if (status < 0)
        buf_printf(&problem, "cannot be read: %s", strerror(-status));
    if (document != NULL && apply(engine, path, document, &lsn)) {
        log_info("definitions_finished", LOG_STR("file", path));
        done(context, path, lsn);
    } else {
        definitions_log_problems(path, buf_slice(&problem));
        put_aside(path);
    }
    json_decref(document);
    buf_fini(&text);
    buf_fini(&problem);
}

void pending_finish(struct engine *engine, const char *folder,
                    void (*done)(void *context, const char *path, uint64_t lsn), void *context)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_ours, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PENDING_PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (ends_with(path, NEW)) /* nothing of it was applied */
            (void)unlink(path);
        else
            finish(engine, path, done, context);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}
