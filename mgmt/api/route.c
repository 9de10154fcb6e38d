/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The index is a tree of path segments: a node has a child for each word, in a sorted
 * array, and one for {name}. Words are tried first, and when they lead nowhere {name} is (a queue
 * may be called "bindings").
 */
#include "mgmt/api/route.h"

#include "mgmt/api/handlers.h"
#include "server/base/check.h"
#include "server/base/mem.h"

const struct route routes[] = {
#define ROUTE(method_, path_, access_, body_, handler_, group_, summary_) \
    {.method = HTTP_METHOD_##method_,                                     \
     .path = (path_),                                                     \
     .access = ROUTE_##access_,                                           \
     .body = ROUTE_##body_,                                               \
     .handle = handler_,                                                  \
     .group = (group_),                                                   \
     .summary = (summary_)},
#include "mgmt/api/routes.def"
};

const size_t routes_count = sizeof routes / sizeof *routes;

struct branch {
    struct slice word; /* of the table's text */
    struct branch *first, *next;
    struct branch *any; /* the {name} */
    const struct route *methods[HTTP_METHOD_COUNT];
};

static struct branch root;

/* The first segment of PATH, which begins with a slash or is empty; PATH is then the rest. */
static struct slice take_segment(struct slice *path)
{
    if (path->size == 0)
        return SLICE_EMPTY;
    CHECK(path->data[0] == '/');
    struct slice rest = slice_of(path->data + 1, path->size - 1);
    const uint8_t *end = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
    *path = slice_of(rest.data + size, rest.size - size);
    return slice_of(rest.data, size);
}

static bool is_argument(struct slice segment)
{
    return segment.size > 2 && segment.data[0] == '{';
}

static struct branch *find_word(const struct branch *branch, struct slice word)
{
    for (struct branch *one = branch->first; one != NULL; one = one->next)
        if (slice_equal(one->word, word))
            return one;
    return NULL;
}

static struct branch *grow(struct branch *branch, struct slice segment)
{
    if (is_argument(segment)) {
        if (branch->any == NULL)
            branch->any = mem_zalloc(sizeof *branch);
        return branch->any;
    }
    struct branch *child = find_word(branch, segment);
    if (child == NULL) {
        child = mem_zalloc(sizeof *child);
        child->word = segment;
        child->next = branch->first;
        branch->first = child;
    }
    return child;
}

void routes_init(void)
{
    for (size_t i = 0; i < routes_count; i++) {
        struct branch *branch = &root;
        for (struct slice rest = slice_from_string(routes[i].path); rest.size > 0;)
            branch = grow(branch, take_segment(&rest));
        CHECK_ID(branch->methods[routes[i].method] == NULL, i);
        branch->methods[routes[i].method] = &routes[i];
    }
}

static void fell(struct branch *branch)
{
    for (struct branch *child = branch->first, *next; child != NULL; child = next) {
        next = child->next;
        fell(child);
        mem_free(child);
    }
    if (branch->any != NULL) {
        fell(branch->any);
        mem_free(branch->any);
    }
}

void routes_fini(void)
{
    fell(&root);
    root = (struct branch){0};
}

/* Has the path that ends here any method? */
static bool is_end(const struct branch *branch)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (branch->methods[i] != NULL)
            return true;
    return false;
}

/* The branch where the segments from AT on lead, words before {names}; ARGUMENTS get what stands
 * in those. */
static const struct branch *climb(const struct branch *branch, const struct http_request *request,
                                  unsigned at, struct slice *arguments, unsigned argument_count)
{
    if (at == request->segment_count)
        return is_end(branch) ? branch : NULL;
    const struct branch *word = find_word(branch, request->segments[at]);
    const struct branch *found = word != NULL
                                     ? climb(word, request, at + 1, arguments, argument_count)
                                     : NULL;
    if (found != NULL || branch->any == NULL)
        return found;
    CHECK(argument_count < ROUTE_ARGUMENTS_MAX);
    arguments[argument_count] = request->segments[at];
    return climb(branch->any, request, at + 1, arguments, argument_count + 1);
}

const struct route *routes_find(const struct http_request *request,
                                struct slice arguments[ROUTE_ARGUMENTS_MAX], unsigned *allowed)
{
    const struct branch *branch = climb(&root, request, 0, arguments, 0);
    *allowed = 0;
    if (branch == NULL)
        return NULL;
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (branch->methods[i] != NULL)
            *allowed |= 1u << i;
    if ((*allowed & 1u << HTTP_METHOD_GET) != 0)
        *allowed |= 1u << HTTP_METHOD_HEAD;
    *allowed |= 1u << HTTP_METHOD_OPTIONS;
    return branch->methods[request->method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : request->method];
}

int route_argument(const struct route *route, const char *name)
{
    int index = 0;
    for (struct slice rest = slice_from_string(route->path); rest.size > 0;) {
        struct slice segment = take_segment(&rest);
        if (!is_argument(segment))
            continue;
        if (slice_equal(slice_of(segment.data + 1, segment.size - 2), slice_from_string(name)))
            return index;
        index++;
    }
    return -1;
}
