/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/http/request.h"

#include "server/base/check.h"

const char *http_method_name(enum http_method method)
{
    static const char *const names[HTTP_METHOD_COUNT] = {"GET",    "HEAD",    "POST", "PUT",
                                                         "DELETE", "OPTIONS", "PATCH"};
    return names[method];
}

static bool find_field(const struct http_field *fields, unsigned count, const char *name,
                       struct slice *value)
{
    for (unsigned i = 0; i < count; i++) {
        if (slice_equal(fields[i].name, slice_from_string(name))) {
            *value = fields[i].value;
            return true;
        }
    }
    return false;
}

bool http_request_header(const struct http_request *request, const char *name, struct slice *value)
{
    return find_field(request->headers, request->header_count, name, value);
}

bool http_request_parameter(const struct http_request *request, const char *name,
                            struct slice *value)
{
    return find_field(request->parameters, request->parameter_count, name, value);
}

/* TEXT up to the first BYTE, or all of it; TEXT is then what is behind that, and FOUND whether
 * there was one. */
static struct slice take_until(struct slice *text, char byte, bool *found)
{
    if (text->size == 0) {
        *found = false;
        return *text;
    }
    const uint8_t *at = memchr(text->data, byte, text->size);
    struct slice part = at != NULL ? slice_of(text->data, (size_t)(at - text->data)) : *text;
    *found = at != NULL;
    *text = at != NULL ? slice_of(at + 1, text->size - part.size - 1)
                       : slice_of(text->data + part.size, 0);
    return part;
}

static int digit_of(uint8_t character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* Appends FROM, percent-decoded, to TEXT, which has room; is it well encoded? In forms a plus is a
 * space. */
static bool decode(struct slice from, bool is_form, struct buf *text, struct slice *decoded)
{
    CHECK(text->capacity - text->size >= from.size);
    uint8_t *start = text->data + text->size, *to = start;
    for (size_t i = 0; i < from.size; i++) {
        uint8_t octet = from.data[i];
        if (octet == '%') {
            int high = i + 2 < from.size ? digit_of(from.data[i + 1]) : -1;
            int low = high >= 0 ? digit_of(from.data[i + 2]) : -1;
            if (low < 0)
                return false;
            octet = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (octet == '+' && is_form) {
            octet = ' ';
        }
        *to++ = octet;
    }
    *decoded = slice_of(start, (size_t)(to - start));
    text->size += decoded->size;
    return true;
}

int http_form_cut(struct slice form, struct buf *text, struct http_field *fields, unsigned max)
{
    unsigned count = 0;
    while (form.size > 0) {
        bool found;
        struct slice value = take_until(&form, '&', &found);
        if (value.size == 0)
            continue;
        if (count == max)
            return -1;
        struct slice name = take_until(&value, '=', &found);
        if (!decode(name, true, text, &fields[count].name) ||
            !decode(value, true, text, &fields[count].value))
            return -1;
        count++;
    }
    return (int)count;
}

/* The path and query of a target, which may be a whole URI when a proxy is meant (RFC 9112 section
 * 3.2); empty when it is neither. */
static struct slice without_authority(struct slice target)
{
    static const struct slice schemes[] = {{(const uint8_t *)"http://", 7},
                                           {(const uint8_t *)"https://", 8}};
    for (unsigned i = 0; i < 2; i++) {
        if (!slice_starts_with(target, schemes[i]))
            continue;
        struct slice rest = slice_of(target.data + schemes[i].size, target.size - schemes[i].size);
        const uint8_t *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
        return slash != NULL ? slice_of(slash, (size_t)(rest.data + rest.size - slash))
                             : SLICE_LITERAL("/");
    }
    return target.size > 0 && target.data[0] == '/' ? target : SLICE_EMPTY;
}

static int cut_path(struct http_request *request, struct buf *text)
{
    struct slice rest = slice_of(request->path.data + 1, request->path.size - 1);
    request->segment_count = 0;
    for (bool more = true; more;) {
        struct slice segment = take_until(&rest, '/', &more);
        if (!more && segment.size == 0)
            break; /* the path ends with a slash, which says nothing */
        if (request->segment_count == HTTP_SEGMENTS_MAX)
            return 414;
        struct slice *to = &request->segments[request->segment_count++];
        if (!decode(segment, false, text, to))
            return 400;
    }
    return 0;
}

int http_request_cut(struct http_request *request, struct buf *text)
{
    if (request->method == HTTP_METHOD_OPTIONS &&
        slice_equal(request->target, SLICE_LITERAL("*"))) {
        request->path = request->target;
        return 0;
    }
    struct slice query = without_authority(request->target);
    if (query.size == 0)
        return 400;
    bool found;
    struct slice rest = query;
    query = take_until(&rest, '#', &found); /* nobody should send one */
    request->path = take_until(&query, '?', &found);
    if (request->path.size == 0)
        return 400;
    int status = cut_path(request, text);
    if (status != 0)
        return status;
    int count = http_form_cut(query, text, request->parameters, HTTP_PARAMETERS_MAX);
    request->parameter_count = count > 0 ? (unsigned)count : 0;
    return count < 0 ? 400 : 0;
}

static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet | 0x20) : octet;
}

bool http_equal_ignoring_case(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Do the parameters of a list's item say q=0, in any number of decimals? */
static bool is_refused(struct slice parameters)
{
    bool more = true;
    while (more) {
        struct slice one = trim(take_until(&parameters, ';', &more));
        if (one.size < 3 || lower(one.data[0]) != 'q' || one.data[1] != '=')
            continue;
        for (size_t i = 2; i < one.size; i++)
            if (one.data[i] != '0' && one.data[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool http_list_has(struct slice value, const char *token)
{
    bool more = true;
    while (more) {
        struct slice item = take_until(&value, ',', &more);
        bool has_parameters;
        struct slice name = trim(take_until(&item, ';', &has_parameters));
        if (http_equal_ignoring_case(name, slice_from_string(token)))
            return !has_parameters || !is_refused(item);
    }
    return false;
}
