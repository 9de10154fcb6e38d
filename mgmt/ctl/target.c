/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PORT "15672"

static const struct {
    const char *key, *variable;
    size_t offset;
} facts[] = {
    {"uri", "STOATMQCTL_URI", offsetof(struct target, uri)},
    {"user", "STOATMQCTL_USER", offsetof(struct target, user)},
    {"password", "STOATMQCTL_PASSWORD", offsetof(struct target, password)},
    {"ca_file", "STOATMQCTL_CA_FILE", offsetof(struct target, ca_file)},
};

enum { FACT_COUNT = sizeof facts / sizeof *facts };

static int set(struct target *target, size_t offset, const char *value, const char *from)
{
    if (strlen(value) >= TARGET_TEXT_BYTES)
        return fail(EXIT_USAGE, "%s: too long", from);
    memcpy((char *)target + offset, value, strlen(value) + 1);
    return 0;
}

/* --- the file ------------------------------------------------------------------------------- */

static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        text[--size] = '\0';
    return text;
}

static int read_line(struct target *target, char *line, const char *path, int number)
{
    char *key = trimmed(line), *equals = strchr(key, '=');
    if (*key == '\0' || *key == '#')
        return 0;
    if (equals == NULL)
        return fail(EXIT_USAGE, "%s:%d: expected key = value", path, number);
    *equals = '\0';
    key = trimmed(key);
    for (size_t i = 0; i < FACT_COUNT; i++)
        if (strcmp(key, facts[i].key) == 0)
            return set(target, facts[i].offset, trimmed(equals + 1), path);
    return fail(EXIT_USAGE, "%s:%d: unknown key '%s'; expected uri, user, password or ca_file",
                path, number, key);
}

/* Passwords are for their owner's eyes. */
static void warn_of_readers(FILE *file, const char *path, const struct target *target)
{
    struct stat status;
    if (target->password[0] != '\0' && fstat(fileno(file), &status) == 0 &&
        (status.st_mode & S_IROTH) != 0)
        fprintf(stderr, "stoatmqctl: %s holds a password and everybody may read it; chmod 600\n",
                path);
}

static int read_file(struct target *target, const char *path, bool must_be)
{
    char line[2 * TARGET_TEXT_BYTES];
    int status = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL && !must_be && (errno == ENOENT || errno == EACCES || errno == ENOTDIR))
        return 0;
    if (file == NULL)
        return fail(EXIT_USAGE, "%s: %s", path, strerror(errno));
    for (int number = 1; status == 0 && fgets(line, sizeof line, file) != NULL; number++)
        status = read_line(target, line, path, number);
    warn_of_readers(file, path, target);
    (void)fclose(file);
    return status;
}

static int read_files(struct target *target, const char *config)
{
    char path[4096];
    const char *home = getenv("HOME");
    if (config == NULL)
        config = getenv("STOATMQCTL_CONFIG");
    if (config != NULL)
        return read_file(target, config, true);
    int status = read_file(target, "/etc/stoatmq/stoatmqctl.conf", false);
    if (status != 0 || home == NULL)
        return status;
    (void)snprintf(path, sizeof path, "%s/.config/stoatmq/stoatmqctl.conf", home);
    return read_file(target, path, false);
}

/* --- the whole ------------------------------------------------------------------------------ */

/* --node is NAME@HOST, HOST or HOST:PORT. */
static int set_node(struct target *target, const char *node)
{
    char uri[TARGET_TEXT_BYTES];
    const char *at = strchr(node, '@'), *host = at != NULL ? at + 1 : node;
    bool has_port = host[0] == '[' ? strstr(host, "]:") != NULL : strchr(host, ':') != NULL;
    if (*host == '\0' || strlen(host) > 255)
        return fail(EXIT_USAGE, "--node: expected NAME@HOST, HOST or HOST:PORT, got '%s'", node);
    (void)snprintf(uri, sizeof uri, "http://%s%s", host, has_port ? "" : ":" DEFAULT_PORT);
    return set(target, offsetof(struct target, uri), uri, "--node");
}

static int read_options(struct target *target, const struct common *common)
{
    const char *values[FACT_COUNT] = {common->uri, common->user, common->password, common->ca_file};
    int status = common->node != NULL ? set_node(target, common->node) : 0;
    for (size_t i = 0; status == 0 && i < FACT_COUNT; i++)
        if (values[i] != NULL)
            status = set(target, facts[i].offset, values[i], facts[i].key);
    return status;
}

int target_find(struct target *target, const struct common *common)
{
    *target = (struct target){.uri = "http://localhost:" DEFAULT_PORT};
    int status = read_files(target, common->config);
    for (size_t i = 0; status == 0 && i < FACT_COUNT; i++)
        if (getenv(facts[i].variable) != NULL)
            status = set(target, facts[i].offset, getenv(facts[i].variable), facts[i].variable);
    if (status == 0)
        status = read_options(target, common);
    if (status != 0)
        return status;
    if (strncmp(target->uri, "http://", 7) != 0 && strncmp(target->uri, "https://", 8) != 0)
        return fail(EXIT_USAGE, "--uri: expected http://HOST:PORT or https://HOST:PORT, got '%s'",
                    target->uri);
    if (target->user[0] == '\0' && strchr(target->uri, '@') == NULL) {
        strcpy(target->user, "guest");
        if (target->password[0] == '\0')
            strcpy(target->password, "guest");
    }
    for (size_t size = strlen(target->uri); size > 0 && target->uri[size - 1] == '/';)
        target->uri[--size] = '\0';
    return 0;
}

void target_host(const struct target *target, char host[TARGET_TEXT_BYTES])
{
    const char *start = strstr(target->uri, "://") + 3, *at = strchr(start, '@');
    if (at != NULL)
        start = at + 1;
    bool has_brackets = *start == '[';
    size_t size = has_brackets ? strcspn(++start, "]/") : strcspn(start, ":/");
    memcpy(host, start, size);
    host[size] = '\0';
}

bool target_is_local(const struct target *target)
{
    char host[TARGET_TEXT_BYTES];
    target_host(target, host);
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}
