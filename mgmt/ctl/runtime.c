/* SPDX-License-Identifier: Apache-2.0
 *
 * What is set while the broker runs, and what it says of itself: its log, its TLS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mgmt/ctl/listing.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/status.h"
#include "mgmt/ctl/template.h"
#include "server/base/mem.h"

enum { STREAM_POLL_MS = 500, STREAM_LINES = 10000 };

/* --- settings ------------------------------------------------------------------------------- */

static int set(const struct arguments *arguments, const char *key, const char *value)
{
    struct buf path = {0};
    buf_printf(&path, "/stoatmq/settings/%s", key);
    buf_u8(&path, '\0');
    int status = api_put(arguments, (const char *)path.data, json_pack("{s:s}", "value", value));
    buf_fini(&path);
    return status;
}

/* There is one log for all of rabbitmqctl's categories, and fewer levels. */
int run_set_log_level(const struct arguments *arguments)
{
    static const char *const levels[][2] = {
        {"notice", "warning"}, {"critical", "error"}, {"alert", "error"}, {"emergency", "error"}};
    const char *level = arguments->operands[arguments->operand_count - 1];
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(level, levels[i][0]) == 0) {
            level = levels[i][1];
            say(arguments, "There is no such level here: %s is the next one", level);
        }
    return set(arguments, "log.level", level);
}

/* The last operand by KEY, or with WORD in front of it by OTHER_KEY. */
static int set_one_of(const struct arguments *arguments, const char *key, const char *word,
                      const char *other_key)
{
    const char *value = arguments->operands[arguments->operand_count - 1];
    if (arguments->operand_count == 1)
        return set(arguments, key, value);
    if (strcmp(arguments->operands[0], word) != 0)
        return usage_error(arguments->command, "expected '%s', got '%s'", word,
                           arguments->operands[0]);
    return set(arguments, other_key, value);
}

int run_set_memory_watermark(const struct arguments *arguments)
{
    return set_one_of(arguments, "vm_memory_high_watermark.relative", "absolute",
                      "vm_memory_high_watermark.absolute");
}

int run_set_disk_free_limit(const struct arguments *arguments)
{
    return set_one_of(arguments, "disk_free_limit.absolute", "mem_relative",
                      "disk_free_limit.relative");
}

/* --- the log -------------------------------------------------------------------------------- */

int run_log_location(const struct arguments *arguments)
{
    struct api api;
    json_t *overview = NULL, *node = NULL, *file;
    size_t index;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = status_ask(&api, &overview, &node);
    const json_t *files = json_at(node, "log_files");
    if (status == 0 && arguments->common.output == OUTPUT_JSON_ROWS)
        output_json(json_incref((json_t *)files));
    json_array_foreach((json_t *)files, index, file)
    {
        if (arguments->common.output == OUTPUT_JSON_ROWS)
            break;
        output_plain(json_is_string(file) ? json_string_value(file) : "");
        (void)putchar('\n');
    }
    if (status == 0 && json_array_size(files) == 0)
        say(arguments, "(standard error; see log.file)");
    json_decref(overview);
    json_decref(node);
    api_fini(&api);
    return status == 0 ? output_end(0) : status;
}

/* Prints the last LINES lines behind the place AFTER, which is then the one behind them. */
static int print_log(struct api *api, const struct arguments *arguments, long lines,
                     json_int_t *after)
{
    json_t *answer, *line;
    size_t index;
    char path[96];
    (void)snprintf(path, sizeof path, "/stoatmq/log?lines=%ld&after=%" JSON_INTEGER_FORMAT, lines,
                   *after);
    int status = api_get(api, path, &answer);
    if (status != 0)
        return status;
    json_array_foreach(json_object_get(answer, "lines"), index, line)
    {
        if (arguments->common.output == OUTPUT_JSON_ROWS)
            output_json_line(json_incref(line));
        else /* the log has escaped what needs it */
            puts(json_string_value(line));
    }
    *after = json_integer_value(json_object_get(answer, "next"));
    json_decref(answer);
    return output_end(0);
}

int run_log_tail(const struct arguments *arguments)
{
    struct api api;
    json_int_t after = 0;
    char *end;
    const char *given = argument_of(arguments, "--number");
    long lines = strtol(given, &end, 10);
    if (end == given || *end != '\0' || lines < 0 || lines > STREAM_LINES)
        return usage_error(arguments->command, "--number: expected a number up to %d, got '%s'",
                           STREAM_LINES, given);
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = print_log(&api, arguments, lines, &after);
    api_fini(&api);
    return status;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int run_log_tail_stream(const struct arguments *arguments)
{
    struct api api;
    json_int_t after = 0;
    char *end;
    const char *given = argument_of(arguments, "--duration");
    double seconds = strtod(given, &end);
    bool is_endless = strcmp(given, "infinity") == 0;
    if (!is_endless && (end == given || *end != '\0' || !(seconds >= 0 && seconds < 1e9)))
        return usage_error(arguments->command, "--duration: expected seconds, got '%s'", given);
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    uint64_t until_ms = now_ms() + (is_endless ? 0 : (uint64_t)(seconds * 1000));
    status = print_log(&api, arguments, 0, &after); /* from now on */
    while (status == 0 && (is_endless || now_ms() < until_ms)) {
        struct timespec pause = {0, STREAM_POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        status = print_log(&api, arguments, STREAM_LINES, &after);
    }
    api_fini(&api);
    return status;
}

/* --- TLS ------------------------------------------------------------------------------------ */

/* Prints each name of MEMBER that any of the listeners has, once. */
static void print_names(const json_t *listeners, const char *member)
{
    json_t *seen = json_object(), *listener, *name;
    size_t i, j;
    json_array_foreach((json_t *)listeners, i, listener)
    {
        json_array_foreach(json_object_get(listener, member), j, name)
        {
            const char *text = json_is_string(name) ? json_string_value(name) : "";
            if (json_object_get(seen, text) != NULL)
                continue;
            json_object_set_new(seen, text, json_true());
            output_plain(text);
            (void)putchar('\n');
        }
    }
    json_decref(seen);
}

static void print_certificates(const json_t *listeners)
{
    json_t *listener, *certificate;
    size_t i, j;
    json_array_foreach((json_t *)listeners, i, listener)
    {
        json_array_foreach(json_object_get(listener, "certificates"), j, certificate)
        {
            const char *host = json_text_at(certificate, "host");
            printf("%s, port %" JSON_INTEGER_FORMAT "%s", json_text_at(listener, "protocol"),
                   json_integer_value(json_object_get(listener, "port")),
                   host[0] != '\0' ? ", for " : "");
            output_plain(host);
            printf("\n  subject: ");
            output_plain(json_text_at(certificate, "subject"));
            printf("\n  issuer: ");
            output_plain(json_text_at(certificate, "issuer"));
            printf("\n  validity: %s\n", json_text_at(certificate, "validity"));
        }
    }
}

int run_tls(const struct arguments *arguments)
{
    struct api api;
    json_t *listeners;
    const char *name = arguments->command->name;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = api_get(&api, "/stoatmq/tls", &listeners);
    api_fini(&api);
    if (status != 0)
        return status;
    if (arguments->common.output == OUTPUT_JSON_ROWS)
        output_json(json_incref(listeners));
    else if (json_array_size(listeners) == 0)
        say(arguments, "(no listener has TLS)");
    else if (strcmp(name, "certificates") == 0)
        print_certificates(listeners);
    else
        print_names(listeners, strcmp(name, "tls_versions") == 0 ? "versions" : "ciphers");
    json_decref(listeners);
    return output_end(0);
}
