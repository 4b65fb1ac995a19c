/* A disk that fails as told, below everything that an engine does with files: loaded in front of the C library (LD_PRELOAD).
 *
 * It counts the writes and syncs of files below one folder, lets chosen ones fail, and takes away what was not synced when the
 * power goes. What is not synced is known by what was there before each write, which is kept until the file is synced. All of
 * it is done under one lock, so that at a loss of power nobody writes any more.
 *
 * The environment says what is to happen:
 *   DISK_FOLDER   files below it are looked at; -shm files are not, which no database relies on
 *   DISK_COUNTS   a file of two numbers of 64 bits, in which writes and syncs are counted
 *   DISK_FAULT    eio, enospc: the operation fails; power: nothing of what is not synced is certain, and the process is gone
 *   DISK_ON       write, sync: which operations are counted for DISK_AT
 *   DISK_AT       from which on, counted from 1; 0 for none
 *   DISK_TIMES    how many of them
 *   DISK_REFUSING while this file exists, every write fails: with EROFS where it says so, and else with ENOSPC
 *   DISK_SEED     how much of what is not synced survives a loss of power
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* One write that is not synced, and what was there before. */
struct unsynced {
    struct unsynced *before;
    dev_t device;
    ino_t inode;
    off_t offset;
    off_t file_bytes;
    size_t written;
    size_t bytes;
    char *path;
    char content[];
};

