/* A disk that fails: loaded before the C library (LD_PRELOAD), it stands between nexus and the files of its store.
 *
 * Two things, each by the environment:
 *
 * NEXUS_DISK_JOURNAL=DIR  The disk keeps what is written in its cache until fsync. Every write is first noted in
 *     DIR/NAME.journal with the bytes that were there before; fsync notes itself, and where it really makes everything
 *     durable, the journal begins anew. After kill -9 the test plays the power cut: from the journal it works out what the
 *     disk itself held, and puts that back. (Nothing is really synced, the journal is the truth; so it is fast, too.)
 *
 * NEXUS_DISK_FAULT=KIND  While the file NEXUS_DISK_SWITCH exists, one in NEXUS_DISK_ONE_IN calls goes wrong, drawn from
 *     NEXUS_DISK_SEED; each that did adds a byte to NEXUS_DISK_TALLY. KIND is
 *       fsync-fails   fsync says EIO; what it was to sync is not on the disk, and the kernel takes it for clean
 *       fsync-lies    fsync says that all is well and does nothing (needs a journal to have an effect)
 *       short-write   write takes only a part
 *       torn-write    write takes only a part, and the process is gone
 *       no-space      write says ENOSPC
 *       write-fails   write says EIO
 *       read-fails    read says EIO
 *     NEXUS_DISK_INODE, _FROM and _TO narrow it to one file and to a range of bytes in it: a bad sector.
 *
 * Files are known by their names: nexus.db and nexus.db-wal, also with what healing appends. The index of the WAL
 * (nexus.db-shm) is memory and no file. What is replaced is what SQLite and Rust's
 * files call, and libc's other names for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One at a time, so that the journal has the order in which things happened. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t state;

/* The kernel itself, past the functions that this file replaces. */
static ssize_t kernel_read(int fd, void *to, size_t n) { return syscall(SYS_read, fd, to, n); }
static ssize_t kernel_write(int fd, const void *from, size_t n) { return syscall(SYS_write, fd, from, n); }
static int kernel_ftruncate(int fd, off64_t n) { return (int)syscall(SYS_ftruncate, fd, n); }

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t draw(void) { /* SplitMix64, as in the tests */
    const char *tally = getenv("NEXUS_DISK_TALLY");
    struct stat64 file;
    uint64_t z;
    if (!state) { /* after each fault another sequence, else every process would die in its first write or none */
        state = number("NEXUS_DISK_SEED", 1);
        if (tally && stat64(tally, &file) == 0) state += (uint64_t)file.st_size << 32;
    }
    z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The name of the file behind fd, where it is one of the store's; else NULL. */
static const char *name_of(int fd, char *path, size_t room) {
    char link[64];
    ssize_t n;
    const char *name;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, room - 1);
    if (n <= 0) return NULL;
    path[n] = 0;
    name = strrchr(path, '/');
    if (!name || strncmp(++name, "nexus.db", 8) != 0) return NULL;
    if (strstr(name, "-shm") || strstr(name, ".lock") || strstr(name, "(deleted)")) return NULL;
    return name;
}

