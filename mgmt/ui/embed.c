/* SPDX-License-Identifier: Apache-2.0
 *
 * embed: turns the dashboard's files into a C file with their bytes, compressed, and the table of
 * page.h. A program of the build.
 *   embed OUTPUT PATH FILE [PATH FILE]...     PATH: how the browser asks for it, "/js/app.js"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FILE_BYTES_MAX (16u << 20)
#define GZIP_WINDOW    (15 + 16)
#define BYTES_PER_LINE 24

static void fail(const char *name, const char *reason)
{
    fprintf(stderr, "embed: %s: %s\n", name, reason);
    exit(1);
}

static const char *content_type(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].end) == 0)
            return types[i].type;
    fail(path, "no content type is known for that");
    return NULL;
}

static unsigned char *read_file(const char *name, size_t *size)
{
    unsigned char *bytes = malloc(FILE_BYTES_MAX);
    FILE *file = fopen(name, "rb");
    if (file == NULL || bytes == NULL)
        fail(name, "cannot be read");
    *size = fread(bytes, 1, FILE_BYTES_MAX, file);
    if (ferror(file) || !feof(file))
        fail(name, "cannot be read, or is too large");
    fclose(file);
    return bytes;
}

/* The same bytes always give the same result: the header has no time and no name. */
static unsigned char *compress_bytes(const unsigned char *bytes, size_t size, size_t *compressed)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        fail("zlib", "cannot start");
    size_t room = deflateBound(&stream, (uLong)size);
    unsigned char *to = malloc(room);
    if (to == NULL)
        fail("zlib", "no memory");
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = to;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        fail("zlib", "cannot compress");
    *compressed = stream.total_out;
    deflateEnd(&stream);
    return to;
}

struct embedded {
    const char *path;
    size_t size;
    unsigned long mark; /* of the bytes: for the ETag */
};

static void put_bytes(FILE *out, int number, const unsigned char *bytes, size_t size)
{
    fprintf(out, "static const uint8_t file_%d[] = {", number);
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%s%u,", i % BYTES_PER_LINE == 0 ? "\n    " : "", bytes[i]);
    fprintf(out, "\n};\n");
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2 != 0)
        fail("usage", "embed OUTPUT PATH FILE [PATH FILE]...");
    int count = (argc - 2) / 2;
    struct embedded *files = calloc((size_t)count, sizeof *files);
    FILE *out = fopen(argv[1], "wb");
    if (out == NULL || files == NULL)
        fail(argv[1], "cannot be written");
    fprintf(out, "/* Made by embed. */\n#include \"mgmt/api/page.h\"\n");
    for (int i = 0; i < count; i++) {
        size_t size;
        unsigned char *bytes = read_file(argv[3 + 2 * i], &size);
        files[i].path = argv[2 + 2 * i];
        files[i].mark = crc32(crc32(0, NULL, 0), bytes, (uInt)size);
        unsigned char *compressed = compress_bytes(bytes, size, &files[i].size);
        put_bytes(out, i, compressed, files[i].size);
        free(compressed);
        free(bytes);
    }
    fprintf(out, "\nconst struct page_file page_files[] = {\n");
    for (int i = 0; i < count; i++)
        fprintf(out, "    {\"%s\", \"%s\", \"\\\"%08lx-%zx\\\"\", {file_%d, sizeof file_%d}},\n",
                files[i].path, content_type(files[i].path), files[i].mark, files[i].size, i, i);
    fprintf(out, "};\nconst size_t page_files_count = %d;\n", count);
    free(files);
    return fclose(out) == 0 ? 0 : 1;
}
