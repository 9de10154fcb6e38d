/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/disk_image.h"

#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"

static void page_unref(struct image_page *page)
{
    if (page != NULL && --page->references == 0)
        mem_free(page);
}

struct image *image_new(void)
{
    struct image *image = mem_zalloc(sizeof *image);
    image->references = 1;
    return image;
}

struct image *image_ref(struct image *image)
{
    CHECK(image->references > 0);
    image->references++;
    return image;
}

void image_unref(struct image *image)
{
    if (image == NULL || --image->references > 0)
        return;
    for (size_t i = 0; i < image->pages_count; i++)
        page_unref(image->pages[i]);
    mem_free(image->pages);
    mem_free(image);
}

/* Makes *IMAGE the caller's alone, with a table of at least COUNT pages. */
static struct image *own(struct image **image, size_t count)
{
    struct image *old = *image, *mine = old;
    if (old->references > 1) {
        mine = image_new();
        mine->size = old->size;
        mine->pages_count = old->pages_count;
        mine->pages = mem_alloc((old->pages_count + 1) * sizeof *mine->pages);
        for (size_t i = 0; i < old->pages_count; i++) {
            mine->pages[i] = old->pages[i];
            if (mine->pages[i] != NULL)
                mine->pages[i]->references++;
        }
        old->references--;
        *image = mine;
    }
    if (count > mine->pages_count) {
        mine->pages = mem_realloc(mine->pages, count * sizeof *mine->pages);
        memset(mine->pages + mine->pages_count, 0,
               (count - mine->pages_count) * sizeof *mine->pages);
        mine->pages_count = count;
    }
    return mine;
}

/* The page, of which IMAGE is then the only holder. */
static struct image_page *own_page(struct image *image, size_t index)
{
    struct image_page *page = image->pages[index];
    if (page != NULL && page->references == 1)
        return page;
    struct image_page *mine = page == NULL ? mem_zalloc(sizeof *mine) : mem_alloc(sizeof *mine);
    if (page != NULL) {
        memcpy(mine->bytes, page->bytes, sizeof mine->bytes);
        page_unref(page);
    }
    mine->references = 1;
    image->pages[index] = mine;
    return mine;
}

void image_write(struct image **image, uint64_t offset, const void *from, size_t bytes)
{
    if (bytes == 0)
        return;
    struct image *mine = own(image, image_pages(offset + bytes));
    if (mine->size < offset + bytes)
        mine->size = offset + bytes;
    const uint8_t *at = from;
    while (bytes > 0) {
        size_t skip = (size_t)(offset % DISK_PAGE_BYTES);
        size_t part = DISK_PAGE_BYTES - skip < bytes ? DISK_PAGE_BYTES - skip : bytes;
        struct image_page *page = own_page(mine, (size_t)(offset / DISK_PAGE_BYTES));
        memcpy(page->bytes + skip, at, part);
        at += part;
        offset += part;
        bytes -= part;
    }
}

void image_resize(struct image **image, uint64_t size)
{
    size_t count = image_pages(size);
    struct image *mine = own(image, count);
    while (mine->pages_count > count)
        page_unref(mine->pages[--mine->pages_count]);
    size_t kept = (size_t)(size % DISK_PAGE_BYTES);
    if (size < mine->size && kept != 0 && mine->pages[count - 1] != NULL)
        memset(own_page(mine, count - 1)->bytes + kept, 0, DISK_PAGE_BYTES - kept);
    mine->size = size;
}

static void set_page(struct image **image, size_t index, struct image_page *page)
{
    struct image *mine = own(image, index + 1);
    CHECK(index < image_pages(mine->size));
    if (page != NULL)
        page->references++;
    page_unref(mine->pages[index]);
    mine->pages[index] = page;
}

void image_take_page(struct image **image, const struct image *from, size_t page)
{
    set_page(image, page, page < from->pages_count ? from->pages[page] : NULL);
}

void image_zero_page(struct image **image, size_t page)
{
    set_page(image, page, NULL);
}

size_t image_read(const struct image *image, uint64_t offset, void *to, size_t bytes)
{
    if (offset >= image->size)
        return 0;
    if (bytes > image->size - offset)
        bytes = (size_t)(image->size - offset);
    uint8_t *at = to;
    for (size_t left = bytes; left > 0;) {
        size_t skip = (size_t)(offset % DISK_PAGE_BYTES);
        size_t part = DISK_PAGE_BYTES - skip < left ? DISK_PAGE_BYTES - skip : left;
        size_t index = (size_t)(offset / DISK_PAGE_BYTES);
        if (index < image->pages_count && image->pages[index] != NULL)
            memcpy(at, image->pages[index]->bytes + skip, part);
        else
            memset(at, 0, part);
        at += part;
        offset += part;
        left -= part;
    }
    return bytes;
}
