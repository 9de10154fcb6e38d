/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage to a data directory of several segments with their indexes, a checkpoint and a tail behind
 * it: bits turned in any file, files cut, removed and swapped. Whatever it is, the directory is
 * refused with the place, or opened and each of its messages served as it was, or told to be
 * unreadable with its place; only what stood in the last, torn batches may be gone. The seed is
 * printed; STOATMQ_SEED sets it, STOATMQ_FLIPS how many bits are turned at random in each file.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "exchange/message.h"
#include "persist/checkpoint.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "test/sim/disk_history.h"
#include "test/unit/persist/rig.h"

enum {
    QUEUES = 3,
    POSITIONS = 600, /* of a queue, at most */
    PUBLISHED = 900, /* in all */
    FILES = 40,
    HEADER_BYTES = 44, /* of a segment's header that say something */
    RECORD_MAX = 3 * 8192,
    FLIPS = 60,
};

static struct disk *disk; /* undamaged */
static struct rig rig;
static uint64_t seed;

/* What was published, and is to be found. */
static struct {
    uint64_t lsn; /* 0: never published */
    bool alive;
} messages[QUEUES + 1][POSITIONS];

static struct {
    char name[DISK_NAME_BYTES];
    uint64_t bytes;
} files[FILES];
static size_t file_count;

static struct checkpoint checkpoint; /* the directory's */
static struct scan whole;            /* how it is read undamaged */

/* --- the directory ------------------------------------------------------------------------ */

static uint32_t body_bytes(uint64_t queue, uint64_t position)
{
    return position % 40 == 7 ? 9000 : (uint32_t)(20 + (queue * 7919 + position * 104729) % 1200);
}

static void settle(uint64_t queue, uint64_t position)
{
    rig_settle(&rig, queue, position, 1, body_bytes(queue, position));
    messages[queue][position].alive = false;
}

/* Queue 1 is settled soon, queue 2 from its front but for some that stay, queue 3 here and there.
 */
static void settle_some(uint64_t queue, uint64_t position)
{
    if (queue == 1 && position > 5)
        settle(1, position - 5);
    else if (queue == 2 && position > 60 && position % 16 != 0)
        settle(2, position - 60);
    else if (queue == 3 && position % 3 == 0)
        settle(3, position / 3);
}

static void see_file(void *context, const char *name)
{
    struct io *io = context;
    assert_true(file_count < FILES);
    snprintf(files[file_count].name, DISK_NAME_BYTES, "%s", name);
    int file = io->open(io, name, IO_READ);
    files[file_count++].bytes = (uint64_t)io->size(io, file);
    (void)io->close(io, file);
}

static uint64_t next_position[QUEUES + 1] = {1, 1, 1, 1};

/* Until there are COUNT and the log stands between FROM and TO in a segment. */
static void publish(unsigned count, uint32_t from, uint32_t to)
{
    uint32_t offset = 0;
    for (unsigned i = 0; i < count || offset < from || offset >= to; i++) {
        uint64_t queue = i % QUEUES + 1, position = next_position[queue]++;
        assert_true(position < POSITIONS);
        messages[queue][position].lsn = rig_put(&rig, queue, position, body_bytes(queue, position));
        messages[queue][position].alive = true;
        offset = lsn_offset(messages[queue][position].lsn);
        settle_some(queue, position);
        if (i % 5 == 0)
            (void)rig_flush(&rig);
    }
    assert_true(rig_sync(&rig));
}

/* So many segments die that there is a checkpoint at once, in the midst of one. */
static void settle_early_ones(void)
{
    for (uint64_t queue = 2; queue <= QUEUES; queue++)
        for (uint64_t position = 1; position < POSITIONS / 4; position++)
            if (messages[queue][position].alive)
                settle(queue, position);
    assert_true(rig_sync(&rig));
    assert_true(rig_sync(&rig)); /* what was moved meanwhile */
}

