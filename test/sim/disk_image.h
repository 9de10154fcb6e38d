/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_image: a file's bytes in reference-counted pages, so that a copy costs nothing until one of
 * the two changes. Bytes never written, and all past the size, are zero. One thread.
 */
#ifndef STOATMQ_TEST_SIM_DISK_IMAGE_H
#define STOATMQ_TEST_SIM_DISK_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { DISK_PAGE_BYTES = 4096 };

struct image_page {
    uint32_t references;
    uint8_t bytes[DISK_PAGE_BYTES];
};

struct image {
    uint32_t references;
    uint64_t size;
    size_t pages_count;
    struct image_page **pages; /* NULL: zeros */
};

/* An empty one, which the caller owns. */
struct image *image_new(void);
struct image *image_ref(struct image *image);
void image_unref(struct image *image);

/* These change *IMAGE, putting a copy in its place when somebody else holds it too. */

/* Grows the size when the bytes end past it. */
void image_write(struct image **image, uint64_t offset, const void *from, size_t bytes);
void image_resize(struct image **image, uint64_t size);
/* Shares FROM's page (zeros when it has none); the size stays, which must reach into the page. */
void image_take_page(struct image **image, const struct image *from, size_t page);
void image_zero_page(struct image **image, size_t page);

/* Copies what there is of BYTES at OFFSET; returns how many. */
size_t image_read(const struct image *image, uint64_t offset, void *to, size_t bytes);

/* How many pages so many bytes need. */
static inline size_t image_pages(uint64_t bytes)
{
    return (size_t)((bytes + DISK_PAGE_BYTES - 1) / DISK_PAGE_BYTES);
}

#endif
