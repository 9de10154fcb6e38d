/* SPDX-License-Identifier: Apache-2.0
 *
 * io_behaviour: what any `struct io` has to do, as cmocka tests whose *state is a struct io on an
 * empty directory of its own: the file system's and the simulated disk have to do the same.
 */
#ifndef STOATMQ_TEST_UNIT_PERSIST_IO_BEHAVIOUR_H
#define STOATMQ_TEST_UNIT_PERSIST_IO_BEHAVIOUR_H

#include "persist/io.h"

void open_tells_missing_from_existing(void **state);
void reads_give_what_was_written_and_end_with_the_file(void **state);
void writes_past_the_end_leave_zeros_between(void **state);
void files_opened_for_reading_refuse_writes(void **state);
void closed_handles_are_refused(void **state);
void handles_are_used_again_and_see_one_file(void **state);
void allocation_sizes_and_zeroes_a_new_or_used_file(void **state);
void renaming_replaces_and_removing_removes(void **state);
void open_files_outlive_their_names(void **state);
void listing_tells_each_name_once(void **state);
void offsets_beyond_any_file_are_refused(void **state);
void random_writes_agree_with_an_array(void **state);
void blocks_that_are_written_through_are_read_between_others(void **state);
void locking_leaves_its_file_and_may_be_repeated(void **state);

#define IO_BEHAVIOUR_TESTS(set_up, tear_down)                                                \
    IO_TEST(open_tells_missing_from_existing, set_up, tear_down),                            \
        IO_TEST(reads_give_what_was_written_and_end_with_the_file, set_up, tear_down),       \
        IO_TEST(writes_past_the_end_leave_zeros_between, set_up, tear_down),                 \
        IO_TEST(files_opened_for_reading_refuse_writes, set_up, tear_down),                  \
        IO_TEST(closed_handles_are_refused, set_up, tear_down),                              \
        IO_TEST(handles_are_used_again_and_see_one_file, set_up, tear_down),                 \
        IO_TEST(allocation_sizes_and_zeroes_a_new_or_used_file, set_up, tear_down),          \
        IO_TEST(renaming_replaces_and_removing_removes, set_up, tear_down),                  \
        IO_TEST(open_files_outlive_their_names, set_up, tear_down),                          \
        IO_TEST(listing_tells_each_name_once, set_up, tear_down),                            \
        IO_TEST(offsets_beyond_any_file_are_refused, set_up, tear_down),                     \
        IO_TEST(random_writes_agree_with_an_array, set_up, tear_down),                       \
        IO_TEST(blocks_that_are_written_through_are_read_between_others, set_up, tear_down), \
        IO_TEST(locking_leaves_its_file_and_may_be_repeated, set_up, tear_down)
#define IO_TEST(test, set_up, tear_down) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The names in the directory, sorted, with a space behind each; valid until the next call. */
const char *io_names(struct io *io);

/* Makes FILE hold TEXT from OFFSET on. */
void io_put(struct io *io, int file, uint64_t offset, const char *text);

/* A random number; the seed is printed at the first, and taken from SEED when that is set. */
uint64_t io_random(void);

#endif
