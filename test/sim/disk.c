/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/disk.h"

#include <errno.h>
#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"
#include "test/sim/disk_history.h"

#define FILE_BYTES_MAX   ((uint64_t)1 << 34)
#define CAPACITY_DEFAULT ((uint64_t)1 << 40)

struct handle {
    uint32_t file;
    enum io_mode mode;
    bool open;
};

struct fault {
    uint64_t countdown; /* 0: none */
    int error;
    bool lasting;
};

struct disk {
    struct io io;
    struct history history;
    struct handle *handles;
    int handles_count;
    struct fault faults[DISK_CALLS];
    uint64_t calls[DISK_CALLS];
    uint64_t capacity, seed;
};

static struct disk *disk_of(const struct io *io)
{
    return io->context;
}

static struct disk_state *state_of(struct disk *disk)
{
    return &disk->history.state;
}

/* Counts a call; the error that it has to fail with, negative, or 0. */
static int begin(struct disk *disk, enum disk_call call)
{
    struct fault *fault = &disk->faults[call];
    disk->calls[call]++;
    if (fault->countdown == 0)
        return 0;
    if (fault->countdown > 1) {
        fault->countdown--;
        return 0;
    }
    if (!fault->lasting)
        fault->countdown = 0;
    return -fault->error;
}

/* The open handle with that number, or NULL. */
static struct handle *handle_of(struct disk *disk, int file)
{
    if (file < 0 || file >= disk->handles_count || !disk->handles[file].open)
        return NULL;
    return &disk->handles[file];
}

static int add_handle(struct disk *disk, uint32_t file, enum io_mode mode)
{
    int number = 0;
    while (number < disk->handles_count && disk->handles[number].open)
        number++;
    if (number == disk->handles_count)
        disk->handles = mem_realloc(disk->handles,
                                    (size_t)++disk->handles_count * sizeof *disk->handles);
    disk->handles[number] = (struct handle){file, mode, true};
    return number;
}

/* Copies a name into an operation's. */
static int set_name(char to[DISK_NAME_BYTES], const char *name)
{
    size_t size = strlen(name);
    if (size >= DISK_NAME_BYTES)
        return -ENAMETOOLONG;
    memcpy(to, name, size + 1);
    return 0;
}

static int create(struct disk *disk, const char *path)
{
    struct operation operation = {.kind = OPERATION_CREATE, .file = state_of(disk)->files_count};
    int result = set_name(operation.name, path);
    if (result == 0)
        history_add(&disk->history, &operation);
    return result;
}

static int sim_open(struct io *io, const char *path, enum io_mode mode)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_OPEN);
    if (result != 0)
        return result;
    const struct state_name *found = state_names_find(&state_of(disk)->now, path);
    if (mode != IO_CREATE)
        return found == NULL ? -ENOENT : add_handle(disk, found->file, mode);
    if (found != NULL)
        return -EEXIST;
    uint32_t file = state_of(disk)->files_count;
    result = create(disk, path);
    return result != 0 ? result : add_handle(disk, file, mode);
}

static int sim_close(struct io *io, int file)
{
    struct handle *handle = handle_of(disk_of(io), file);
    if (handle == NULL)
        return -EBADF;
    handle->open = false;
    return 0;
}

static int64_t sim_read(struct io *io, int file, void *to, size_t bytes, uint64_t offset)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_READ);
    const struct handle *handle = handle_of(disk, file);
    if (handle == NULL)
        return -EBADF;
    if (result != 0)
        return result;
    if (offset > INT64_MAX)
        return -EINVAL;
    return (int64_t)image_read(state_of(disk)->files[handle->file].now, offset, to, bytes);
}

static uint64_t room(struct disk *disk)
{
    const struct disk_state *state = state_of(disk);
    uint64_t used = 0;
    for (size_t i = 0; i < state->now.count; i++)
        used += state->files[state->now.all[i].file].now->size;
    return used < disk->capacity ? disk->capacity - used : 0;
}

/* How many of BYTES at OFFSET there is room for. */
static uint64_t fitting(struct disk *disk, uint32_t file, uint64_t offset, uint64_t bytes)
{
    uint64_t end_max = state_of(disk)->files[file].now->size + room(disk);
    if (offset >= end_max)
        return 0;
    return bytes < end_max - offset ? bytes : end_max - offset;
}