/* Whether this call is to go wrong in this way; with the lock held. */
static int goes_wrong(const char *kind, int fd, off64_t at, size_t n) {
    const char *wanted = getenv("NEXUS_DISK_FAULT"), *on = getenv("NEXUS_DISK_SWITCH");
    const char *tally = getenv("NEXUS_DISK_TALLY");
    struct stat64 file;
    int out;
    if (!wanted || strcmp(wanted, kind) != 0) return 0;
    if (on && access(on, F_OK) != 0) return 0;
    if (getenv("NEXUS_DISK_INODE")
        && (fstat64(fd, &file) != 0 || file.st_ino != number("NEXUS_DISK_INODE", 0))) return 0;
    if ((uint64_t)at + n <= number("NEXUS_DISK_FROM", 0)) return 0;
    if ((uint64_t)at >= number("NEXUS_DISK_TO", UINT64_MAX)) return 0;
    if (draw() % number("NEXUS_DISK_ONE_IN", 1) != 0) return 0;
    if (tally && (out = open(tally, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) >= 0) {
        if (kernel_write(out, ".", 1) != 1) abort();
        close(out);
    }
    return 1;
}

/* One line of the journal: what, where, how long the file was, and the bytes that were there. The test reads it. */
struct note {
    uint64_t what; /* 'W' written, 'T' cut or stretched, 'S' synced, 'F' fsync failed */
    uint64_t at;   /* first byte that changes; of 'T': the new length */
    uint64_t n;    /* of 'W': bytes that are to be written */
    uint64_t size; /* length of the file before */
    uint64_t old;  /* bytes that follow: what was at `at` */
};

static int journal(const char *name, int flags) {
    const char *dir = getenv("NEXUS_DISK_JOURNAL");
    char path[4096];
    if (!dir || strlen(name) > strlen("nexus.db-wal")) return -1; /* what healing makes is not followed */
    snprintf(path, sizeof path, "%s/%s.journal", dir, name);
    return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
}

/* Notes it in one write, so that kill -9 leaves a whole note or a part at the end that the test passes over. */
static void note(const char *name, int fd, uint64_t what, uint64_t at, uint64_t n) {
    struct note head = {what, at, n, 0, 0};
    struct stat64 file;
    int out = journal(name, 0);
    char *all;
    if (out < 0) return;
    if (fstat64(fd, &file) != 0) abort();
    head.size = (uint64_t)file.st_size;
    if (what == 'T') n = head.size > at ? head.size - at : 0;
    if (what == 'W' || what == 'T') head.old = head.size > at ? (n < head.size - at ? n : head.size - at) : 0;
    all = malloc(sizeof head + head.old);
    if (!all) abort();
    memcpy(all, &head, sizeof head);
    if (syscall(SYS_pread64, fd, all + sizeof head, head.old, at) != (ssize_t)head.old) abort();
    if (kernel_write(out, all, sizeof head + head.old) != (ssize_t)(sizeof head + head.old)) abort();
    free(all);
    close(out);
}

/* Everything is durable: what was there before no longer matters, unless an fsync failed since. */
static void synced(const char *name, int fd) {
    struct note head;
    int out = journal(name, 0), failed = 0;
    if (out < 0) return;
    for (off64_t at = 0; syscall(SYS_pread64, out, &head, sizeof head, at) == sizeof head;
         at += (off64_t)(sizeof head + head.old))
        failed |= head.what == 'F';
    close(out);
    if (failed) note(name, fd, 'S', 0, 0);
    else close(journal(name, O_TRUNC));
}

/* `at` < 0: at the file's own position. */
static ssize_t put(int fd, const void *from, size_t n, off64_t at) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    int own = at < 0, torn;
    ssize_t done;
    if (!name || n == 0) return own ? kernel_write(fd, from, n) : syscall(SYS_pwrite64, fd, from, n, at);
    pthread_mutex_lock(&lock);
    if (own) at = lseek64(fd, 0, SEEK_CUR);
    torn = goes_wrong("torn-write", fd, at, n);
    if (goes_wrong("no-space", fd, at, n)) { errno = ENOSPC; done = -1; }
    else if (goes_wrong("write-fails", fd, at, n)) { errno = EIO; done = -1; }
    else {
        if (n > 1 && (torn || goes_wrong("short-write", fd, at, n))) n = 1 + draw() % (n - 1);
        note(name, fd, 'W', (uint64_t)at, n);
        done = own ? kernel_write(fd, from, n) : syscall(SYS_pwrite64, fd, from, n, at);
    }
    if (torn) raise(SIGKILL);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t write(int fd, const void *from, size_t n) { return put(fd, from, n, -1); }
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) { return put(fd, from, n, at); }
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { return put(fd, from, n, at); }

static ssize_t get(int fd, void *to, size_t n, off64_t at) {
    char path[4096];
    int own = at < 0, wrong = 0;
    if (getenv("NEXUS_DISK_FAULT") && name_of(fd, path, sizeof path)) {
        pthread_mutex_lock(&lock);
        wrong = goes_wrong("read-fails", fd, own ? lseek64(fd, 0, SEEK_CUR) : at, n);
        pthread_mutex_unlock(&lock);
    }
    if (wrong) { errno = EIO; return -1; }
    return own ? kernel_read(fd, to, n) : syscall(SYS_pread64, fd, to, n, at);
}
ssize_t read(int fd, void *to, size_t n) { return get(fd, to, n, -1); }
ssize_t pread64(int fd, void *to, size_t n, off64_t at) { return get(fd, to, n, at); }
ssize_t pread(int fd, void *to, size_t n, off_t at) { return get(fd, to, n, at); }

int ftruncate64(int fd, off64_t n) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    int done;
    if (!name) return kernel_ftruncate(fd, n);
    pthread_mutex_lock(&lock);
    note(name, fd, 'T', (uint64_t)n, 0);
    done = kernel_ftruncate(fd, n);
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }

int fsync(int fd) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    int wrong = 0;
    if (!name) return (int)syscall(SYS_fsync, fd);
    pthread_mutex_lock(&lock);
    if (goes_wrong("fsync-fails", fd, 0, 1)) {
        note(name, fd, 'F', 0, 0);
        wrong = 1;
    } else if (!goes_wrong("fsync-lies", fd, 0, 1)) {
        synced(name, fd);
    }
    pthread_mutex_unlock(&lock);
    if (wrong) errno = EIO;
    return wrong ? -1 : 0;
}
int fdatasync(int fd) { return fsync(fd); }

/* After a power cut the machine has another name for its run: the test says which. */
int open64(const char *path, int flags, ...) {
    const char *dir = getenv("NEXUS_DISK_JOURNAL");
    char boot[4096];
    mode_t mode;
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    snprintf(boot, sizeof boot, "%s/boot_id", dir ? dir : "");
    if (dir && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) path = boot;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* A file that is gone, or healed and synced, needs no journal. Names on the disk are not modelled: they are the file
 * system's own affair. */
static void forget(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (strncmp(name, "nexus.db", 8) != 0) return;
    pthread_mutex_lock(&lock);
    close(journal(name, O_TRUNC));
    pthread_mutex_unlock(&lock);
}
int unlink(const char *path) {
    forget(path);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int rename(const char *from, const char *to) {
    forget(from);
    forget(to);
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}