/* Prints what goes on to a file, of which log_output says what is in it. */
static FILE *log_file;

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("STOATMQ_SEED");
    seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("seed %" PRIu64 "\n", seed);
    log_file = tmpfile();
    assert_non_null(log_file);
    log_set_output(fileno(log_file));
    log_set_level(LOG_ERROR);
    disk = disk_new(seed);
    struct io *io = disk_io(disk);
    rig_start(&rig, io, true);
    for (uint64_t queue = 1; queue <= QUEUES; queue++)
        rig_queue(&rig, queue);
    publish(PUBLISHED, 12000, 20000);
    settle_early_ones();
    publish(1, 44000, 50000);
    rig_close(&rig);
    assert_int_equal(io->list(io, see_file, io), 0);
    struct inventory inventory;
    inventory_init(&inventory);
    assert_int_equal(checkpoint_read(&checkpoint, &inventory, io), 0);
    inventory_fini(&inventory);
    struct disk *copy = disk_clean_copy(disk);
    rig_start(&rig, disk_io(copy), true);
    whole = rig.scan;
    rig_close(&rig);
    disk_free(copy);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_output(2);
    (void)fclose(log_file);
    disk_free(disk);
    return 0;
}

/* --- what was done to it ------------------------------------------------------------------ */

struct damage {
    const char *what;
    const char *files[2]; /* NULL: one only */
    bool is_flip;
    uint64_t offset; /* is_flip */
    unsigned bit;
    unsigned unreadable, gone; /* messages that are told, and that are not */
};

static void fail_of(const struct damage *damage, const char *text)
{
    log_set_output(2);
    fail_msg("%s of %s %s, offset %" PRIu64 " bit %u: %s (%s)", damage->what, damage->files[0],
             damage->files[1] == NULL ? "" : damage->files[1], damage->offset, damage->bit, text,
             rig.scan.error);
}

