#include "stress-server/services.h"

#include "stress-server/service_benchmark.h"
#include "stress-server/service_health.h"
#include "stress-server/service_reflection.h"
#include "stress-server/service_relay.h"
#include "stress-server/service_stress.h"
#include "stress-server/service_test.h"

#include <stdio.h>
#include <string.h>

const struct method services_methods[] = {
    {"/flatline.v1.Stress/NonStreaming", &stress_non_streaming},
    {"/flatline.v1.Stress/ClientStreaming", &stress_client_streaming},
    {"/flatline.v1.Stress/ServerStreaming", &stress_server_streaming},
    {"/flatline.v1.Stress/BidiStreaming", &stress_bidi_streaming},
    {"/flatline.v1.Relay/Publish", &relay_publish_one},
    {"/flatline.v1.Relay/PublishStream", &relay_publish_stream},
    {"/flatline.v1.Relay/Subscribe", &relay_subscribe_call},
    {"/grpc.health.v1.Health/Check", &health_check},
    {"/grpc.health.v1.Health/Watch", &health_watch},
    {"/grpc.testing.TestService/EmptyCall", &test_empty_call},
    {"/grpc.testing.TestService/UnaryCall", &test_unary_call},
    {"/grpc.testing.TestService/CacheableUnaryCall", &test_cacheable_unary_call},
    {"/grpc.testing.TestService/StreamingInputCall", &test_streaming_input_call},
    {"/grpc.testing.TestService/StreamingOutputCall", &test_streaming_output_call},
    {"/grpc.testing.TestService/FullDuplexCall", &test_full_duplex_call},
    {"/grpc.testing.TestService/HalfDuplexCall", &test_half_duplex_call},
    {"/grpc.testing.BenchmarkService/UnaryCall", &test_unary_call},
    {"/grpc.testing.BenchmarkService/StreamingCall", &benchmark_streaming_call},
    {"/grpc.testing.BenchmarkService/StreamingFromClient", &benchmark_streaming_from_client},
    {"/grpc.testing.BenchmarkService/StreamingFromServer", &benchmark_streaming_from_server},
    {"/grpc.testing.BenchmarkService/StreamingBothWays", &benchmark_streaming_both_ways},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &reflection_info},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &reflection_info},
    {NULL, NULL},
};

/* The methods of a service stand together. */
size_t services_list(char names[SERVICES_MAX][SERVICES_NAME])
{
    size_t count = 0;

    for (const struct method *m = services_methods; m->path != NULL && count < SERVICES_MAX; m++) {
        int size = (int)(strrchr(m->path, '/') - m->path - 1);

        snprintf(names[count], SERVICES_NAME, "%.*s", size, m->path + 1);
        if (count == 0 || strcmp(names[count - 1], names[count]) != 0)
            count++;
    }
    return count;
}

bool services_have(const char *name)
{
    size_t size = strlen(name);

    for (const struct method *m = services_methods; m->path != NULL; m++) {
        if (strncmp(m->path + 1, name, size) == 0 && m->path[1 + size] == '/')
            return true;
    }
    return false;
}
