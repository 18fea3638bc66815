/* Command lines made word by word, and a port for whom they start. */
#include "driver/sweep/free_port.h"
#include "driver/sweep/words.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void words_come_in_order(void **state)
{
    struct words words = {0};
    char **argv;

    (void)state;
    words_add(&words, "%s-%d", "client", 7);
    words_add_number(&words, "--port", 31300);
    words_add_text(&words, "--event-log", "a b/100%s");
    argv = words_argv(&words);
    assert_non_null(argv);
    assert_string_equal(argv[0], "client-7");
    assert_string_equal(argv[1], "--port");
    assert_string_equal(argv[2], "31300");
    assert_string_equal(argv[3], "--event-log");
    assert_string_equal(argv[4], "a b/100%s");
    assert_null(argv[5]);
    words_clear(&words);
    assert_int_equal(words.count, 0);
}

static void placeholders_are_filled_where_there_are_values(void **state)
{
    static const char *const more[] = {"--on", "{host}:{port}", NULL};
    const char *values[PLACEHOLDERS] = {[PLACEHOLDER_HOST] = "127.0.0.1",
                                        [PLACEHOLDER_PORT] = "50051",
                                        [PLACEHOLDER_CERT] = "",
                                        [PLACEHOLDER_KEY] = ""};
    struct words words = {0};

    (void)state;
    words_add_all(&words, more, values);
    words_add_all(&words, more, NULL);
    words_add_all(&words, NULL, NULL);
    assert_int_equal(words.count, 4);
    assert_string_equal(words_argv(&words)[1], "127.0.0.1:50051");
    assert_string_equal(words_argv(&words)[3], "{host}:{port}");
    words_clear(&words);
}

static void there_is_room_for_many(void **state)
{
    struct words words = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        words_add(&words, "%d", i);
    assert_int_equal(words.count, 1000);
    assert_string_equal(words_argv(&words)[999], "999");
    assert_null(words_argv(&words)[1000]);
    words_clear(&words);
}

static void a_command_after_another_has_nothing_of_it(void **state)
{
    struct words words = {0};

    (void)state;
    words_add(&words, "one");
    words_clear(&words);
    words_add(&words, "two");
    assert_string_equal(words_argv(&words)[0], "two");
    assert_null(words_argv(&words)[1]);
    words_clear(&words);
}

static void a_free_port_can_be_listened_on(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char error[256];
    bool listened = false;

    (void)state;
    /* Another process may take it in between, but not every time. */
    for (int tries = 0; tries < 20 && !listened; tries++) {
        int port = free_port(error, sizeof error), fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_in_range(port, 1024, 32767);
        address.sin_port = htons((uint16_t)port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listened = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
        close(fd);
    }
    assert_true(listened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_in_order),
        cmocka_unit_test(placeholders_are_filled_where_there_are_values),
        cmocka_unit_test(there_is_room_for_many),
        cmocka_unit_test(a_command_after_another_has_nothing_of_it),
        cmocka_unit_test(a_free_port_can_be_listened_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
