/* SPDX-License-Identifier: Apache-2.0
 *
 * Users. PUT replaces a user as a whole, so what is to stay is read first.
 */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/template.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

enum { PASSWORD_BYTES = 1024, SALT_BYTES = 4 };

/* --- passwords ------------------------------------------------------------------------------ */

static void set_echo(bool on)
{
    struct termios terminal;
    if (tcgetattr(STDIN_FILENO, &terminal) != 0)
        return;
    if (on)
        terminal.c_lflag |= (tcflag_t)ECHO;
    else
        terminal.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal);
}

/* The operand at INDEX, or a line of standard input in BUFFER; NULL, which has been said, without
 * either. */
static const char *password(const struct arguments *arguments, int index,
                            char buffer[PASSWORD_BYTES])
{
    if (operand_of(arguments, index) != NULL)
        return operand_of(arguments, index);
    bool is_terminal = isatty(STDIN_FILENO) != 0;
    if (is_terminal) {
        fprintf(stderr, "Password: ");
        set_echo(false);
    }
    bool is_read = fgets(buffer, PASSWORD_BYTES, stdin) != NULL;
    if (is_terminal) {
        set_echo(true);
        fputc('\n', stderr);
    }
    if (!is_read) {
        (void)usage_error(arguments->command, "expected a password, there or on standard input");
        return NULL;
    }
    buffer[strcspn(buffer, "\r\n")] = '\0';
    return buffer;
}

int run_hash_password(const struct arguments *arguments)
{
    char buffer[PASSWORD_BYTES];
    const char *text = password(arguments, 0, buffer);
    if (text == NULL)
        return EXIT_USAGE;
    uint8_t salted[SALT_BYTES + CRYPTO_SHA256_BYTES];
    uint8_t hash[CRYPTO_BASE64_CHARS(sizeof salted)];
    crypto_random(salted, SALT_BYTES);
    crypto_sha256(slice_of(salted, SALT_BYTES), slice_from_string(text), salted + SALT_BYTES);
    struct slice base64 = crypto_base64(hash, slice_of(salted, sizeof salted));
    printf("%.*s\n", SLICE_ARGS(base64));
    return output_end(0);
}

/* --- changes -------------------------------------------------------------------------------- */

static void path_of(const struct arguments *arguments, struct buf *path)
{
    buf_printf(path, "/users/");
    template_percent(path, arguments->operands[0]);
    buf_u8(path, '\0');
}

/* PUT of BODY, which is given up. */
static int put_user(struct api *api, const struct arguments *arguments, json_t *body)
{
    struct buf path = {0};
    struct answer answer;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (text == NULL)
        return fail(EXIT_DATA, "that is no UTF-8");
    path_of(arguments, &path);
    int status = api_ask(api, "PUT", (const char *)path.data, text, EXIT_NO_USER, &answer);
    if (status == 0)
        answer_fini(&answer);
    mem_free(text);
    json_decref(body);
    buf_fini(&path);
    return status;
}

/* Asks for the user: 0 and a new reference in *USER, which is NULL when there is none. */
static int get_user(struct api *api, const struct arguments *arguments, json_t **user)
{
    struct buf path = {0};
    struct answer answer;
    char error[API_ERROR_BYTES];
    *user = NULL;
    path_of(arguments, &path);
    int status = api_send(api, "GET", (const char *)path.data, NULL, &answer, error);
    buf_fini(&path);
    if (status != 0)
        return fail(status, "%s", error);
    if (answer.code == 200)
        *user = json_incref(answer.json);
    else if (answer.code != 404)
        status = answer_refused(&answer, EXIT_NO_USER);
    answer_fini(&answer);
    return status;
}