enum fault { NONE, FAILS, POWER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct unsynced *last;
static struct {
    const char *folder, *refusing;
    size_t folder_bytes;
    volatile uint64_t *counts;
    enum fault fault;
    int error, on_sync;
    uint64_t at, times, seed;
} told;

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void read_environment(void)
{
    const char *fault = getenv("DISK_FAULT"), *on = getenv("DISK_ON"), *counts = getenv("DISK_COUNTS");
    told.folder = getenv("DISK_FOLDER");
    told.folder_bytes = told.folder ? strlen(told.folder) : 0;
    told.refusing = getenv("DISK_REFUSING");
    told.at = number("DISK_AT", 0);
    told.times = number("DISK_TIMES", 1);
    told.seed = number("DISK_SEED", 1);
    told.on_sync = on && !strcmp(on, "sync");
    if (fault) {
        told.fault = !strcmp(fault, "power") ? POWER : FAILS;
        told.error = !strcmp(fault, "enospc") ? ENOSPC : EIO;
    }
    if (counts) {
        int file = syscall(SYS_openat, AT_FDCWD, counts, O_RDWR | O_CLOEXEC);
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        told.counts = found == MAP_FAILED ? NULL : found;
        if (file >= 0)
            syscall(SYS_close, file);
    }
}

/* Whether an open file is one of those that are looked at, and where it is. */
static int is_watched(int file, char *path, size_t path_bytes)
{
    char link[32];
    struct stat found;
    pthread_once(&once, read_environment);
    if (!told.folder)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t bytes = readlink(link, path, path_bytes - 1);
    if (bytes <= 0)
        return 0;
    path[bytes] = 0;
    if (strncmp(path, told.folder, told.folder_bytes) || path[told.folder_bytes] != '/')
        return 0;
    if (bytes > 4 && !strcmp(path + bytes - 4, "-shm"))
        return 0;
    return fstat(file, &found) == 0 && S_ISREG(found.st_mode);
}

static uint64_t mixed(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static uint64_t mixed_path(const char *path)
{
    uint64_t value = told.seed;
    while (*path)
        value = mixed(value ^ (unsigned char)*path++);
    return value;
}

/* Undoes one write, or the second half of it. */
static void take_away(const struct unsynced *one, int is_torn)
{
    int file = syscall(SYS_openat, AT_FDCWD, one->path, O_WRONLY | O_CLOEXEC);
    struct stat found;
    if (file < 0)
        return;
    if (fstat(file, &found) == 0 && found.st_dev == one->device && found.st_ino == one->inode) {
        size_t kept = is_torn ? one->written / 2 : 0;
        off_t end = one->offset + (off_t)kept > one->file_bytes ? one->offset + (off_t)kept : one->file_bytes;
        if (one->bytes > kept)
            (void)!syscall(SYS_pwrite64, file, one->content + kept, one->bytes - kept, one->offset + (off_t)kept);
        if (found.st_size > end)
            (void)!syscall(SYS_ftruncate, file, end);
    }
    syscall(SYS_close, file);
}

/* Of each file, the first writes after its last sync may survive, the next one by half, and the rest not. */
static void lose_power(void)
{
    for (struct unsynced *one = last; one; one = one->before) {
        if (!one->path)
            continue;
        uint64_t count = 0, of_file = 0;
        for (struct unsynced *other = last; other; other = other->before)
            count += other->device == one->device && other->inode == one->inode;
        uint64_t survive = mixed_path(one->path) % (count + 1);
        for (struct unsynced *other = one; other; other = other->before) {
            if (other->device != one->device || other->inode != one->inode)
                continue;
            uint64_t place = count - of_file++;
            if (place > survive)
                take_away(other, place == survive + 1 && (told.seed & 1));
            if (other != one)
                other->path = NULL;
        }
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void remember(int file, const char *path, off_t offset, size_t bytes, size_t written)
{
    struct stat found;
    if (fstat(file, &found))
        return;
    size_t there = offset >= found.st_size ? 0 : (size_t)(found.st_size - offset);
    size_t kept = bytes < there ? bytes : there;
    struct unsynced *one = calloc(1, sizeof *one + kept);
    if (!one)
        abort();
    *one = (struct unsynced){ .before = last, .device = found.st_dev, .inode = found.st_ino, .offset = offset,
                              .file_bytes = found.st_size, .written = written, .path = strdup(path) };
    /* Files that were opened for writing only cannot be read here: their content is found by their path. */
    int readable = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    ssize_t read = readable < 0 ? 0 : syscall(SYS_pread64, readable, one->content, kept, offset);
    if (readable >= 0)
        syscall(SYS_close, readable);
    one->bytes = read > 0 ? (size_t)read : 0;
    last = one;
}

static void forget(int file)
{
    struct stat found;
    if (fstat(file, &found))
        return;
    for (struct unsynced **link = &last; *link;) {
        struct unsynced *one = *link;
        if (one->device == found.st_dev && one->inode == found.st_ino) {
            *link = one->before;
            free(one->path);
            free(one);
        } else {
            link = &one->before;
        }
    }
}

/* Why nothing can be written at the moment. */
static int refusal(void)
{
    char why[5] = "";
    int file = told.refusing ? syscall(SYS_openat, AT_FDCWD, told.refusing, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    ssize_t bytes = syscall(SYS_read, file, why, sizeof why);
    syscall(SYS_close, file);
    return bytes == sizeof why && !memcmp(why, "erofs", sizeof why) ? EROFS : ENOSPC;
}

/* Counts an operation, and gives the error that it is to have. At a loss of power it does not return. */
static int fate(int is_sync)
{
    uint64_t count = told.counts ? __atomic_add_fetch(&told.counts[is_sync], 1, __ATOMIC_SEQ_CST) : 0;
    int refused = is_sync ? 0 : refusal();
    if (refused)
        return refused;
    if (!told.at || is_sync != told.on_sync || count < told.at || count >= told.at + told.times)
        return 0;
    if (told.fault == POWER)
        lose_power();
    return told.fault == FAILS ? told.error : 0;
}

static ssize_t failed(int error)
{
    errno = error;
    return -1;
}

/* Lets the others go on, and keeps the error of what was done. */
static ssize_t unlocked(ssize_t done)
{
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

/* `offset` is -1 where the file's own counts. */
static ssize_t write_at(int file, const void *content, size_t bytes, off_t offset)
{
    char path[4096];
    if (!is_watched(file, path, sizeof path))
        return offset < 0 ? syscall(SYS_write, file, content, bytes) : syscall(SYS_pwrite64, file, content, bytes, offset);
    pthread_mutex_lock(&lock);
    off_t place = offset < 0 ? lseek(file, 0, fcntl(file, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR) : offset;
    int error = fate(0);
    ssize_t written;
    if (error) {
        written = failed(error);
    } else {
        remember(file, path, place, bytes, bytes);
        written = offset < 0 ? syscall(SYS_write, file, content, bytes) : syscall(SYS_pwrite64, file, content, bytes, offset);
    }
    return unlocked(written);
}

static int sync_of(int file, long call)
{
    char path[4096];
    if (!is_watched(file, path, sizeof path))
        return syscall(call, file);
    pthread_mutex_lock(&lock);
    int error = fate(1);
    int synced = error ? failed(error) : syscall(call, file);
    if (!synced)
        forget(file);
    return unlocked(synced);
}

static int resize(int file, off_t bytes)
{
    char path[4096];
    struct stat found;
    if (!is_watched(file, path, sizeof path))
        return syscall(SYS_ftruncate, file, bytes);
    pthread_mutex_lock(&lock);
    int error = fate(0);
    int resized;
    if (error) {
        resized = failed(error);
    } else {
        if (fstat(file, &found) == 0)
            remember(file, path, bytes < found.st_size ? bytes : found.st_size, found.st_size > bytes ? found.st_size - bytes : 0, 0);
        resized = syscall(SYS_ftruncate, file, bytes);
    }
    return unlocked(resized);
}

ssize_t write(int file, const void *content, size_t bytes) { return write_at(file, content, bytes, -1); }
ssize_t pwrite(int file, const void *content, size_t bytes, off_t offset) { return write_at(file, content, bytes, offset); }
ssize_t pwrite64(int file, const void *content, size_t bytes, off_t offset) { return write_at(file, content, bytes, offset); }
int fsync(int file) { return sync_of(file, SYS_fsync); }
int fdatasync(int file) { return sync_of(file, SYS_fdatasync); }
int ftruncate(int file, off_t bytes) { return resize(file, bytes); }
int ftruncate64(int file, off_t bytes) { return resize(file, bytes); }