static int sim_write(struct io *io, int file, const void *from, size_t bytes, uint64_t offset)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_WRITE);
    const struct handle *handle = handle_of(disk, file);
    if (handle == NULL || handle->mode == IO_READ)
        return -EBADF;
    if (offset > FILE_BYTES_MAX || bytes > FILE_BYTES_MAX - offset)
        return -EFBIG;
    uint64_t done = fitting(disk, handle->file, offset, bytes);
    if (result == 0 && done < bytes)
        result = -ENOSPC;
    else if (result != 0)
        done = disk_random_below(&disk->seed, done + 1);
    struct operation operation = {.kind = OPERATION_WRITE,
                                  .file = handle->file,
                                  .offset = offset,
                                  .bytes = done,
                                  .data = (uint8_t *)(uintptr_t)from};
    if (done > 0)
        history_add(&disk->history, &operation);
    return result;
}

static int sim_sync(struct io *io, int file)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_SYNC);
    const struct handle *handle = handle_of(disk, file);
    if (handle == NULL)
        return -EBADF;
    struct operation operation = {.kind = result == 0 ? OPERATION_SYNC : OPERATION_SYNC_FAILED,
                                  .file = handle->file,
                                  .seed = disk_random(&disk->seed)};
    history_add(&disk->history, &operation);
    return result;
}

static int sim_write_through(struct io *io, int file, const void *from, size_t bytes,
                             uint64_t offset)
{
    CHECK((uintptr_t)from % IO_BLOCK_BYTES == 0 && bytes % IO_BLOCK_BYTES == 0 &&
          offset % IO_BLOCK_BYTES == 0);
    int result = sim_write(io, file, from, bytes, offset);
    return result == 0 ? sim_sync(io, file) : result;
}

static int sim_allocate(struct io *io, int file, uint64_t bytes)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_ALLOCATE);
    const struct handle *handle = handle_of(disk, file);
    if (handle == NULL || handle->mode == IO_READ)
        return -EBADF;
    if (bytes > FILE_BYTES_MAX)
        return -EFBIG;
    uint64_t done = fitting(disk, handle->file, 0, bytes);
    if (result == 0 && done < bytes)
        result = -ENOSPC;
    if (result != 0)
        done = disk_random_below(&disk->seed, done + 1);
    struct operation zeros = {.kind = OPERATION_RESIZE, .file = handle->file, .bytes = done};
    struct operation sync = {.kind = OPERATION_SYNC, .file = handle->file};
    history_add(&disk->history, &zeros);
    if (result == 0)
        history_add(&disk->history, &sync);
    return result;
}

static int64_t sim_size(struct io *io, int file)
{
    struct disk *disk = disk_of(io);
    const struct handle *handle = handle_of(disk, file);
    return handle == NULL ? -EBADF : (int64_t)state_of(disk)->files[handle->file].now->size;
}

static int sim_rename(struct io *io, const char *from, const char *to)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_RENAME);
    struct operation operation = {.kind = OPERATION_RENAME};
    if (result == 0)
        result = set_name(operation.name, from);
    if (result == 0)
        result = set_name(operation.to, to);
    if (result == 0 && state_names_find(&state_of(disk)->now, from) == NULL)
        result = -ENOENT;
    if (result == 0 && strcmp(from, to) != 0)
        history_add(&disk->history, &operation);
    return result;
}

static int sim_remove(struct io *io, const char *path)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_REMOVE);
    struct operation operation = {.kind = OPERATION_REMOVE};
    if (result == 0)
        result = set_name(operation.name, path);
    if (result == 0 && state_names_find(&state_of(disk)->now, path) == NULL)
        result = -ENOENT;
    if (result == 0)
        history_add(&disk->history, &operation);
    return result;
}

static int sim_sync_directory(struct io *io)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_SYNC_DIRECTORY);
    struct operation operation = {.kind = OPERATION_SYNC_DIRECTORY};
    if (result == 0)
        history_add(&disk->history, &operation);
    return result;
}