int run_add_user(const struct arguments *arguments)
{
    struct api api;
    json_t *user;
    char buffer[PASSWORD_BYTES];
    const char *text = password(arguments, 1, buffer);
    if (text == NULL)
        return EXIT_USAGE;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = get_user(&api, arguments, &user);
    if (user != NULL)
        status = fail(EXIT_SOFTWARE, "User \"%s\" already exists", arguments->operands[0]);
    else if (status == 0)
        status = put_user(&api, arguments, json_pack("{s:s, s:s}", "password", text, "tags", ""));
    json_decref(user);
    api_fini(&api);
    if (status == 0)
        say(arguments, "Done. Don't forget to grant the user permissions to some virtual hosts! "
                       "See 'stoatmqctl help set_permissions' to learn more.");
    return status;
}

/* The tags that USER has, as PUT takes them: a new reference. */
static json_t *tags_of(const json_t *user)
{
    json_t *tags = json_object_get(user, "tags");
    return tags != NULL ? json_incref(tags) : json_string("");
}

/* Changes the user with what MAKE_BODY makes of the one that there is. */
static int change_user(const struct arguments *arguments,
                       json_t *(*make_body)(const json_t *user, const void *context),
                       const void *context)
{
    struct api api;
    json_t *user;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    status = get_user(&api, arguments, &user);
    if (user != NULL)
        status = put_user(&api, arguments, make_body(user, context));
    else if (status == 0)
        status = fail(EXIT_NO_USER, "User \"%s\" does not exist", arguments->operands[0]);
    json_decref(user);
    api_fini(&api);
    return status;
}

static json_t *with_password(const json_t *user, const void *text)
{
    return json_pack("{s:s, s:o}", "password", (const char *)text, "tags", tags_of(user));
}

int run_change_password(const struct arguments *arguments)
{
    char buffer[PASSWORD_BYTES];
    const char *text = password(arguments, 1, buffer);
    return text != NULL ? change_user(arguments, with_password, text) : EXIT_USAGE;
}

static json_t *without_password(const json_t *user, const void *context)
{
    (void)context;
    return json_pack("{s:s, s:o}", "password_hash", "", "tags", tags_of(user));
}

int run_clear_password(const struct arguments *arguments)
{
    return change_user(arguments, without_password, NULL);
}

static json_t *with_tags(const json_t *user, const void *context)
{
    const struct arguments *arguments = context;
    struct buf tags = {0};
    for (int i = 1; i < arguments->operand_count; i++)
        buf_printf(&tags, "%s%s", i > 1 ? "," : "", arguments->operands[i]);
    json_t *hash = json_object_get(user, "password_hash");
    json_t *algorithm = json_object_get(user, "hashing_algorithm");
    json_t *body = json_pack("{s:s%, s:O?, s:O?}", "tags", tags.size > 0 ? (char *)tags.data : "",
                             tags.size, "password_hash", hash, "hashing_algorithm", algorithm);
    buf_fini(&tags);
    return body;
}

int run_set_user_tags(const struct arguments *arguments)
{
    return change_user(arguments, with_tags, arguments);
}

int run_authenticate_user(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    char buffer[PASSWORD_BYTES], error[API_ERROR_BYTES];
    const char *text = password(arguments, 1, buffer), *user = arguments->operands[0];
    if (text == NULL)
        return EXIT_USAGE;
    int status = api_init(&api, arguments);
    if (status != 0)
        return status;
    (void)snprintf(api.target.user, sizeof api.target.user, "%s", user);
    (void)snprintf(api.target.password, sizeof api.target.password, "%s", text);
    status = api_send(&api, "GET", "/whoami", NULL, &answer, error);
    if (status != 0) {
        api_fini(&api);
        return fail(status, "%s", error);
    }
    /* Who has no tag for it may not use the API, but is who he says. */
    bool is_known = answer.code == 200 ||
                    strcmp(answer_reason(&answer), "Not management user") == 0;
    answer_fini(&answer);
    api_fini(&api);
    if (!is_known)
        return fail(EXIT_DATA,
                    "Error: failed to authenticate user \"%s\"\nuser '%s' - invalid credentials",
                    user, user);
    say(arguments, "Success");
    return 0;
}
