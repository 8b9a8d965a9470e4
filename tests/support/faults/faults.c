/* Preloaded into a test process: counts the calls by which it changes files below a directory, Python's and LMDB's
 * alike, and lets one of them fail, be cut short, or be the last. Nothing happens until `fault_arm`. The count is the
 * process's own, or, after `fault_share`, one with all that descend from it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, KILL, FAIL, SHORT, TORN };

struct faults {
    char root[PATH_MAX];
    size_t root_length;
    int mode, number, trace, only_syncs;
    long at, count, fired;
    char call[PATH_MAX + 64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct faults own = {.trace = -1};
static struct faults *now = &own;
static __thread const char *renamed_from = "";

/* Count together with all processes that are forked from now on. Gives 0 if that cannot be. */
int fault_share(void)
{
    void *shared = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 0;
    now = shared;
    now->trace = -1;
    return 1;
}

/* Count calls below `directory` from now on; at the `k`th (from 1) do what `what` says, with `error` if it fails.
 * Each call is a line of the file with descriptor `log`, unless that is -1. */
void fault_arm(const char *directory, long k, int what, int error, int log, int syncs)
{
    now->root_length = 0;
    strncpy(now->root, directory, sizeof now->root - 1);
    now->at = k; now->mode = what; now->number = error; now->trace = log; now->only_syncs = syncs;
    now->count = now->fired = 0;
    now->call[0] = 0;
    __atomic_store_n(&now->root_length, strlen(directory), __ATOMIC_SEQ_CST);
}

void fault_disarm(void) { now->root_length = 0; }
long fault_count(void) { return now->count; }
long fault_fired(void) { return now->fired; }
/* The process, the call and the path at which it fired. */
const char *fault_call(void) { return now->call; }

static int below(const char *path)
{
    size_t length = now->root_length;
    return length && !strncmp(path, now->root, length) && (path[length] == '/' || !path[length]);
}

static const char *path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

/* The path of a name in a directory that is open, as calls with `at` take both. */
static const char *path_at(int directory, const char *name, char *path)
{
    if (*name == '/' || directory == AT_FDCWD)
        return name;
    path_of(directory, path);
    size_t length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "/%s", name);
    return path;
}

static void note(long which, const char *call, const char *path)
{
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    snprintf(now->call, sizeof now->call, "%ld %s %s of %s", which, call, path + now->root_length, name);
}

