/*
 * test_shm.c - sealed shared memory: nobody can change it, and nothing else
 * passes for it.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka_all.h"

#define PAGE ((size_t)4096)

static void test_round_trip(void **state)
{
    static const size_t lengths[] = {0,        1,           PAGE - 1, PAGE,
                                     PAGE + 1, 1024 * 1024, 3000001};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t length = lengths[i];
        char *data = malloc(length + 1), *copy;
        const char *text;
        const void *seen;
        int fd;

        for (size_t k = 0; k < length; k++)
            data[k] = (char)('a' + k % 23);
        fd = auvi_shm_create(data, length);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(auvi_shm_check(fd, length), AUV_OK);
        assert_int_equal(auvi_shm_check(fd, length + 1), AUV_ERR_PROTOCOL);

        seen = auvi_shm_map(fd, length);
        assert_non_null(seen);
        assert_memory_equal(seen, data, length);
        auvi_shm_unmap(seen, length);

        copy = malloc(length + 1);
        assert_int_equal(auvi_shm_read(fd, copy, length), AUV_OK);
        assert_memory_equal(copy, data, length);
        assert_true(auvi_shm_read(fd, copy, length + 1) < 0);
        free(copy);

        text = auvi_shm_map_text(fd, length);
        assert_non_null(text);
        assert_memory_equal(text, data, length);
        assert_int_equal(text[length], '\0');
        auvi_shm_unmap_text(text, length);

        auvi_fd_close(fd);
        free(data);
    }
    auvi_shm_unmap(NULL, 5);
    auvi_shm_unmap_text(NULL, 5);
}

static void test_cannot_be_changed(void **state)
{
    int fd = auvi_shm_create("immutable", 9);

    (void)state;
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_ptr_equal(
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
        MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
    auvi_fd_close(fd);
}

static int memfd_with_seals(int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345678", 8), 8);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_lookalikes_are_refused(void **state)
{
    static const int weak[] = {
        0,
        F_SEAL_SHRINK | F_SEAL_GROW,
        F_SEAL_SHRINK | F_SEAL_WRITE,
        F_SEAL_GROW | F_SEAL_WRITE,
        F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
        F_SEAL_SEAL,
    };
    char path[] = "/tmp/auv-test-XXXXXX";
    int ends[2];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        fd = memfd_with_seals(weak[i]);
        assert_int_equal(auvi_shm_check(fd, 8), AUV_ERR_PROTOCOL);
        close(fd);
    }
    fd = memfd_with_seals(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    assert_int_equal(auvi_shm_check(fd, 8), AUV_OK);
    assert_int_equal(auvi_shm_check(fd, 7), AUV_ERR_PROTOCOL);
    assert_int_equal(auvi_shm_check(fd, SIZE_MAX), AUV_ERR_PROTOCOL);
    close(fd);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(auvi_shm_check(ends[0], 0), AUV_ERR_PROTOCOL);
    close(ends[0]);
    close(ends[1]);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(auvi_shm_check(fd, 0), AUV_ERR_PROTOCOL);
    close(fd);
    assert_int_equal(auvi_shm_check(-1, 0), AUV_ERR_PROTOCOL);
}

/* A sender can leave bytes behind the end of the file, in its last page. */
static void test_hidden_tail_is_refused(void **state)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char *page;

    (void)state;
    assert_int_equal(ftruncate(fd, 10), 0);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    memset(page, 'x', PAGE);
    munmap(page, PAGE);
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    assert_int_equal(auvi_shm_check(fd, 10), AUV_OK);
    assert_null(auvi_shm_map_text(fd, 10));
    auvi_fd_close(fd);
}

static void test_bad_descriptor_maps_to_null(void **state)
{
    (void)state;
    assert_null(auvi_shm_map(-1, 10));
    assert_null(auvi_shm_map_text(-1, 10));
    assert_null(auvi_shm_map_text(-1, PAGE));
    assert_string_not_equal(auv_last_error_message(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cannot_be_changed),
        cmocka_unit_test(test_lookalikes_are_refused),
        cmocka_unit_test(test_hidden_tail_is_refused),
        cmocka_unit_test(test_bad_descriptor_maps_to_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
