/* Preloaded into test processes: what they ask to be made durable is not, if its path has POWERCUT_NO_SYNC in it ("/":
 * everything). Each call that does nothing adds a byte to the file POWERCUT_TALLY. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int meant(const char *path)
{
    const char *part = getenv("POWERCUT_NO_SYNC");
    if (!part || !strstr(path, part))
        return 0;
    int tally = syscall(SYS_openat, AT_FDCWD, getenv("POWERCUT_TALLY"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    syscall(SYS_write, tally, ".", 1);
    syscall(SYS_close, tally);
    return 1;
}

static int meant_fd(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return meant(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return meant_fd(fd) ? 0 : REAL(fsync)(fd); }
int fdatasync(int fd) { return meant_fd(fd) ? 0 : REAL(fdatasync)(fd); }
int syncfs(int fd) { return meant_fd(fd) ? 0 : REAL(syncfs)(fd); }
int sync_file_range(int fd, off64_t offset, off64_t count, unsigned flags)
{
    return meant_fd(fd) ? 0 : REAL(sync_file_range)(fd, offset, count, flags);
}
void sync(void)
{
    if (!meant("/"))
        REAL(sync)();
}
int msync(void *start, size_t length, int flags) { return meant("/") ? 0 : REAL(msync)(start, length, flags); }

#define SYNCHRONOUS (O_SYNC | O_DSYNC)
#define OPENED(name, path, ...)                                                 \
    mode_t mode = 0;                                                            \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                      \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode = va_arg(rest, mode_t);                                            \
        va_end(rest);                                                           \
    }                                                                           \
    if ((flags & SYNCHRONOUS) && meant(path))                                   \
        flags &= ~SYNCHRONOUS;                                                  \
    return REAL(name)(__VA_ARGS__, flags, mode);

int open(const char *path, int flags, ...) { OPENED(open, path, path) }
int open64(const char *path, int flags, ...) { OPENED(open64, path, path) }
int openat(int at, const char *path, int flags, ...) { OPENED(openat, path, at, path) }
int openat64(int at, const char *path, int flags, ...) { OPENED(openat64, path, at, path) }

#define DURABLE (RWF_SYNC | RWF_DSYNC)
ssize_t pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
    if ((flags & DURABLE) && meant_fd(fd))
        flags &= ~DURABLE;
    return REAL(pwritev2)(fd, parts, n, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int n, off64_t offset, int flags)
{
    if ((flags & DURABLE) && meant_fd(fd))
        flags &= ~DURABLE;
    return REAL(pwritev64v2)(fd, parts, n, offset, flags);
}