#define EXPECT(damage, condition)               \
    do {                                        \
        if (!(condition))                       \
            fail_of(damage, "not " #condition); \
    } while (0)

/* Where the flipped bit is in the log; 0: in no segment. */
static uint64_t flip_lsn(const struct damage *damage)
{
    uint64_t segment;
    return damage->is_flip && segment_number(damage->files[0], &segment)
               ? (segment << SEGMENT_SHIFT) + damage->offset
               : 0;
}

static bool is_damaged_segment(const struct damage *damage, uint64_t number)
{
    uint64_t segment;
    for (unsigned i = 0; i < 2 && damage->files[i] != NULL; i++)
        if (segment_number(damage->files[i], &segment) && segment == number)
            return true;
    return false;
}

/* Is the record that was flipped the one at LSN, or a part of its message? */
static bool is_near(const struct damage *damage, uint64_t lsn)
{
    uint64_t flip = flip_lsn(damage);
    return flip == 0 || (flip < lsn + RECORD_MAX && lsn < flip + RECORD_MAX);
}

/* --- what must come of it ----------------------------------------------------------------- */

/* The text names the file and, where a record is meant, its offset. */
static void expect_refusal(struct damage *damage, int status)
{
    uint64_t segment;
    uint32_t offset;
    const char *text = rig.scan.error, *number = strstr(text, "segment ");
    EXPECT(damage, status == -EBADMSG);
    const char *at = strstr(text, "offset ");
    if (at != NULL && damage->is_flip) {
        EXPECT(damage, sscanf(at, "offset %" SCNu32, &offset) == 1);
        EXPECT(damage, offset <= damage->offset && damage->offset < offset + RECORD_MAX);
    }
    if (number != NULL && sscanf(number, "segment %" SCNu64, &segment) == 1) {
        bool is_lost_start = strcmp(damage->files[0], CHECKPOINT_NAME) == 0 && !damage->is_flip;
        EXPECT(damage, is_damaged_segment(damage, segment) || is_lost_start);
        return;
    }
    bool named = strstr(text, damage->files[0]) != NULL ||
                 (damage->files[1] != NULL && strstr(text, damage->files[1]) != NULL);
    EXPECT(damage, named);
}

/* The last line of the log names where the message is that cannot be read. */
static void expect_complaint(const struct damage *damage)
{
    static char text[65536];
    uint64_t segment;
    uint32_t offset;
    ssize_t bytes = pread(fileno(log_file), text, sizeof text - 1, 0);
    EXPECT(damage, bytes > 0);
    text[bytes] = 0;
    const char *at = NULL;
    for (const char *next = text; (next = strstr(next, "log_unreadable")) != NULL; next++)
        at = next;
    EXPECT(damage, at != NULL);
    EXPECT(damage, sscanf(at, "log_unreadable segment=%" SCNu64 " offset=%" SCNu32, &segment,
                          &offset) == 2);
    EXPECT(damage, is_near(damage, (segment << SEGMENT_SHIFT) + offset));
    EXPECT(damage, damage->is_flip || is_damaged_segment(damage, segment));
}

static void forget_log(void)
{
    assert_int_equal(ftruncate(fileno(log_file), 0), 0);
    assert_int_equal(lseek(fileno(log_file), 0, SEEK_SET), 0);
}

/* Fetches all of QUEUE; notes in SEEN what came, or was told to be unreadable. */
static void fetch_all(struct damage *damage, uint64_t queue, bool seen[POSITIONS])
{
    for (uint64_t first = 1; first < POSITIONS;) {
        struct store_answer answer = rig_fetch(&rig, queue, first, POSITIONS, 200000);
        for (uint32_t i = 0; i < answer.count; i++) {
            uint64_t position = answer.entries[i].position;
            struct message *message = answer.entries[i].message;
            EXPECT(damage, messages[queue][position].lsn != 0);
            EXPECT(damage, message->body_bytes == body_bytes(queue, position));
            EXPECT(damage, rig_is_right(message, queue, position));
            seen[position] = true;
        }
        first = answer.next;
        if (answer.status < 0) {
            expect_complaint(damage);
            seen[answer.next] = true;
            damage->unreadable++;
            first = answer.next + 1;
        }
        rig_free_answer(&answer);
    }
}

static void expect_messages(struct damage *damage)
{
    uint64_t end = rig.scan.end_lsn;
    bool is_cut = end < whole.end_lsn;
    for (uint64_t queue = 1; queue <= QUEUES; queue++) {
        bool seen[POSITIONS + 1] = {false};
        fetch_all(damage, queue, seen);
        for (uint64_t position = 1; position < POSITIONS; position++) {
            bool alive = messages[queue][position].alive;
            damage->gone += alive && !seen[position];
            EXPECT(damage, !alive || seen[position] || messages[queue][position].lsn >= end);
            EXPECT(damage, alive || !seen[position] || is_cut); /* its settle was cut off */
        }
    }
    if (is_cut && damage->is_flip)
        EXPECT(damage, end >= whole.known_lsn && end <= flip_lsn(damage) && is_near(damage, end));
    else if (is_cut)
        EXPECT(damage, end >= checkpoint.lsn && is_damaged_segment(damage, lsn_segment(end)));
}

/* What is written behind it is there when it is opened again. */
static void expect_going_on(struct damage *damage, struct io *io)
{
    rig_put(&rig, 1, POSITIONS + 1, 100);
    EXPECT(damage, rig_sync(&rig));
    rig_close(&rig);
    EXPECT(damage, rig_open(&rig, io, true) == 0);
    struct store_answer answer = rig_fetch(&rig, 1, POSITIONS + 1, POSITIONS + 2, 1);
    EXPECT(damage, answer.count == 1);
    EXPECT(damage, rig_is_right(answer.entries[0].message, 1, POSITIONS + 1));
    rig_free_answer(&answer);
}

enum outcome { REFUSED, SERVED, UNREADABLE, CUT, OUTCOMES };

/* Opens COPY, which was damaged, and frees it. */
static enum outcome judge(struct damage *damage, struct disk *copy)
{
    enum outcome outcome = REFUSED;
    forget_log();
    int status = rig_open(&rig, disk_io(copy), true);
    if (status < 0) {
        expect_refusal(damage, status);
    } else {
        expect_messages(damage);
        outcome = damage->gone > 0 ? CUT : damage->unreadable > 0 ? UNREADABLE : SERVED;
        expect_going_on(damage, disk_io(copy));
        rig_close(&rig);
    }
    disk_free(copy);
    return outcome;
}

static void report(const unsigned outcomes[OUTCOMES])
{
    print_message("%u refused, %u served, %u with unreadable messages, %u without a torn end\n",
                  outcomes[REFUSED], outcomes[SERVED], outcomes[UNREADABLE], outcomes[CUT]);
}

/* --- damage ------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name), bytes = strlen(suffix);
    return size >= bytes && strcmp(name + size - bytes, suffix) == 0;
}

static void remove_indexes(struct disk *copy)
{
    for (size_t i = 0; i < file_count; i++)
        if (ends_with(files[i].name, ".idx"))
            assert_int_equal(disk_io(copy)->remove(disk_io(copy), files[i].name), 0);
}

static enum outcome flip(size_t file, uint64_t offset, bool without_indexes)
{
    struct damage damage = {.what = without_indexes ? "flip without indexes" : "flip",
                            .files = {files[file].name},
                            .is_flip = true,
                            .offset = offset,
                            .bit = (unsigned)disk_random_below(&seed, 8)};
    struct disk *copy = disk_clean_copy(disk);
    disk_flip_bit(copy, damage.files[0], offset, damage.bit);
    if (without_indexes)
        remove_indexes(copy);
    return judge(&damage, copy);
}

static void directory_has_what_can_be_damaged(void **state)
{
    (void)state;
    struct damage none = {.what = "nothing", .files = {"none"}};
    struct io *io = disk_io(disk);
    assert_true(rig_files(io, ".idx") >= 3 && rig_files(io, ".log") >= 5);
    assert_true(rig_has_file(io, CHECKPOINT_NAME) && rig_has_file(io, "spare-0.log"));
    assert_true(lsn_segment(checkpoint.lsn) > 3);
    assert_true(lsn_offset(checkpoint.lsn) > SEGMENT_HEADER_BYTES + 1000);
    assert_true(whole.end_lsn > checkpoint.lsn + 4096);
    assert_int_equal(judge(&none, disk_clean_copy(disk)), SERVED);
    assert_int_equal(none.gone + none.unreadable, 0);
}

static void flipped_bit_of_any_header_is_found_or_harmless(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    uint64_t number;
    for (size_t i = 0; i < file_count; i++) {
        uint64_t bytes = segment_number(files[i].name, &number)        ? HEADER_BYTES
                         : ends_with(files[i].name, ".idx")            ? 32
                         : strcmp(files[i].name, CHECKPOINT_NAME) == 0 ? 48
                                                                       : 0;
        for (uint64_t at = 0; at < bytes; at++)
            outcomes[flip(i, at, false)]++;
    }
    report(outcomes);
    assert_true(outcomes[REFUSED] > 48 && outcomes[SERVED] > 32);
    assert_int_equal(outcomes[UNREADABLE] + outcomes[CUT], 0);
}

/* Each octet of the headers of some records of the tail, and one in their payloads. */
static void flipped_bit_of_a_record_header_is_found(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    for (uint64_t queue = 1; queue <= QUEUES; queue++)
        for (uint64_t position = 1; position < POSITIONS; position++) {
            uint64_t lsn = messages[queue][position].lsn;
            char name[SEGMENT_NAME_BYTES];
            size_t file = 0;
            if (lsn < checkpoint.lsn || disk_random_below(&seed, 2) > 0)
                continue;
            segment_name(lsn_segment(lsn), name);
            while (strcmp(files[file].name, name) != 0)
                file++;
            for (uint32_t i = 0; i <= RECORD_HEADER_BYTES; i++)
                outcomes[flip(file, lsn_offset(lsn) + i, false)]++;
        }
    report(outcomes);
    assert_true(outcomes[REFUSED] > 0);
    assert_int_equal(outcomes[UNREADABLE] + outcomes[SERVED], 0);
}

static void flipped_bit_anywhere_damages_no_message(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    const char *given = getenv("STOATMQ_FLIPS");
    unsigned flips = given != NULL ? (unsigned)strtoul(given, NULL, 0) : FLIPS;
    for (size_t i = 0; i < file_count; i++)
        for (unsigned n = 0; n < flips && files[i].bytes > 0; n++)
            outcomes[flip(i, disk_random_below(&seed, files[i].bytes), n % 3 == 0)]++;
    report(outcomes);
    assert_true(outcomes[REFUSED] > 0 && outcomes[SERVED] > 0 && outcomes[UNREADABLE] > 0);
}

static void truncated_file_is_found_or_harmless(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    for (size_t i = 0; i < file_count; i++)
        for (unsigned n = 0; n < 10 && files[i].bytes > 0; n++) {
            uint64_t sizes[] = {0, 1, HEADER_BYTES, SEGMENT_HEADER_BYTES, files[i].bytes - 1};
            uint64_t size = n < 5 ? sizes[n] : disk_random_below(&seed, files[i].bytes);
            struct damage damage = {.what = "truncation", .files = {files[i].name}};
            struct disk *copy = disk_clean_copy(disk);
            if (size < files[i].bytes)
                disk_truncate(copy, files[i].name, size);
            outcomes[judge(&damage, copy)]++;
        }
    report(outcomes);
    assert_true(outcomes[REFUSED] > 0 && outcomes[SERVED] > 0);
    assert_int_equal(outcomes[UNREADABLE] + outcomes[CUT], 0);
}

static void removed_file_is_missed_or_not_needed(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    for (size_t i = 0; i < file_count; i++) {
        struct damage damage = {.what = "removal", .files = {files[i].name}};
        struct disk *copy = disk_clean_copy(disk);
        assert_int_equal(disk_io(copy)->remove(disk_io(copy), files[i].name), 0);
        outcomes[judge(&damage, copy)]++;
    }
    report(outcomes);
    assert_true(outcomes[REFUSED] > 0 && outcomes[SERVED] > 0);
    assert_int_equal(outcomes[UNREADABLE] + outcomes[CUT], 0);
}

static void swapped_files_are_found_or_harmless(void **state)
{
    (void)state;
    unsigned outcomes[OUTCOMES] = {0};
    for (size_t i = 0; i < file_count; i++)
        for (size_t j = i + 1; j < file_count; j++) {
            const char *one = files[i].name, *other = files[j].name;
            struct damage damage = {.what = "swap", .files = {one, other}};
            struct disk *copy = disk_clean_copy(disk);
            struct io *io = disk_io(copy);
            assert_int_equal(io->rename(io, one, "between"), 0);
            assert_int_equal(io->rename(io, other, one), 0);
            assert_int_equal(io->rename(io, "between", other), 0);
            outcomes[judge(&damage, copy)]++;
        }
    report(outcomes);
    assert_true(outcomes[REFUSED] > 0 && outcomes[SERVED] > 0);
    assert_int_equal(outcomes[UNREADABLE] + outcomes[CUT], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directory_has_what_can_be_damaged),
        cmocka_unit_test(flipped_bit_of_any_header_is_found_or_harmless),
        cmocka_unit_test(flipped_bit_of_a_record_header_is_found),
        cmocka_unit_test(flipped_bit_anywhere_damages_no_message),
        cmocka_unit_test(truncated_file_is_found_or_harmless),
        cmocka_unit_test(removed_file_is_missed_or_not_needed),
        cmocka_unit_test(swapped_files_are_found_or_harmless),
    };
    return cmocka_run_group_tests_name("damage", tests, set_up, tear_down);
}
