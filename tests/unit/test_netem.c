/* Namespaces joined by a veth pair, and the commands that make them; skipped where that is not
 * permitted. */
#include "common/base/clock.h"
#include "driver/netem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS NS_PER_MS

static void assert_command(const struct netem_settings *settings, unsigned k, const char *expected)
{
    const pid_t holders[] = {11, 22};
    struct netem_command command;
    char text[1024] = "";

    assert_true(netem_command(settings, holders, k, &command));
    for (size_t i = 0; command.words[i][0] != '\0'; i++) {
        strcat(text, i == 0 ? "" : " ");
        strcat(text, command.words[i]);
    }
    assert_string_equal(text, expected);
}

static void commands_are_what_ip_and_tc_ask_for(void **state)
{
    const struct netem_settings all = {100 * MS, 5 * MS, 1000000, false},
                                least = {.rtt_ns = 3 * MS};
    const struct netem_settings plain = {.plain = true};
    const pid_t holders[] = {11, 22};
    struct netem_command command;

    (void)state;
    assert_command(&all, 0, "nsenter -t 11 -n ip link add fl0 type veth peer name fl1 netns 22");
    assert_command(&all, 1, "nsenter -t 11 -n ip address add 10.78.0.1/30 dev fl0");
    assert_command(&all, 2, "nsenter -t 22 -n ip address add 10.78.0.2/30 dev fl1");
    assert_command(&all, 3, "nsenter -t 11 -n ip link set lo up");
    assert_command(&all, 6, "nsenter -t 22 -n ip link set fl1 up");
    assert_command(&all, 7,
                   "nsenter -t 11 -n tc qdisc add dev fl0 root netem delay 50000us 5000us rate "
                   "8000000bit limit 100000");
    assert_command(&least, 8,
                   "nsenter -t 22 -n tc qdisc add dev fl1 root netem delay 1500us limit 100000");
    assert_false(netem_command(&all, holders, 9, &command));
    assert_false(netem_command(&plain, holders, 7, &command));
}

/* ---- for real ---- */

static char log_path[32];
static struct guardian *guardian;

static int set_up(void **state)
{
    char error[256];
    int fd;

    (void)state;
    snprintf(log_path, sizeof log_path, "/tmp/test_netem.XXXXXX");
    fd = mkstemp(log_path);
    if (fd < 0)
        return -1;
    close(fd);
    guardian = guardian_new(NULL, error, sizeof error);
    return guardian == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    guardian_free(guardian);
    unlink(log_path);
    return 0;
}

static int socket_at(const struct netem *n, enum netem_side side)
{
    int fd = netem_socket(n, side);

    assert_true(fd >= 0);
    return fd;
}

/* How long a TCP handshake from the near to the far side takes, ns. */
static uint64_t connect_across(const struct netem *n)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int listener = socket_at(n, NETEM_FAR), fd = socket_at(n, NETEM_NEAR);
    uint64_t begun;

    inet_pton(AF_INET, NETEM_ADDRESS_FAR, &address.sin_addr);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    begun = clock_now_ns();
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    begun = clock_now_ns() - begun;
    close(fd);
    close(listener);
    return begun;
}

static void skip_without_namespaces(const char *error)
{
    print_message("# %s\n", error);
    if (geteuid() != 0 || strstr(error, "no network namespace") != NULL ||
        strstr(error, "there is no") != NULL)
        skip();
}

static void two_namespaces_are_joined(void **state)
{
    const struct netem_settings settings = {.plain = true};
    char error[1024] = "";
    struct netem *n = netem_new(&settings, guardian, log_path, error, sizeof error);
    pid_t holder;

    (void)state;
    if (n == NULL)
        skip_without_namespaces(error);
    assert_string_equal(error, "");
    (void)connect_across(n);
    holder = (pid_t)strtol(netem_prefix(n, NETEM_FAR)[2], NULL, 10);
    assert_int_equal(kill(holder, 0), 0);
    netem_free(n);
    assert_int_equal(kill(holder, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* Where the kernel has it the way is as long as was asked for; where not, one line says so. */
static void the_kernel_delays_or_it_is_said_that_it_cannot(void **state)
{
    const struct netem_settings settings = {.rtt_ns = 40 * MS};
    char error[1024] = "";
    struct netem *n = netem_new(&settings, guardian, log_path, error, sizeof error);

    (void)state;
    if (n != NULL) {
        assert_true(connect_across(n) >= 40 * MS);
        netem_free(n);
        return;
    }
    skip_without_namespaces(error);
    assert_non_null(strstr(error, "netem cannot be used here: 'nsenter -t "));
    assert_non_null(strstr(error, "tc qdisc add dev fl0 root netem delay 20000us limit 100000': "));
    assert_null(strchr(error, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_what_ip_and_tc_ask_for),
        cmocka_unit_test_setup_teardown(two_namespaces_are_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_kernel_delays_or_it_is_said_that_it_cannot, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("netem", tests, NULL, NULL);
}
