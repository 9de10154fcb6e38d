/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/listing.h"

#include <stdio.h>
#include <string.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/output.h"
#include "mgmt/ctl/template.h"
#include "server/base/mem.h"

enum { PAGE_SIZE = 500 };

/* --- tables --------------------------------------------------------------------------------- */

void listing_begin(struct rows *table, const struct common *common, const struct column *columns,
                   unsigned count)
{
    *table = (struct rows){.common = common};
    while (table->column_count < count && columns[table->column_count].name != NULL) {
        table->columns[table->column_count] = &columns[table->column_count];
        table->column_count++;
    }
}

/* A cell's value: a new reference. */
static json_t *cell(const struct column *column, const json_t *item)
{
    if (column->path[0] == '=')
        return json_string(column->path + 1);
    return json_incref((json_t *)json_at(item, column->path + (column->path[0] == '!')));
}

static void append_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            buf_printf(out, "\\x%02x", (unsigned char)*text);
        else
            buf_u8(out, (uint8_t)*text);
}

/* VALUE for people: names as they are, what is nested as JSON, but nothing at all as []. */
static void append_text(struct buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        append_escaped(out, json_string_value(value));
    } else if (json_is_object(value) && json_object_size(value) == 0) {
        buf_bytes(out, SLICE_LITERAL("[]"));
    } else if (json_is_array(value)) {
        size_t index;
        json_t *item;
        buf_u8(out, '[');
        json_array_foreach((json_t *)value, index, item)
        {
            if (index > 0)
                buf_bytes(out, SLICE_LITERAL(", "));
            append_text(out, item);
        }
        buf_u8(out, ']');
    } else if (value != NULL && !json_is_null(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        append_escaped(out, text);
        mem_free(text);
    }
}

