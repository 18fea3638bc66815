#include "stress-server/services.h"

#include "stress-server/service_health.h"
#include "stress-server/service_stress.h"
#include "stress-server/service_test.h"

const struct method services_methods[] = {
    {"/flatline.v1.Stress/NonStreaming", &stress_non_streaming},
    {"/flatline.v1.Stress/ClientStreaming", &stress_client_streaming},
    {"/flatline.v1.Stress/ServerStreaming", &stress_server_streaming},
    {"/flatline.v1.Stress/BidiStreaming", &stress_bidi_streaming},
    {"/grpc.health.v1.Health/Check", &health_check},
    {"/grpc.testing.TestService/EmptyCall", &test_empty_call},
    {"/grpc.testing.TestService/UnaryCall", &test_unary_call},
    {"/grpc.testing.TestService/CacheableUnaryCall", &test_unary_call},
    {"/grpc.testing.TestService/StreamingInputCall", &test_streaming_input_call},
    {"/grpc.testing.TestService/StreamingOutputCall", &test_streaming_output_call},
    {"/grpc.testing.TestService/FullDuplexCall", &test_full_duplex_call},
    {"/grpc.testing.TestService/HalfDuplexCall", &test_half_duplex_call},
    {NULL, NULL},
};
