/*
 * shm_linux.c - sealed, immutable shared memory, as memfds.
 *
 * The seals are what lets the receiver trust a file that a hostile page made:
 * without F_SEAL_SHRINK a reader could get SIGBUS, without F_SEAL_WRITE it
 * could see the bytes change between check and use.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUIRED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Linux 6.3; the C library of the build machine may be older. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* What an empty file maps to: mmap() refuses a length of 0. */
static const char empty[1];

int auvi_shm_file(void)
{
    /* Kernels before 6.3 refuse the flag with EINVAL: ask once only. */
    static _Atomic unsigned noexec = MFD_NOEXEC_SEAL;
    unsigned flags = atomic_load_explicit(&noexec, memory_order_relaxed);
    int fd;

    fd = memfd_create("auroraview", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
    if (fd < 0 && errno == EINVAL && flags != 0) {
        atomic_store_explicit(&noexec, 0, memory_order_relaxed);
        fd = memfd_create("auroraview", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd;
}

int auvi_shm_create(const void *data, size_t length)
{
    const char *next = data;
    size_t left = length;
    int fd = auvi_shm_file();

    if (fd < 0)
        return auvi_fail_errno("cannot create shared memory");
    /* write(), not mmap(): the kernel refuses F_SEAL_WRITE while a writable
     * mapping exists, and a mapping would cost a page fault for each page. */
    while (left > 0) {
        ssize_t written = write(fd, next, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            int error;

            /* Memory files report a full memory limit as a full disk. */
            if (written == 0 || errno == ENOSPC)
                errno = ENOMEM;
            error = auvi_fail_errno("cannot fill shared memory");
            auvi_fd_close(fd);
            return error;
        }
        next += written;
        left -= (size_t)written;
    }
    if (fcntl(fd, F_ADD_SEALS, REQUIRED_SEALS | F_SEAL_SEAL) < 0) {
        int error = auvi_fail_errno("cannot seal shared memory");

        auvi_fd_close(fd);
        return error;
    }
    return fd;
}

int auvi_shm_check(int fd, size_t length)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat info;

    /* Anything but a memory file (pipe, disk file, socket) fails here. */
    if (seals < 0)
        return auvi_fail(AUV_ERR_PROTOCOL, "not a shared-memory file");
    if ((seals & REQUIRED_SEALS) != REQUIRED_SEALS)
        return auvi_fail(AUV_ERR_PROTOCOL, "shared memory is not sealed");
    /* Only after the seals are known to be there is the length final. */
    if (fstat(fd, &info) < 0 || info.st_size < 0 ||
        (uint64_t)info.st_size != length)
        return auvi_fail(AUV_ERR_PROTOCOL, "shared memory of wrong length");
    return AUV_OK;
}

const void *auvi_shm_map(int fd, size_t length)
{
    void *data;

    if (length == 0)
        return empty;
    /* No MAP_POPULATE: a hostile sender can seal a huge file that it has never
     * written, whose pages would all be made here and now. For files of 1 MiB
     * it would be no faster either. */
    data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        auvi_fail_errno("cannot map shared memory");
        return NULL;
    }
    return data;
}

int auvi_shm_read(int fd, void *to, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t got = pread(fd, (char *)to + done, length - done, (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            return auvi_fail(AUV_ERR_PROTOCOL, "shared memory of wrong length");
        if (got < 0)
            return auvi_fail_errno("cannot read shared memory");
        done += (size_t)got;
    }
    return AUV_OK;
}

void auvi_shm_unmap(const void *data, size_t length)
{
    if (data != NULL && length > 0)
        munmap((void *)(uintptr_t)data, length);
}

const char *auvi_shm_map_text(int fd, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *text;

    if (length == 0)
        return empty;
    if (length % page != 0) {
        text = (char *)(uintptr_t)auvi_shm_map(fd, length);
        /* The rest of the last page is 0 unless the sender wrote to it through
         * a mapping before it sealed the file; it cannot change any more. */
        if (text != NULL && text[length] != '\0') {
            auvi_shm_unmap(text, length);
            auvi_fail(AUV_ERR_PROTOCOL, "shared text goes on after its end");
            return NULL;
        }
        return text;
    }
    /* The text fills its pages: lay it over the front of an area that is one
     * page of zeros longer. */
    text = mmap(NULL, length + page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0);
    if (text == MAP_FAILED) {
        auvi_fail_errno("cannot map shared memory");
        return NULL;
    }
    if (mmap(text, length, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
        MAP_FAILED) {
        auvi_fail_errno("cannot map shared memory");
        munmap(text, length + page);
        return NULL;
    }
    return text;
}

void auvi_shm_unmap_text(const char *text, size_t length)
{
    /* length + 1 rounds up to what was mapped, in both cases above. */
    if (text != NULL && length > 0)
        munmap((void *)(uintptr_t)text, length + 1);
}
