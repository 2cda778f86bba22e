/* Stands before libc in a host under drill: disks that fail and clocks that jump, at a word from outside.
 *
 * The word is a file of numbers named by HEARTH_FAULTS, shared with those who drill; see faults.rs for its places. It
 * touches nothing but regular files, and knows nothing of Hearth. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK, FAULT, COUNTDOWN, DONE, SYNCS, WRITES, PLACES = 64 };
enum { NONE, SYNC_EIO, SYNC_ENOSPC, WRITE_EIO, WRITE_ENOSPC, WRITE_SHORT, SYNC_LIES, NO_SYNC, DIES, DIES_MIDWAY };

/* Whether the write under way is the last thing that this process does. */
static __thread int midway;

static volatile int64_t *place(void) {
    static volatile int64_t *places;
    static volatile int tried;
    if (places || tried) return places;
    const char *path = getenv("HEARTH_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        void *found = mmap(0, PLACES * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (found != MAP_FAILED) places = found;
        syscall(SYS_close, fd);
    }
    tried = 1;
    return places;
}

/* Whether this is the operation that the word is about: counted down to zero, then once. */
static int64_t due(int64_t first, int64_t last) {
    volatile int64_t *at = place();
    if (!at) return NONE;
    int64_t fault = at[FAULT];
    if (fault < first || fault > last) return NONE;
    if (fault == NO_SYNC) return fault;
    if (__sync_sub_and_fetch(&at[COUNTDOWN], 1) != 0) return NONE;
    __sync_add_and_fetch(&at[DONE], 1);
    return fault;
}

/* As if somebody had said kill -9. */
static void die(void) {
    for (;;) kill(getpid(), SIGKILL);
}

static int synced(int number, int fd) {
    volatile int64_t *at = place();
    if (at) __sync_add_and_fetch(&at[SYNCS], 1);
    int64_t fault = due(SYNC_EIO, SYNC_ENOSPC);
    if (due(DIES, DIES) != NONE) die();
    if (fault == NONE) fault = due(SYNC_LIES, NO_SYNC);
    if (fault == SYNC_EIO) { errno = EIO; return -1; }
    if (fault == SYNC_ENOSPC) { errno = ENOSPC; return -1; }
    if (fault == SYNC_LIES || fault == NO_SYNC) return 0;
    return (int)syscall(number, fd);
}

int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

/* What a write comes to: its length to write, or less, or -1 with errno set. Standard streams are left alone. */
static ssize_t allowed(int fd, size_t length) {
    struct stat about;
    if (fd <= 2 || !place() || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return (ssize_t)length;
    __sync_add_and_fetch(&place()[WRITES], 1);
    switch (due(WRITE_EIO, WRITE_SHORT)) {
    case WRITE_EIO: errno = EIO; return -1;
    case WRITE_ENOSPC: errno = ENOSPC; return -1;
    /* Half of it, and the rest finds no space. */
    case WRITE_SHORT:
        place()[FAULT] = WRITE_ENOSPC;
        place()[COUNTDOWN] = 1;
        return (ssize_t)(length > 1 ? length / 2 : length);
    default: break;
    }
    switch (due(DIES, DIES_MIDWAY)) {
    case DIES: die();
    case DIES_MIDWAY: midway = 1; return (ssize_t)(length > 1 ? length / 2 : length);
    default: return (ssize_t)length;
    }
}

static ssize_t written(ssize_t done) {
    if (midway) die();
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    ssize_t most = allowed(fd, length);
    return most < 0 ? -1 : written(syscall(SYS_write, fd, bytes, (size_t)most));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    ssize_t most = allowed(fd, length);
    return most < 0 ? -1 : written(syscall(SYS_pwrite64, fd, bytes, (size_t)most, at));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, clock, now);
    if (done == 0 && place() && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += place()[CLOCK];
    return done;
}

int gettimeofday(struct timeval *now, void *zone) {
    int done = (int)syscall(SYS_gettimeofday, now, zone);
    if (done == 0 && place()) now->tv_sec += place()[CLOCK];
    return done;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
