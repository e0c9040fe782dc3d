/* test_stream.c - streams whose end says whether they are whole. */
#include "base/stream.h"

#include "base/base.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_finished_stream_is_whole(void **state)
{
    int writer, reader;
    char text[16];

    (void)state;
    assert_int_equal(auvi_stream_pair(&writer, &reader), AUV_OK);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)), 0);
    assert_int_equal(auvi_stream_write(writer, "hello", 5), 5);
    auvi_stream_finish(writer);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)), 5);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)),
                     AUV_ERR_CLOSED);
    close(reader);
}

static void a_closed_one_is_cut_off_behind_its_last_byte(void **state)
{
    int writer, reader;
    char text[16];

    (void)state;
    assert_int_equal(auvi_stream_pair(&writer, &reader), AUV_OK);
    assert_int_equal(auvi_stream_write(writer, "hello", 5), 5);
    close(writer);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)), 5);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)),
                     AUV_ERR_CANCELLED);
    close(reader);
}

static void so_is_one_whose_writer_was_killed(void **state)
{
    int writer, reader, status;
    char text[16];
    pid_t child;

    (void)state;
    assert_int_equal(auvi_stream_pair(&writer, &reader), AUV_OK);
    child = fork();
    if (child == 0) {
        close(reader);
        auvi_stream_write(writer, "hello", 5);
        raise(SIGKILL);
    }
    close(writer);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)), 5);
    assert_int_equal(auvi_stream_read(reader, text, sizeof(text)),
                     AUV_ERR_CANCELLED);
    close(reader);
}

static void a_full_one_takes_nothing_and_a_left_one_says_so(void **state)
{
    static char block[65536];
    int writer, reader, taken, total = 0;

    (void)state;
    assert_int_equal(auvi_stream_pair(&writer, &reader), AUV_OK);
    while ((taken = auvi_stream_write(writer, block, sizeof(block))) > 0)
        total += taken;
    assert_int_equal(taken, 0);
    assert_true(total > 0 && total < 4 << 20);
    assert_false(auvi_stream_is_left(writer));
    close(reader);
    assert_true(auvi_stream_is_left(writer));
    assert_int_equal(auvi_stream_write(writer, "x", 1), AUV_ERR_CANCELLED);
    close(writer);
}

static void descriptors_are_told_apart(void **state)
{
    int pipes[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int file = auvi_shm_create("0123456789", 10);
    char text[4];
    uint64_t size;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(auvi_file_kind(pipes[0], &size), AUVI_FILE_STREAM);
    assert_int_equal(auvi_file_kind(null, &size), AUVI_FILE_NONE);
    assert_int_equal(auvi_file_kind(-1, &size), AUVI_FILE_NONE);
    assert_int_equal(auvi_file_kind(file, &size), AUVI_FILE_REGULAR);
    assert_int_equal(size, 10);
    assert_int_equal(auvi_file_read_at(file, text, 4, 8), 2);
    assert_memory_equal(text, "89", 2);
    assert_int_equal(auvi_file_read_at(file, text, 4, 10), 0);
    close(pipes[0]);
    close(pipes[1]);
    close(null);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_stream_is_whole),
        cmocka_unit_test(a_closed_one_is_cut_off_behind_its_last_byte),
        cmocka_unit_test(so_is_one_whose_writer_was_killed),
        cmocka_unit_test(a_full_one_takes_nothing_and_a_left_one_says_so),
        cmocka_unit_test(descriptors_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
