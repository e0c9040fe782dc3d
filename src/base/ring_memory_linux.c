/*
 * ring_memory_linux.c - memory that two processes write to, as a sealed memfd.
 *
 *     file      [ control page ][ ring A ][ ring B ]
 *     mapping   [ control page ][ ring A ][ ring A ][ ring B ][ ring B ]
 *
 * Each ring is mapped twice in a row, so that a record which goes over the
 * ring's end is one piece of memory all the same. No page is made before it is
 * used, and the second mapping of a page makes none.
 *
 * The seals keep the size: a peer that could shrink the file could send us
 * SIGBUS. It can punch holes; those read as zeros, which is no record.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define CONTROL AUVI_RING_CONTROL

static size_t file_size(size_t ring)
{
    return CONTROL + 2 * ring;
}

static size_t mapped_size(size_t ring)
{
    return CONTROL + 4 * ring;
}

int auvi_ring_memory_create(size_t ring)
{
    int fd = auvi_shm_file();
    int error;

    if (fd < 0)
        return auvi_fail_errno("cannot create memory for a ring");
    if (ftruncate(fd, (off_t)file_size(ring)) == 0 &&
        fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    error = auvi_fail_errno("cannot set up memory for a ring");
    auvi_fd_close(fd);
    return error;
}

int auvi_ring_memory_check(int fd, size_t ring)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat info;

    if (seals < 0)
        return auvi_fail(AUV_ERR_PROTOCOL, "not a shared-memory file");
    if ((seals & SEALS) != SEALS)
        return auvi_fail(AUV_ERR_PROTOCOL, "memory for a ring is not sealed");
    /* Writing must be allowed, or the first store would be our end. */
    if (seals & F_SEAL_WRITE)
        return auvi_fail(AUV_ERR_PROTOCOL, "memory for a ring is read-only");
    /* Only after the seals are known to be there is the length final. */
    if (fstat(fd, &info) < 0 || info.st_size < 0 ||
        (uint64_t)info.st_size != file_size(ring))
        return auvi_fail(AUV_ERR_PROTOCOL, "memory for a ring of wrong length");
    return AUV_OK;
}

static bool map_at(char *at, size_t length, int fd, size_t offset)
{
    return mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                (off_t)offset) != MAP_FAILED;
}

void *auvi_ring_memory_map(int fd, size_t ring)
{
    char *base = mmap(NULL, mapped_size(ring), PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int saved;

    if (base == MAP_FAILED) {
        auvi_fail_errno("cannot map a ring");
        return NULL;
    }
    if (map_at(base, CONTROL + ring, fd, 0) &&
        map_at(base + CONTROL + ring, ring, fd, CONTROL) &&
        map_at(base + CONTROL + 2 * ring, ring, fd, CONTROL + ring) &&
        map_at(base + CONTROL + 3 * ring, ring, fd, CONTROL + ring)) {
        /* A host forks now and then: its children have no part in this. */
        madvise(base, mapped_size(ring), MADV_DONTFORK);
        return base;
    }
    saved = errno;
    munmap(base, mapped_size(ring));
    errno = saved;
    auvi_fail_errno("cannot map a ring");
    return NULL;
}

void auvi_ring_memory_unmap(void *base, size_t ring)
{
    if (base != NULL)
        munmap(base, mapped_size(ring));
}