/* Of a copy, as SEE may change the directory. */
static int sim_list(struct io *io, void (*see)(void *context, const char *name), void *context)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_LIST);
    if (result != 0)
        return result;
    struct state_names names;
    state_names_copy(&names, &state_of(disk)->now);
    for (size_t i = 0; i < names.count; i++)
        see(context, names.all[i].name);
    state_names_fini(&names);
    return 0;
}

static int64_t sim_free_bytes(struct io *io)
{
    return (int64_t)room(disk_of(io));
}

static int sim_lock(struct io *io)
{
    struct disk *disk = disk_of(io);
    int result = begin(disk, DISK_LOCK);
    if (result == 0 && state_names_find(&state_of(disk)->now, "lock") == NULL)
        result = create(disk, "lock");
    return result;
}

static struct disk *new_from(struct disk_state start, uint64_t seed)
{
    struct disk *disk = mem_zalloc(sizeof *disk);
    history_init(&disk->history, start);
    disk->seed = seed;
    disk->capacity = CAPACITY_DEFAULT;
    disk->io = (struct io){
        .context = disk,
        .open = sim_open,
        .close = sim_close,
        .read = sim_read,
        .write = sim_write,
        .sync = sim_sync,
        .write_through = sim_write_through,
        .allocate = sim_allocate,
        .size = sim_size,
        .rename = sim_rename,
        .remove = sim_remove,
        .sync_directory = sim_sync_directory,
        .list = sim_list,
        .free_bytes = sim_free_bytes,
        .lock = sim_lock,
    };
    return disk;
}

struct disk *disk_new(uint64_t seed)
{
    return new_from((struct disk_state){0}, seed);
}

void disk_free(struct disk *disk)
{
    history_fini(&disk->history);
    mem_free(disk->handles);
    mem_free(disk);
}

struct io *disk_io(struct disk *disk)
{
    return &disk->io;
}

uint64_t disk_operations(const struct disk *disk)
{
    return disk->history.count;
}

uint64_t disk_calls(const struct disk *disk, enum disk_call call)
{
    return disk->calls[call];
}

struct disk *disk_after_cut(const struct disk *disk, uint64_t operation, uint64_t seed)
{
    return new_from(history_cut(&disk->history, operation, seed), seed);
}

struct disk *disk_clean_copy(const struct disk *disk)
{
    const struct disk_state *state = &disk->history.state;
    struct disk_state copy = {0};
    for (size_t i = 0; i < state->now.count; i++) {
        const struct state_name *name = &state->now.all[i];
        disk_state_add(&copy, name->name, image_ref(state->files[name->file].now));
    }
    return new_from(copy, disk->seed);
}

void disk_kill(struct disk *disk)
{
    disk->handles_count = 0;
    memset(disk->faults, 0, sizeof disk->faults);
}

static void damage(struct disk *disk, const char *name, struct operation operation)
{
    const struct state_name *found = state_names_find(&state_of(disk)->now, name);
    CHECK(found != NULL);
    operation.file = found->file;
    uint64_t last = operation.kind == OPERATION_FLIP ? operation.offset : operation.bytes;
    CHECK_ID(last < state_of(disk)->files[found->file].now->size, last);
    history_add(&disk->history, &operation);
}

void disk_flip_bit(struct disk *disk, const char *name, uint64_t offset, unsigned bit)
{
    CHECK_ID(bit < 8, bit);
    damage(disk, name, (struct operation){.kind = OPERATION_FLIP, .offset = offset, .bytes = bit});
}

void disk_truncate(struct disk *disk, const char *name, uint64_t bytes)
{
    damage(disk, name, (struct operation){.kind = OPERATION_TRUNCATE, .bytes = bytes});
}

static void set_fault(struct disk *disk, enum disk_call call, struct fault fault)
{
    CHECK(fault.countdown == 0 || fault.error > 0);
    disk->faults[call] = fault;
}

void disk_fail(struct disk *disk, enum disk_call call, uint64_t countdown, int error)
{
    set_fault(disk, call, (struct fault){countdown, error, false});
}

void disk_break(struct disk *disk, enum disk_call call, uint64_t countdown, int error)
{
    set_fault(disk, call, (struct fault){countdown, error, true});
}

void disk_set_capacity(struct disk *disk, uint64_t bytes)
{
    disk->capacity = bytes;
}
