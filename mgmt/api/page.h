/* SPDX-License-Identifier: Apache-2.0
 *
 * page: the dashboard's files, which are part of the program: compressed, with an ETag, so that a
 * browser asks for them once a version. Constant.
 */
#ifndef STOATMQ_MGMT_API_PAGE_H
#define STOATMQ_MGMT_API_PAGE_H

#include "mgmt/api/api.h"

/* A file, as mgmt/ui/embed writes them. */
struct page_file {
    const char *path; /* "/index.html" */
    const char *content_type;
    const char *etag; /* with its quotes */
    struct slice gzip;
};

extern const struct page_file page_files[];
extern const size_t page_files_count;

/* Answers a request for anything but the API. */
void page_serve(struct api_request *request);

#endif