/* Whether the call is the one; a KILL does not come back from here. */
static int due(const char *call, const char *path, int sync)
{
    if (!now->root_length || !below(path) || (now->only_syncs && !sync))
        return OFF;
    pthread_mutex_lock(&lock);
    long which = __atomic_add_fetch(&now->count, 1, __ATOMIC_SEQ_CST);
    if (now->trace >= 0) {
        char line[2 * PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%ld %s %s%s%s\n", which, call, path + now->root_length,
                              *renamed_from ? " <- " : "", renamed_from);
        syscall(SYS_write, now->trace, line, length);
    }
    int what = which == now->at ? now->mode : OFF;
    if (what != OFF) {
        note(which, call, path);
        now->fired = which;
    }
    pthread_mutex_unlock(&lock);
    if (what == KILL || (what == TORN && (sync || strstr(call, "rename"))))
        syscall(SYS_kill, getpid(), SIGKILL);
    return what;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define DIE() syscall(SYS_kill, getpid(), SIGKILL)

#define WRITE(name, fd, part, whole)                                            \
    char path[PATH_MAX];                                                        \
    switch (now->root_length ? due(#name, path_of(fd, path), 0) : OFF) {             \
    case FAIL: errno = now->number; return -1;                                       \
    case SHORT: return part;                                                    \
    case TORN: part; DIE();                                                     \
    }                                                                           \
    return whole;

ssize_t write(int fd, const void *data, size_t size)
{
    WRITE(write, fd, REAL(write)(fd, data, size > 1 ? size / 2 : size), REAL(write)(fd, data, size))
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    WRITE(pwrite, fd, REAL(pwrite)(fd, data, size > 1 ? size / 2 : size, offset), REAL(pwrite)(fd, data, size, offset))
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    WRITE(pwrite64, fd, REAL(pwrite64)(fd, data, size > 1 ? size / 2 : size, offset),
          REAL(pwrite64)(fd, data, size, offset))
}
static ssize_t half(int fd, const struct iovec *parts, off_t offset)
{
    size_t size = parts[0].iov_len > 1 ? parts[0].iov_len / 2 : parts[0].iov_len;
    return offset < 0 ? REAL(write)(fd, parts[0].iov_base, size) : REAL(pwrite)(fd, parts[0].iov_base, size, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int n)
{
    WRITE(writev, fd, half(fd, parts, -1), REAL(writev)(fd, parts, n))
}
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
    WRITE(pwritev, fd, half(fd, parts, offset), REAL(pwritev)(fd, parts, n, offset))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t offset)
{
    WRITE(pwritev64, fd, half(fd, parts, offset), REAL(pwritev64)(fd, parts, n, offset))
}
ssize_t pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
    WRITE(pwritev2, fd, half(fd, parts, offset), REAL(pwritev2)(fd, parts, n, offset, flags))
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int n, off64_t offset, int flags)
{
    WRITE(pwritev64v2, fd, half(fd, parts, offset), REAL(pwritev64v2)(fd, parts, n, offset, flags))
}

/* What the trace says of a rename: where from, below the directory. */
static int note_source(const char *from)
{
    renamed_from = below(from) ? from + now->root_length : "";
    return 1;
}

#define OTHER(name, path, sync, whole)                                          \
    if (now->root_length && due(#name, path, sync) == FAIL) {                        \
        errno = now->number;                                                         \
        return -1;                                                              \
    }                                                                           \
    return whole;

int fsync(int fd) { char path[PATH_MAX]; OTHER(fsync, path_of(fd, path), 1, REAL(fsync)(fd)) }
int fdatasync(int fd) { char path[PATH_MAX]; OTHER(fdatasync, path_of(fd, path), 1, REAL(fdatasync)(fd)) }
int ftruncate(int fd, off_t size)
{
    char path[PATH_MAX];
    OTHER(ftruncate, path_of(fd, path), 0, REAL(ftruncate)(fd, size))
}
int ftruncate64(int fd, off64_t size)
{
    char path[PATH_MAX];
    OTHER(ftruncate64, path_of(fd, path), 0, REAL(ftruncate64)(fd, size))
}
int rename(const char *from, const char *to)
{
    int what = now->root_length && note_source(from) ? due("rename", to, 0) : OFF;
    renamed_from = ""; /* the caller's memory: it may be gone at the next call */
    if (what == FAIL) {
        errno = now->number;
        return -1;
    }
    return REAL(rename)(from, to);
}
int renameat(int a, const char *from, int b, const char *to)
{
    char source[PATH_MAX], target[PATH_MAX];
    int what = now->root_length && note_source(path_at(a, from, source)) ? due("rename", path_at(b, to, target), 0) : OFF;
    renamed_from = "";
    if (what == FAIL) {
        errno = now->number;
        return -1;
    }
    return REAL(renameat)(a, from, b, to);
}
int mkdir(const char *path, mode_t bits) { OTHER(mkdir, path, 0, REAL(mkdir)(path, bits)) }
int mkdirat(int at, const char *name, mode_t bits)
{
    char path[PATH_MAX];
    OTHER(mkdir, path_at(at, name, path), 0, REAL(mkdirat)(at, name, bits))
}
int unlink(const char *path) { OTHER(unlink, path, 0, REAL(unlink)(path)) }
int unlinkat(int at, const char *name, int flags)
{
    char path[PATH_MAX];
    OTHER(unlink, path_at(at, name, path), 0, REAL(unlinkat)(at, name, flags))
}
int fallocate(int fd, int flags, off_t offset, off_t size)
{
    char path[PATH_MAX];
    OTHER(fallocate, path_of(fd, path), 0, REAL(fallocate)(fd, flags, offset, size))
}
int fallocate64(int fd, int flags, off64_t offset, off64_t size)
{
    char path[PATH_MAX];
    OTHER(fallocate64, path_of(fd, path), 0, REAL(fallocate64)(fd, flags, offset, size))
}
int posix_fallocate(int fd, off_t offset, off_t size)
{
    char path[PATH_MAX];
    if (now->root_length && due("posix_fallocate", path_of(fd, path), 0) == FAIL)
        return now->number;
    return REAL(posix_fallocate)(fd, offset, size);
}
int posix_fallocate64(int fd, off64_t offset, off64_t size)
{
    char path[PATH_MAX];
    if (now->root_length && due("posix_fallocate64", path_of(fd, path), 0) == FAIL)
        return now->number;
    return REAL(posix_fallocate64)(fd, offset, size);
}
