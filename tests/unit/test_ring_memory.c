/*
 * test_ring_memory.c - memory for rings is mapped as promised, and only a file
 * that cannot shrink under its reader is taken.
 */
#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

#define RING AUVI_RING_CONTROL

static void test_each_ring_lies_twice_in_a_row(void **state)
{
    int before = count_descriptors();
    int fd = auvi_ring_memory_create(RING);
    char *a = auvi_ring_memory_map(fd, RING);
    char *b = auvi_ring_memory_map(fd, RING);
    char *ring_a = a + AUVI_RING_CONTROL, *ring_b = ring_a + 2 * RING;

    (void)state;
    assert_int_equal(auvi_ring_memory_check(fd, RING), AUV_OK);
    auvi_fd_close(fd); /* the mappings stay */
    assert_non_null(a);
    assert_non_null(b);
    strcpy(a, "control");
    strcpy(ring_a + RING - 3, "over the end");
    strcpy(ring_b, "other");
    assert_memory_equal(ring_a, "r the end", 10);
    assert_string_equal(ring_b + RING, "other");
    assert_memory_equal(b, a, AUVI_RING_CONTROL + RING);
    assert_string_equal(b + AUVI_RING_CONTROL + 2 * RING, "other");
    auvi_ring_memory_unmap(a, RING);
    auvi_ring_memory_unmap(b, RING);
    auvi_ring_memory_unmap(NULL, RING);
    assert_int_equal(count_descriptors(), before);
}

static int make_file(size_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_only_sealed_files_of_that_size(void **state)
{
    static const size_t size = AUVI_RING_CONTROL + 2 * RING;
    static const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const struct {
        size_t size;
        int seals;
        int wanted;
    } cases[] = {
        {size, all, AUV_OK},
        {size, 0, AUV_ERR_PROTOCOL},
        {size, F_SEAL_SHRINK | F_SEAL_GROW, AUV_ERR_PROTOCOL},
        {size, F_SEAL_SHRINK | F_SEAL_SEAL, AUV_ERR_PROTOCOL},
        {size, F_SEAL_GROW | F_SEAL_SEAL, AUV_ERR_PROTOCOL},
        {size, all | F_SEAL_WRITE, AUV_ERR_PROTOCOL},
        {size - 1, all, AUV_ERR_PROTOCOL},
        {size + 1, all, AUV_ERR_PROTOCOL},
        {0, all, AUV_ERR_PROTOCOL},
    };
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = make_file(cases[i].size, cases[i].seals);

        assert_int_equal(auvi_ring_memory_check(fd, RING), cases[i].wanted);
        auvi_fd_close(fd);
    }
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(auvi_ring_memory_check(ends[0], RING), AUV_ERR_PROTOCOL);
    assert_int_equal(auvi_ring_memory_check(-1, RING), AUV_ERR_PROTOCOL);
    close(ends[0]);
    close(ends[1]);
}

static void test_the_size_is_for_good(void **state)
{
    int fd = auvi_ring_memory_create(RING);

    (void)state;
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1 << 30), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    auvi_fd_close(fd);
}

/* Holes are the one thing that a peer can still make: they read as zeros. */
static void test_a_hole_reads_as_zeros(void **state)
{
    int fd = auvi_ring_memory_create(RING);
    char *base = auvi_ring_memory_map(fd, RING);

    (void)state;
    memset(base, 'x', AUVI_RING_CONTROL + RING);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               0, AUVI_RING_CONTROL),
                     0);
    assert_int_equal(base[100], 0);
    assert_int_equal(base[AUVI_RING_CONTROL], 'x');
    auvi_ring_memory_unmap(base, RING);
    auvi_fd_close(fd);
}

/* A host forks; the child's stray write must not reach the page. */
static void test_children_do_not_share_it(void **state)
{
    int fd = auvi_ring_memory_create(RING);
    char *base = auvi_ring_memory_map(fd, RING);
    int status;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        unsigned char resident;

        /* ENOMEM: nothing is mapped there. */
        _exit(mincore(base, 1, &resident) == 0 ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    auvi_ring_memory_unmap(base, RING);
    auvi_fd_close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_ring_lies_twice_in_a_row),
        cmocka_unit_test(test_only_sealed_files_of_that_size),
        cmocka_unit_test(test_the_size_is_for_good),
        cmocka_unit_test(test_a_hole_reads_as_zeros),
        cmocka_unit_test(test_children_do_not_share_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
