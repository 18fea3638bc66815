/* A way that is measured is called right only if it is: servers that answer after a known time. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/distance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WANTED_MS 40
#define WRONG_MS 80 /* far beyond the tolerance, also the other way round */

/* Ends each connection so long after its first bytes: what a TLS server may do with what is none.
 */
struct server {
    int listener, port;
    uint64_t after_ms;
    pthread_t thread;
};

static void *serve(void *arg)
{
    const struct server *server = arg;
    const struct timespec after = {.tv_nsec = (long)(server->after_ms * NS_PER_MS)};
    char bytes[64];
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        if (recv(fd, bytes, sizeof bytes, 0) > 0)
            nanosleep(&after, NULL);
        close(fd);
    }
    return NULL;
}

static void open_server(struct server *server, uint64_t after_ms)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;

    server->after_ms = after_ms;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void close_server(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

/* The way to the broker itself takes no time. */
static json_t *measure(uint64_t latency_ms, uint64_t author_ms, uint64_t subscriber_ms)
{
    struct server servers[3];
    struct distance distance = {.latency_ms = latency_ms, .tls = true, .name = "run1"};
    char error[256] = "";
    json_t *found;

    open_server(&servers[0], 0);
    open_server(&servers[1], author_ms);
    open_server(&servers[2], subscriber_ms);
    distance.broker_port = servers[0].port;
    distance.author_port = latency_ms == 0 ? servers[0].port : servers[1].port;
    distance.subscriber_port = latency_ms == 0 ? servers[0].port : servers[2].port;
    found = distance_measure(&distance, error, sizeof error);
    for (int i = 0; i < 3; i++)
        close_server(&servers[i]);
    assert_string_equal(error, "");
    assert_non_null(found);
    return found;
}

static double measured(const json_t *latency, const char *way)
{
    return json_number_value(json_object_get(json_object_get(latency, "measured_ms"), way));
}

/* A loaded machine makes a way longer, never shorter: a right one is tried a few times. */
static void right_ones_are_verified(void **state)
{
    bool verified = false;

    (void)state;
    for (int i = 0; i < 20 && !verified; i++) {
        json_t *latency = measure(WANTED_MS, WANTED_MS, WANTED_MS);

        assert_string_equal(json_string_value(json_object_get(latency, "means")), "delay line");
        assert_int_equal(json_integer_value(json_object_get(latency, "wanted_ms")), WANTED_MS);
        verified = json_is_true(json_object_get(latency, "verified"));
        json_decref(latency);
    }
    assert_true(verified);
}

static void a_longer_one_is_not(void **state)
{
    json_t *latency = measure(WANTED_MS, WANTED_MS, WRONG_MS);

    (void)state;
    assert_true(json_is_false(json_object_get(latency, "verified")));
    assert_true(measured(latency, "added_subscriber") > WANTED_MS * 1.05 + 1);
    json_decref(latency);
}

static void a_shorter_one_is_not(void **state)
{
    bool refused = false;

    (void)state;
    /* On a loaded machine a short way may for once be as long as it should be. */
    for (int i = 0; i < 20 && !refused; i++) {
        json_t *latency = measure(WRONG_MS, WANTED_MS, WRONG_MS);

        refused = json_is_false(json_object_get(latency, "verified")) &&
                  measured(latency, "added_author") < WRONG_MS;
        json_decref(latency);
    }
    assert_true(refused);
}

static void without_latency_there_is_none(void **state)
{
    json_t *latency = measure(0, 0, 0);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(latency, "means")), "none");
    assert_true(measured(latency, "added_author") == 0);
    assert_true(measured(latency, "direct") > 0);
    assert_true(json_is_true(json_object_get(latency, "verified")));
    json_decref(latency);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_ones_are_verified),
        cmocka_unit_test(a_longer_one_is_not),
        cmocka_unit_test(a_shorter_one_is_not),
        cmocka_unit_test(without_latency_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