static void append_cell(struct buf *out, const struct column *column, const json_t *value)
{
    if (column->path[0] != '!' || value == NULL) {
        append_text(out, value);
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    append_escaped(out, text);
    mem_free(text);
}

static void print_csv(struct slice text)
{
    (void)putchar('"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            (void)putchar('"');
        (void)putchar(text.data[i]);
    }
    (void)putchar('"');
}

static void print_header(const struct rows *table)
{
    bool is_csv = table->common->output == OUTPUT_CSV;
    if (table->common->has_no_headers || table->common->is_silent)
        return;
    for (unsigned i = 0; i < table->column_count; i++) {
        if (i > 0)
            (void)putchar(is_csv ? ',' : '\t');
        if (is_csv)
            print_csv(slice_from_string(table->columns[i]->name));
        else
            (void)fputs(table->columns[i]->name, stdout);
    }
    (void)putchar('\n');
}

static void print_text_row(const struct rows *table, const json_t *item)
{
    bool is_csv = table->common->output == OUTPUT_CSV;
    for (unsigned i = 0; i < table->column_count; i++) {
        json_t *value = cell(table->columns[i], item);
        struct buf text = {0};
        append_cell(&text, table->columns[i], value);
        if (i > 0)
            (void)putchar(is_csv ? ',' : '\t');
        if (is_csv && (json_is_integer(value) || json_is_real(value) || json_is_boolean(value)))
            (void)fwrite(text.data, 1, text.size, stdout);
        else if (is_csv)
            print_csv(buf_slice(&text));
        else
            (void)fwrite(text.data, 1, text.size, stdout);
        buf_fini(&text);
        json_decref(value);
    }
    (void)putchar('\n');
}

static void print_json_row(const struct rows *table, const json_t *item)
{
    json_t *row = json_object();
    for (unsigned i = 0; i < table->column_count; i++) {
        json_t *value = cell(table->columns[i], item);
        json_object_set_new(row, table->columns[i]->name, value != NULL ? value : json_null());
    }
    (void)fputs(table->rows == 0 ? "[\n" : ",", stdout);
    output_json_line(row);
}

void listing_row(struct rows *table, const json_t *item)
{
    if (table->common->output == OUTPUT_JSON_ROWS) {
        print_json_row(table, item);
    } else {
        if (table->rows == 0)
            print_header(table);
        print_text_row(table, item);
    }
    table->rows++;
}

int listing_end(struct rows *table, int status)
{
    if (table->common->output == OUTPUT_JSON_ROWS)
        (void)fputs(table->rows == 0 ? "[]\n" : "]\n", stdout);
    return output_end(status);
}

/* --- lists ---------------------------------------------------------------------------------- */

bool listing_is_down(const void *item, const struct arguments *arguments)
{
    const char *state = json_text_at(item, "state");
    (void)arguments;
    return strcmp(state, "down") == 0 || strcmp(state, "crashed") == 0 ||
           strcmp(state, "nodedown") == 0 || strcmp(state, "minority") == 0;
}

bool listing_is_of_vhost(const void *item, const struct arguments *arguments)
{
    return strcmp(json_text_at(item, "vhost"), arguments->common.vhost) == 0;
}

static const struct column *find_column(const struct column *columns, const char *name)
{
    for (; columns->name != NULL; columns++)
        if (strcmp(columns->name, name) == 0)
            return columns;
    return NULL;
}

/* The columns that the operands name, which may stand in one of them with commas. */
static int choose_columns(struct rows *table, const struct arguments *arguments)
{
    const struct listing *listing = arguments->command->listing;
    listing_begin(table, &arguments->common, listing->columns, listing->shown);
    if (!listing->is_choice || arguments->operand_count == 0)
        return 0;
    table->column_count = 0;
    for (int i = 0; i < arguments->operand_count; i++) {
        const struct column *column = find_column(listing->columns, arguments->operands[i]);
        if (column == NULL)
            return usage_error(arguments->command, "Info key(s) %s are not supported",
                               arguments->operands[i]);
        table->columns[table->column_count++] = column;
    }
    return 0;
}

/* Prints the rows of ITEMS. */
static void print_rows(struct rows *table, const struct arguments *arguments, const json_t *items)
{
    const struct listing *listing = arguments->command->listing;
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)items, index, item)
    {
        if (listing->is_wanted == NULL || listing->is_wanted(item, arguments))
            listing_row(table, item);
    }
}

/* Prints page NUMBER, or all when the API has no pages of it; MORE: there is another. */
static int print_page(struct api *api, struct rows *table, const struct arguments *arguments,
                      unsigned number, bool *more)
{
    const struct listing *listing = arguments->command->listing;
    struct answer answer;
    struct buf path = {0};
    int status = template_expand(listing->path, arguments, TEMPLATE_PATH, &path);
    if (listing->is_paged)
        buf_printf(&path, "?page=%u&page_size=%d", number, PAGE_SIZE);
    buf_u8(&path, '\0');
    *more = false;
    if (status == 0)
        status = api_ask(api, "GET", (const char *)path.data, NULL, EXIT_DATA, &answer);
    buf_fini(&path);
    if (status != 0)
        return status;
    const json_t *items = json_is_object(answer.json) ? json_object_get(answer.json, "items")
                                                      : answer.json;
    *more = json_integer_value(json_object_get(answer.json, "page_count")) > (json_int_t)number;
    if (json_is_array(items))
        print_rows(table, arguments, items);
    else
        status = fail(EXIT_SOFTWARE, "the answer is no list");
    answer_fini(&answer);
    return status;
}

int run_listing(const struct arguments *arguments)
{
    struct rows table;
    struct api api;
    bool more = true;
    int status = choose_columns(&table, arguments);
    if (status == 0)
        status = api_init(&api, arguments);
    if (status != 0)
        return status;
    for (unsigned page = 1; status == 0 && more; page++)
        status = print_page(&api, &table, arguments, page, &more);
    api_fini(&api);
    return status == 0 ? listing_end(&table, 0) : status;
}
