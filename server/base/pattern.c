/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. PCRE2 bounds a compiled expression to 64 KiB of itself; what remains to be bounded
 * is the backtracking of a match, in steps and memory. There is no just-in-time compilation: it
 * wants memory that can be written and executed, which a hardened service is denied, and names are
 * short.
 */
#include "server/base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "server/base/mem.h"

/* Some 20 ns each, and so at most about 2 ms. The ordinary needs some hundred. */
#define MATCH_STEPS_MAX 100000u
#define MATCH_DEPTH_MAX 20000u
#define MATCH_HEAP_KIB  2048u
#define GIVEN_UP_MAX    64u /* matches that ran into a limit */

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    unsigned given_up;
};

static void *allocate(size_t bytes, void *context)
{
    (void)context;
    return mem_alloc(bytes);
}

static void release(void *memory, void *context)
{
    (void)context;
    mem_free(memory);
}

/* RabbitMQ's own expressions are those of PCRE's first edition, in whose words its answers are. */
static const struct {
    int code;
    const char *text;
} older_words[] = {
    {PCRE2_ERROR_QUANTIFIER_INVALID, "nothing to repeat"},
    {PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS, "missing )"},
    {PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS, "unmatched parentheses"},
};

static void explain(int code, size_t offset, struct pattern_error *error)
{
    error->offset = offset;
    for (size_t i = 0; i < sizeof older_words / sizeof older_words[0]; i++)
        if (older_words[i].code == code) {
            (void)snprintf(error->text, sizeof error->text, "%s", older_words[i].text);
            return;
        }
    if (pcre2_get_error_message(code, (PCRE2_UCHAR *)error->text, sizeof error->text) < 0)
        (void)snprintf(error->text, sizeof error->text, "error %d", code);
}

static pcre2_code *compile(struct slice expression, pcre2_general_context *memory,
                           struct pattern_error *error)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C;
    if (slice_is_utf8(expression))
        options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    (void)pcre2_set_max_pattern_length(context, PATTERN_BYTES_MAX);
    int code = 0;
    size_t offset = 0;
    PCRE2_SPTR text = expression.size > 0 ? expression.data : (PCRE2_SPTR) "";
    pcre2_code *compiled = pcre2_compile(text, expression.size, options, &code, &offset, context);
    if (compiled == NULL)
        explain(code, offset, error);
    pcre2_compile_context_free(context);
    return compiled;
}

struct pattern *pattern_new(struct slice expression, struct pattern_error *error)
{
    pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);
    pcre2_code *code = compile(expression, memory, error);
    struct pattern *pattern = NULL;
    if (code != NULL) {
        pattern = mem_zalloc(sizeof *pattern);
        pattern->code = code;
        pattern->match = pcre2_match_data_create(1, memory);
        pattern->limits = pcre2_match_context_create(memory);
        (void)pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
        (void)pcre2_set_depth_limit(pattern->limits, MATCH_DEPTH_MAX);
        (void)pcre2_set_heap_limit(pattern->limits, MATCH_HEAP_KIB);
    }
    pcre2_general_context_free(memory);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
    mem_free(pattern);
}

bool pattern_matches(struct pattern *pattern, struct slice subject)
{
    if (pattern->given_up >= GIVEN_UP_MAX)
        return false;
    PCRE2_SPTR text = subject.size > 0 ? subject.data : (PCRE2_SPTR) "";
    int status = pcre2_match(pattern->code, text, subject.size, 0, 0, pattern->match,
                             pattern->limits);
    if (status < 0 && status != PCRE2_ERROR_NOMATCH)
        pattern->given_up++;
    return status >= 0;
}
